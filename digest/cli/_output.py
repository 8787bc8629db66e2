"""How commands print: JSON, tables, plain lines, progress. No command prints by itself."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from digest.errors import DigestError
from digest.lazily import lazily

if TYPE_CHECKING:
    import pydantic_core
    from rich import console, markup, table
    from rich import progress as bars
else:
    pydantic_core = lazily("pydantic_core")
    console = lazily("rich.console")
    markup = lazily("rich.markup")
    bars = lazily("rich.progress")
    table = lazily("rich.table")

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All control characters but line feeds and tabs, and those that reverse the reading."""


def print_json(value: Any) -> None:
    """Print a value (frozen dataclasses, dates, paths and all) as indented JSON."""
    plain = pydantic_core.to_jsonable_python(_plain(value), fallback=str)
    text = json.dumps(plain, ensure_ascii=False, indent=2)
    sys.stdout.write(_CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n")


def _safe(text: str) -> str:
    """Return the text with what would steer a terminal made visible."""
    return _CONTROL.sub("\ufffd", text)


def _without_markup(text: str) -> str:
    return markup.escape(_safe(text))


def print_line(text: str = "") -> None:
    """Print one line of plain text: nothing in it is markup."""
    typer.echo(_safe(text))


def print_error(error: DigestError) -> None:
    """Print each line of an error to standard error, behind the program's name."""
    for line in str(error).splitlines():
        typer.echo(f"{typer.style('digest:', fg='red', bold=True)} {_safe(line)}", err=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "", right: str = ""
) -> None:
    """Print rows as a table; ``right`` names (by spaces) the columns aligned right."""
    made = table.Table(
        title=_without_markup(title) or None, title_justify="left", header_style="bold", box=None
    )
    for column in columns:
        made.add_column(column, justify="right" if column in right.split() else "left")
    for row in rows:
        made.add_row(*(_without_markup("" if cell is None else str(cell)) for cell in row))
    console.Console(highlight=False, soft_wrap=True).print(made)


def print_notes(notes: Mapping[str, str]) -> None:
    """Print what a table has no room for, a line each: ``name: note``; empty ones are left out."""
    for name, note in notes.items():
        if note:
            print_line(f"{name}: {note}")


def show(value: Any, *, as_json: bool, human: Callable[[Any], None]) -> None:
    """Print a report either way."""
    if as_json:
        print_json(value)
    else:
        human(value)


@contextmanager
def progress(label: str, total: int | None = None, *, hidden: bool = False) -> Iterator[Any]:
    """Show a bar on a terminal; yields a function to call with the number just done."""
    if hidden or not sys.stderr.isatty():
        yield lambda *_counts, **_total: None
        return
    with bars.Progress(
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeElapsedColumn(),
        console=console.Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task(label, total=total)
        yield lambda count=1, total=None: bar.update(task, advance=count, total=total)


def _plain(value: Any) -> Any:
    """Turn dataclasses into dicts by hand: pydantic's own way drops properties silently."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
