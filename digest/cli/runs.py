"""``digest runs``: the latest passes, how they ended and what they did."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import watching
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.store.watching import RunLine


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(runs)


def runs(
    context: typer.Context,
    latest: Annotated[int, typer.Option(min=1, max=10_000, help="List so many at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest passes, newest first: when, how they ended, what went wrong.

    The scheduler's ticks, one a minute, are listed only where something was mailed or went wrong.
    """
    with opened(context) as app:
        found = watching.runs(app, limit=latest)
    show(found, as_json=as_json, human=_print)


def _print(found: tuple[RunLine, ...]) -> None:
    if not found:
        print_line("there was none yet")
        return
    print_table(
        ("began (UTC)", "pass", "took", "made", "sent", "exit", "what went wrong"),
        [
            (f"{run.started_at:%F %T}", run.command, _took(run), run.made, run.sent,
             "" if run.exit_code is None else run.exit_code, "; ".join(run.problems))
            for run in found
        ],
        right="took made sent exit",
    )  # fmt: skip


def _took(run: RunLine) -> str:
    if run.ended_at is None:
        return "goes on"
    return f"{(run.ended_at - run.started_at).total_seconds():.0f} s"
