"""``digest templates``: copy the shipped templates, to change them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.actions import templates
from digest.cli._context import AsJson
from digest.cli._output import print_line, show
from digest.config.load import DEFAULT_PATH


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Copy the shipped templates, to change them.")
    group.callback()(_group)
    group.command()(eject)
    app.add_typer(group, name="templates")


def _group() -> None:
    """Keep ``eject`` a command of its own: Typer folds a group of one into the group."""


def eject(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where the copies go.")
    ] = DEFAULT_PATH.parent / "templates",
    force: Annotated[bool, typer.Option("--force", help="Write over files.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy every template of mails and pages to DIR; files that are there are kept.

    A file below mail.templates_dir comes before the shipped one of the same name.
    """
    show(templates.eject(folder, force=force), as_json=as_json, human=_print)


def _print(done: templates.Ejected) -> None:
    kept = f", {len(done.kept)} kept as they were" if done.kept else ""
    print_line(f"{done.folder}: {len(done.written)} templates copied{kept}")
    print_line(
        f'To use them, set in the configuration under [mail]: templates_dir = "{done.folder}"'
    )
    print_line("Delete those you do not change: the shipped ones then stay up to date.")
