"""``digest poll``: ask the sources for new papers."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import lookups, polling
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, print_notes, print_table, progress, show
from digest.model import Completeness, PollReport


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(poll)


def poll(
    context: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Argument(help="Names of sources; all that are due if none.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Poll even if not due, and read everything anew.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the sources for new papers; exit 1 if one failed or is incomplete."""
    with opened(context) as app:
        hidden = as_json or options_of(context).quiet
        with progress("polling", len(sources or app.sources), hidden=hidden) as advance:
            reports = polling.poll(
                app, sources or (), force=force, on_progress=lambda _report: advance()
            )
        looked_up = lookups.look_up(app)
    show(reports, as_json=as_json, human=_print)
    if not as_json:
        print_notes(looked_up.notes)
    if not all(polling.is_good(report) for report in reports):
        raise typer.Exit(1)


def _print(reports: tuple[PollReport, ...]) -> None:
    if not reports:
        print_line("no source is configured: add a [sources.NAME] table, or run `digest init`")
        return
    print_table(
        ["source", "", "records", "new", "revised", "rejected", "batch", "verdict"],
        (
            (
                report.source, report.status, report.records or "", report.new or "",
                report.revised or "", report.rejected or "", report.batch_on, verdict(report),
            )
            for report in reports
        ),
        right="records new revised rejected",
    )  # fmt: skip
    print_notes(polling.notes(reports))


def verdict(report: PollReport) -> str:
    """Return the completeness in a table's cell: blogs have none."""
    return "" if report.completeness is Completeness.UNKNOWN else report.completeness.value
