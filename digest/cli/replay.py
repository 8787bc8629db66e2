"""``digest replay``: do past diffs again."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from digest.actions import replaying
from digest.cli._context import AsJson, opened, options_of
from digest.cli._days import a_day
from digest.cli._output import print_line, print_notes, print_table, progress, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(replay)


def replay(
    context: typer.Context,
    since: Annotated[
        date, typer.Option("--from", parser=a_day, metavar="DAY", help="First day, in UTC.")
    ],
    into: Annotated[
        Path | None, typer.Option("--into", help="Keep the rebuilt store as this new SQLite file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the diff from the raw answers that were kept; the real store stays as it is."""
    with opened(context) as app:
        hidden = as_json or options_of(context).quiet
        with progress("replaying", hidden=hidden) as advance:
            found = replaying.replay(app, since, into=into, on_progress=advance)
    show(found, as_json=as_json, human=_print)
    if any(one.error for one in found):
        raise typer.Exit(1)


def _print(found: tuple[replaying.Replayed, ...]) -> None:
    if not found:
        print_line("no raw answers are kept since then")
        return
    print_table(
        ["at", "source", "records", "new", "then", "revised", "then ", "rejected"],
        (
            (
                f"{one.at:%Y-%m-%d %H:%M}", one.source, one.records, one.new, one.new_then,
                one.revised, one.revised_then, one.rejected,
            )
            for one in found
        ),
        right="records new then revised rejected",
    )  # fmt: skip
    print_notes({one.source: one.error for one in found if one.error})
