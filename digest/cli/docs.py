"""``digest docs``: the reference, made from the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.cli import reference as made
from digest.cli._output import print_line
from digest.cli.example import example as made_example
from digest.cli.glossary import WORDS
from digest.errors import UsageError

EXAMPLE = Path("config", "digest.example.toml")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Print the documentation's generated parts.")
    group.command()(reference)
    group.command()(example)
    group.command()(words)
    app.add_typer(group, name="docs")


def reference(
    write: Annotated[
        Path | None,
        typer.Option(help="Replace what stands between the markers of this file."),
    ] = None,
) -> None:
    """Print the reference of all commands, options, configuration keys, kinds and words.

    With --write, the example configuration in the folder config beside it is written anew, too.
    """
    section = made.reference(made.whole_command())
    if write is None:
        typer.echo(section, nl=False)
        return
    try:
        old = write.read_text(encoding="utf-8")
        new = made.replace_section(old, section)
    except OSError as exc:
        raise UsageError(f"{write}: {exc.strerror or exc}") from exc
    except ValueError as exc:
        raise UsageError(f"{write}: {exc}; it needs the lines {made.BEGIN} and {made.END}") from exc
    if new != old:
        write.write_text(new, encoding="utf-8")
    print_line(f"{write}: {'written' if new != old else 'is up to date'}")
    shipped = write.parent / EXAMPLE
    if shipped.is_file() and shipped.read_text(encoding="utf-8") != (text := made_example()):
        shipped.write_text(text, encoding="utf-8")
        print_line(f"{shipped}: written")


def example(
    write: Annotated[Path | None, typer.Option(help="Write it into this file.")] = None,
) -> None:
    """Print an example configuration: every section and key, explained, at its default."""
    if write is None:
        typer.echo(made_example(), nl=False)
        return
    write.write_text(made_example(), encoding="utf-8")
    print_line(f"{write}: written")


def words() -> None:
    """Print the glossary: what each word means here."""
    for word, meaning in WORDS.items():
        print_line(f"{word:<40}{meaning}")
