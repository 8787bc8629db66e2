"""The reference of commands, options, configuration keys, kinds and words, as Markdown.

It is made from the program itself, so it cannot say what is not so; a test holds the README to it.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from digest.cli._usage import USAGE
from digest.cli.glossary import WORDS
from digest.config import Settings
from digest.config.profiles import ProfileEntry
from digest.plugins import modules_with

BEGIN = "<!-- reference: begin (made by `digest docs reference --write README.md`) -->"
END = "<!-- reference: end -->"

PLUGINS = (
    ("Kinds of sources", "digest.sources", "source", "`kind` in `[sources.NAME]`"),
    ("Kinds of transports", "digest.delivery", "transport", "`kind` in `[transports.NAME]`"),
    ("Rankers", "digest.ranking", "ranker", "`ranker` in a profile"),
)


class Parameter(Protocol):
    """What is used of a Click parameter (Typer carries a Click of its own, or the real one)."""

    name: str | None
    param_type_name: str
    opts: list[str]
    secondary_opts: list[str]
    metavar: str | None
    required: bool


class Command(Protocol):
    """What is used of a Click command."""

    help: str | None
    hidden: bool
    params: Sequence[Parameter]


def reference(command: Command) -> str:
    """Return the whole reference section, without its heading and markers."""
    parts = ["### Commands", *_commands(command), "### Configuration", *_configuration()]
    for title, package, factory, place in PLUGINS:
        parts += [f"### {title}", *_plugins(package, factory, place)]
    parts += ["### Words", *_words()]
    return "\n\n".join(parts) + "\n"


def replace_section(text: str, section: str) -> str:
    """Return a document with what stands between the markers replaced.

    Raises ValueError where the markers are missing.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError("the markers of the reference are missing")
    return f"{head}{BEGIN}\n\n{section}\n{END}{tail}"


def walk(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Command]]:
    """Yield every command that does something, by its full name."""
    subcommands: Mapping[str, Command] = getattr(command, "commands", {})
    runs_alone = getattr(command, "invoke_without_command", True)
    if path and not getattr(command, "hidden", False) and (not subcommands or runs_alone):
        yield " ".join(path), command
    for name, sub in subcommands.items():
        if not sub.hidden:
            yield from walk(sub, (*path, name))


def options_of(command: Command) -> Iterator[tuple[str, str]]:
    """Yield each parameter as people write it, with its help."""
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        yield _spelling(parameter), _help_of(parameter)


def keys_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every key of a configuration file, dotted, with its field."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{name}"
        inner, many = _inner(field.annotation)
        if inner is None:
            yield path, field
        elif many == "dict":
            yield from keys_of(inner, f"{path}.NAME.")
        elif many == "list":
            yield path, field
            yield from keys_of(inner, f"{path}.")
        else:
            yield from keys_of(inner, f"{path}.")


def _commands(root: Command) -> Iterator[str]:
    yield "Global options, before the command:"
    yield _table(("option", "meaning"), [(f"`{name}`", text) for name, text in options_of(root)])
    for name, command in walk(root):
        yield f"#### `digest {name}`"
        yield _paragraph(command)
        if examples := USAGE.get(name):
            yield "\n".join(f"    {line}" for line in examples)
        if rows := [(f"`{spelled}`", text) for spelled, text in options_of(command)]:
            yield _table(("option", "meaning"), rows)


def _configuration() -> Iterator[str]:
    yield (
        "Each key of `digest.toml` may also come from the environment: `DIGEST_MAIL__SENDER` for "
        "`mail.sender`, or `DIGEST_MAIL__SENDER_FILE` naming a file that holds the value."
    )
    yield _keys_table(Settings)
    yield "A profile file (`config/profiles/NAME.toml`), or each entry of `[[profiles]]` in one:"
    yield _keys_table(ProfileEntry)


def _keys_table(model: type[BaseModel]) -> str:
    rows = [
        (f"`{path}`", _type_name(field.annotation), _default(field), field.description or "")
        for path, field in keys_of(model)
    ]
    return _table(("key", "type", "default", "meaning"), rows)


def _plugins(package: str, factory: str, place: str) -> Iterator[str]:
    rows = []
    for module in modules_with(package, factory):
        summary = (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")
        model = options_model(module)
        options = ", ".join(f"`{name}`" for name in model.model_fields) if model else ""
        rows.append((f"`{module.__name__.rpartition('.')[2]}`", summary, options))
    yield f"{place} names one of these, or anybody's as `pkg.mod:func`."
    yield _table(("kind", "what it is", "keys"), rows)


def options_model(module: types.ModuleType) -> type[BaseModel] | None:
    """Return the model of a plug-in's options, where it has one."""
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, BaseModel)
            and value.__module__ == module.__name__
            and value.__name__.endswith("Options")
        ):
            return value
    return None


def _words() -> Iterator[str]:
    yield _table(("word", "meaning here"), [(f"**{word}**", text) for word, text in WORDS.items()])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _spelling(parameter: Parameter) -> str:
    if parameter.param_type_name == "argument":
        name = (parameter.metavar or parameter.name or "").upper().strip("[]")
        return name if parameter.required else f"[{name}]"
    names = ", ".join([*reversed(parameter.opts), *parameter.secondary_opts])
    if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
        return names
    kind = getattr(getattr(parameter, "type", None), "name", "") or "value"
    return f"{names} {(parameter.metavar or kind).upper()}"


def _help_of(parameter: Parameter) -> str:
    return str(getattr(parameter, "help", "") or "")


def _paragraph(command: Command) -> str:
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    return text.replace("\f", "").strip()


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    origin = get_origin(annotation)
    for argument in get_args(annotation):
        found, _ = _inner(argument)
        if found is not None:
            many = "dict" if origin is dict else "list" if origin in (tuple, list) else ""
            return found, many
    return None, ""


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return _type_name(next(a for a in arguments if a is not type(None)))
    if origin in (tuple, list):
        inner, _ = _inner(annotation)
        if inner is not None:
            return "list of tables"
        name = _type_name(arguments[0])
        return f"list of {name}" if name.startswith("`") else f"list of {name}s"
    if origin is Annotated:
        return _type_name(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if annotation is SecretStr:
        return "secret text"
    names = {
        str: "text", int: "whole number", float: "number", bool: "true or false", "Path": "path",
    }  # fmt: skip
    return names.get(annotation) or getattr(annotation, "__name__", str(annotation)).lower()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), PydanticUndefined):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def whole_command() -> Command:
    """Return the command line as click sees it."""
    from digest.cli.main import build  # noqa: PLC0415 (main imports the module that asks)

    command: Any = typer.main.get_command(build())
    found: Command = command
    return found
