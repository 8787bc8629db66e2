"""``config/digest.example.toml``, made from the settings themselves: every key, none forgotten.

Each key stands commented at its default under the sentence that explains it; only what a first
installation needs is switched on. A test holds the shipped file to what is made here.
"""

from __future__ import annotations

import inspect
import json
import textwrap
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from digest.cli.reference import options_model
from digest.config import Settings
from digest.config.sections import DEFAULT_LIMITS, SourceSection, TransportSection
from digest.plugins import modules_with

HEAD = """\
# The digest's configuration: copy it to config/digest.toml, or let `digest init` write a short
# one. Every key stands here at its default; take the "# " away to change it.
# Any key may come from the environment as well: DIGEST_MAIL__SENDER, or DIGEST_MAIL__SENDER_FILE
# naming a file that holds the value. `digest config check` tells every mistake by its line.
"""

LIVE = {
    "sources.huggingface.kind", "sources.arxiv.kind", "sources.arxiv.categories",
    "transports.file.kind",
}  # fmt: skip
"""Keys that are not commented: enough to try it without mailing anybody."""

SAMPLES: Mapping[str, Any] = {
    "sources.arxiv.categories": ["cs.LG", "cs.CL", "cs.AI"],
    "sources.feed.url": "https://bair.berkeley.edu/blog/feed.xml",
    "sources.listing.path": "~/Maildir/.arxiv",
    "sources.openalex.search": "gaussian splatting",
    "sources.crossref.query": "protein design",
    "sources.pubmed.query": "sleep[Title] AND mice",
    "sources.openreview.venue_ids": ["ICLR.cc/2026/Conference"],
    "transports.smtp.port": 587,
    "transports.http.url": "https://api.example.org/messages",
    "transports.chat.url": "discord://id/token",
    "web.owner_token": "a-long-random-text",
    "mail.dkim.key_file": "config/dkim.pem",
    "mail.dkim.ed25519_key_file": "config/dkim-ed25519.pem",
    "mail.bounces.maildir": "digest-data/bounces",
    "digest.secret": "a-long-random-text",
    "mail.bounces.webhook_secret": "a-long-random-text",
    "mail.templates_dir": "config/templates",
}
"""What to show where there is no default that says anything."""


def example() -> str:
    """Return the text of the file."""
    parts = [HEAD, *_fields(Settings, "", tables=False)]
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            parts += _table(name, model)
        elif name == "limits":
            parts += _limits()
        elif name == "sources":
            parts += _kinds(name, SourceSection, "digest.sources", "source")
        elif name == "transports":
            parts += _kinds(name, TransportSection, "digest.delivery", "transport")
    return "\n".join(parts).rstrip() + "\n"


def _table(path: str, model: type[BaseModel]) -> Iterator[str]:
    yield from _title(model)
    yield f"[{path}]"
    yield from _fields(model, path)
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _table(f"{path}.{name}", inner)


def _title(described: Any) -> Iterator[str]:
    text = (inspect.getdoc(described) or "").split("\n\n")[0].replace("\n", " ")
    yield "\n" + "\n".join(_comment(f"---- {text.replace('``', '')}"))


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 96, initial_indent="# ", subsequent_indent="# ")


def _limits() -> Iterator[str]:
    yield "\n# ---- How often we may ask a provider; these are its limits unless said otherwise."
    for provider, limit in DEFAULT_LIMITS.items():
        yield f"# [limits.{provider}]"
        yield from (f"# {key} = {_value(value)}" for key, value in limit.model_dump().items())


def _kinds(path: str, base: type[BaseModel], package: str, factory: str) -> Iterator[str]:
    shown: set[str] = set()
    for module in sorted(modules_with(package, factory), key=lambda m: not _is_live(path, m)):
        kind = module.__name__.rpartition(".")[2]
        name = f"{path}.{kind}"
        mark = "" if f"{name}.kind" in LIVE else "# "
        yield from _title(module)
        yield f"{mark}[{name}]"
        yield f'{mark}kind = "{kind}"'
        yield from _fields(base, name, but=shown | {"kind"})
        shown |= set(base.model_fields)  # the keys that every kind has are explained once
        if options := options_model(module):
            yield from _fields(options, name)


def _is_live(path: str, module: types.ModuleType) -> bool:
    return f"{path}.{module.__name__.rpartition('.')[2]}.kind" in LIVE


def _fields(
    model: type[BaseModel], path: str, *, but: set[str] | None = None, tables: bool = True
) -> Iterator[str]:
    for name, field in model.model_fields.items():
        full = f"{path}.{name}".lstrip(".")
        if name in (but or ()) or _is_table(field) or (not tables and _is_tables(field)):
            continue
        yield from _comment(field.description or "")
        mark = "" if full in LIVE else "# "
        yield f"{mark}{name} = {_value(_shown(full, field))}"


def _is_table(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _is_tables(field: FieldInfo) -> bool:
    return "Section]" in str(field.annotation)


def _shown(path: str, field: FieldInfo) -> Any:
    if path in SAMPLES:
        return SAMPLES[path]
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return _nothing(field)
    return value


def _nothing(field: FieldInfo) -> Any:
    """Return a value of the field's type for a key that has no default."""
    told = str(field.annotation)
    if "int" in told or "float" in told:
        rules = [_limits_of(rule) for rule in field.metadata]
        least = [rule["ge"] for rule in rules if "ge" in rule]
        return next(iter(least), int(any("gt" in rule for rule in rules)))
    if "Literal[" in told:
        return told.partition("Literal[")[2].partition("]")[0].split(",")[0].strip("'\" ")
    return [] if "tuple" in told else ""


def _limits_of(rule: Any) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in ("ge", "gt") if hasattr(rule, name)}


def _value(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{json.dumps(key)} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value, ensure_ascii=False)
