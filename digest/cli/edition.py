"""``digest edition``: a past day's edition, built again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from digest.actions import rebuilding
from digest.actions.rebuilding import Rebuilt
from digest.cli._context import AsJson, opened
from digest.cli._days import a_day
from digest.cli._output import print_json, print_line
from digest.cli.send import write_message
from digest.text.counting import counted


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(edition)


def edition(
    context: typer.Context,
    day: Annotated[
        date, typer.Option("--date", parser=a_day, metavar="DAY", help="The day on the edition.")
    ],
    profile: Annotated[str, typer.Option(help="Name of the profile.")],
    out: Annotated[
        Path | None, typer.Option(help="Write edition.html, .txt and .eml of each into a folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a past day's edition again, and prove it the same bytes or say what has changed.

    Exit code 1 where the bytes are not those that were sent.
    """
    with opened(context) as app:
        found = rebuilding.rebuild(app, profile, day)
    folders = [out / str(one.edition.row_id) if out else None for one in found]
    for one, folder in zip(found, folders, strict=True):
        if folder is not None:
            write_message(one.message, folder)
    if as_json:
        print_json([_summary(one) for one in found])
    else:
        _print(found, folders)
    if any(one.is_same is False for one in found):
        raise typer.Exit(1)


def _print(found: Sequence[Rebuilt], folders: Sequence[Path | None]) -> None:
    for one, folder in zip(found, folders, strict=True):
        if folder is None:
            print_line(one.message.text)
        print_line(
            f"edition {one.edition.row_id} to {one.reader}: "
            f"{counted(len(one.edition.picks), 'paper')}, {one.state or 'not mailed'}"
        )
        print_line(_verdict(one))
        for difference in one.differences:
            print_line(f"  {difference}")
        if folder is not None:
            print_line(f"written: {folder}")


def _verdict(one: Rebuilt) -> str:
    if one.is_same:
        return "the same bytes as were sent: their sum is the one that was kept"
    if one.is_same is False:
        return "not the bytes that were sent:"
    if one.differences:
        return "no sum of the mail was kept; it would not be the same:"
    return "no sum of the mail was kept; all that it is made of is as it was"


def _summary(one: Rebuilt) -> dict[str, object]:
    return {
        "edition": one.edition.row_id,
        "reader": one.reader,
        "subject": one.message.subject,
        "message_id": one.message.message_id,
        "picks": [pick.key for pick in one.edition.picks],
        "state": one.state,
        "is_same": one.is_same,
        "differences": one.differences,
    }
