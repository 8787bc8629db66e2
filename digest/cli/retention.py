"""``digest prune``: forget what is older than the configuration keeps."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import retention
from digest.cli._context import AsJson, opened, options_of
from digest.cli._output import print_line, progress, show


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(prune)


def prune(
    context: typer.Context,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be removed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than store.keep_papers_days, keep_bodies_days, keep_history_days.

    A pruned paper leaves a tombstone and is never new again; `digest serve` prunes once a day.
    """
    with (
        opened(context) as app,
        progress("pruning", hidden=options_of(context).quiet or dry_run) as advance,
    ):
        found = retention.prune(app, dry_run=dry_run, on_progress=advance)

    def human(pruned: retention.Pruned) -> None:
        print_line("would be removed:" if dry_run else "removed:")
        for name, count in (
            ("papers", pruned.papers),
            ("raw answers", pruned.answers),
            *pruned.history.items(),
        ):
            print_line(f"  {name:<12}{count:>10}")

    show(found, as_json=as_json, human=human)
