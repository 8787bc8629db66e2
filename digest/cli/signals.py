"""``digest signals``: look again at papers that were found before."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import observing
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, print_table, progress, show
from digest.pipeline.observing import ObserverReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(signals)


def signals(
    context: typer.Context,
    observers: Annotated[
        list[str] | None,
        typer.Argument(
            help="huggingface, hackernews, github, citations, votes, enrich:SOURCE; "
            "all that are configured if none."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Observe votes, stars, points and citations of the last weeks' papers; exit 1 on failure."""
    with opened(context) as app:
        hidden = as_json or options_of(context).quiet
        count = len(observers or observing.names(app))
        with progress("observing", count, hidden=hidden) as advance:
            reports = observing.observe(app, observers or (), on_progress=lambda _one: advance())
    show(reports, as_json=as_json, human=_print)
    if any(report.error for report in reports):
        raise typer.Exit(1)


def _print(reports: tuple[ObserverReport, ...]) -> None:
    if not reports:
        print_line("nobody observes: see [signals] in the configuration")
        return
    print_table(
        ("observer", "due", "found", ""),
        ((one.observer, one.asked, one.found, one.error) for one in reports),
        right="due found",
    )
