"""Turn what pydantic and tomllib complain of into one line each: file, line, key, expectation."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from digest.config.environment import variable_of
from digest.errors import ConfigError
from digest.text.decoding import decode

MOST_BYTES = 1 << 20
"""Of a configuration or profile file: a profile of a thousand terms has 30 kB."""

_LONG_KEY = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]++[ \t]*+\.[ \t]*+){50}")
"""The parser's time grows with the square of a key's parts."""


def read_toml(path: Path) -> tuple[dict[str, Any], str]:
    """Return a TOML file's tables and its text; raise ConfigError naming file and line.

    Takes what editors write: UTF-8 or UTF-16 with a byte order mark, any line ends.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError as exc:
        raise ConfigError(f"{path}: there is no such file", file=path) from exc
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc}", file=path) from exc
    if len(content) > MOST_BYTES:
        reason = f"larger than {MOST_BYTES >> 20} MB: put lists of papers into a library file"
        raise ConfigError(f"{path}: {reason}", file=path)
    text, encoding = decode(content)
    if not encoding.startswith("utf"):
        raise ConfigError(f"{path}: cannot be read: not UTF-8; save it as UTF-8", file=path)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise ConfigError(f"{path}:{line}: not valid TOML: a key of too many parts", file=path)
    try:
        return tomllib.loads(text), text
    except (ValueError, RecursionError) as exc:  # also of numbers too long and arrays too deep
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(exc))
        where = f":{found[1]}" if found else ""
        reason = str(exc).partition(" (at ")[0]
        raise ConfigError(f"{path}{where}: not valid TOML: {reason}", file=path) from exc


def explain(
    error: ValidationError,
    *,
    file: str,
    text: str = "",
    prefix: Sequence[str] = (),
    model: type[BaseModel] | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[str]:
    """Return one line for each mistake: ``file:line: key: what is expected``.

    A key that came from ``environ`` is told by its variable.
    """
    lines = []
    for mistake in error.errors(include_url=False):
        path = [*prefix, *(str(part) for part in mistake["loc"])]
        where = place_of(path, file=file, text=text, environ=environ or {})
        lines.append(f"{where}: {'.'.join(path)}: {_expectation(mistake, model, path, prefix)}")
    return lines


def place_of(path: Sequence[str], *, file: str, text: str, environ: Mapping[str, str]) -> str:
    """Return where a key was set: its variable, else the file with the line."""
    if variable := variable_of(path, environ):
        return f"environment: {variable}"
    number = line_of(text, path)
    return f"{file}:{number}" if number else file


def nearest(name: str, names: Sequence[str]) -> str:
    """Return `` (did you mean x?)`` for the nearest right name, or nothing."""
    match = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean {match[0]!r}?)" if match else ""


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the line of a key in TOML text, as well as a reader would find it.

    Sections are looked up by their header, array entries by counting ``[[headers]]``; 0 and
    None mean that the key is not spelled out (a missing one: its table's line is given).
    """
    if not text:
        return None
    names = [part for part in path if not part.isdigit()]
    counts = [int(part) for part in path if part.isdigit()]
    best = None
    header: list[str] = []
    seen_arrays = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if match := re.match(r"\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?$", stripped):
            header = [part.strip().strip("\"'") for part in match[1].split(".")]
            if stripped.startswith("[["):
                seen_arrays = seen_arrays + 1 if header == names[: len(header)] else seen_arrays
            if header == names[: len(header)] and _entry_fits(counts, seen_arrays, stripped):
                best = number
            continue
        if match := re.match(r"([A-Za-z0-9_\-\"'.]+)\s*=", stripped):
            key = header + [part.strip("\"'") for part in match[1].split(".")]
            if key == names[: len(key)] and len(key) > len(header) and key[: len(header)] == header:
                if counts and header and not _entry_fits(counts, seen_arrays, "[["):
                    continue
                return number
    return best


def _entry_fits(counts: Sequence[int], seen: int, header: str) -> bool:
    return not counts or not header.startswith("[[") or seen == counts[0] + 1


def _expectation(
    mistake: Any, model: type[BaseModel] | None, path: Sequence[str], prefix: Sequence[str]
) -> str:
    kind = mistake["type"]
    if kind == "extra_forbidden":
        parent = _model_at(model, path[len(prefix) : -1]) if model else None
        known = list(parent.model_fields) if parent else []
        return f"there is no such key{nearest(path[-1], known)}"
    if kind == "missing":
        return "this key is required"
    if kind == "value_error":
        return str(mistake["ctx"]["error"])
    shown = repr(mistake["input"])
    message = str(mistake["msg"])
    message = message.removeprefix("Input should be ").removeprefix("Value error, ")
    return f"expected {message}, not {shown if len(shown) < 60 else shown[:57] + '...'}"


def _model_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """Walk down the fields' annotations to the model that a path ends in."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(part)
            current = field.annotation if field else None
        elif not part.isdigit():
            continue  # a key of a dict of models
        current = _inner_model(current)
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _inner_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (inner := _inner_model(argument)) is not None:
            return inner
    return None
