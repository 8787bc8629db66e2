"""``digest backup`` and ``digest restore``: the whole installation in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from digest.actions import backups
from digest.actions.backups import Backup
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, progress, show


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; it must not be there yet.")],
    portable: Annotated[
        bool, typer.Option("--portable", help="In a form that PostgreSQL can be filled from, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write store and signing secret into one compressed file and read it again to verify it.

    Keep the file safe: it holds every address. Nothing has to be stopped for it.
    """
    with (
        opened(context) as app,
        progress("backing up", hidden=options_of(context).quiet) as advance,
    ):
        found = backups.backup(app, file, portable=portable, on_progress=advance)
    show(found, as_json=as_json, human=lambda one: print_line(f"written: {_told(one)}"))


def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that `digest backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace all that the store holds.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the file and say what is in it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring an installation back from a backup; stop `digest serve` and workers first.

    Sending is paused after it: mails that waited then may have been sent since.
    """
    with (
        opened(context) as app,
        progress("restoring", hidden=options_of(context).quiet) as advance,
    ):
        if check:
            found = backups.check(file)
        else:
            found = backups.restore(app, file, force=force, on_progress=advance)

    def human(one: Backup) -> None:
        print_line(f"{'whole' if check else 'restored'}: {_told(one)}")
        if not check:
            print_line(
                "sending is paused: look at `digest deliveries list --state ready`, cancel what "
                "was sent since, then `digest deliveries resume`"
            )

    show(found, as_json=as_json, human=human)


def _told(one: Backup) -> str:
    return (
        f"{one.path} ({one.kind}, {one.size / 1e6:.1f} MB, {sum(one.rows.values())} rows, "
        f"schema {one.revision})"
    )
