"""``digest evaluate``: which ranker serves readers best, by what they said of papers."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions.evaluating import Evaluation, evaluate
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show
from digest.ranking.evaluation import Interval


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="evaluate")(evaluate_)


def evaluate_(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(metavar="[PROFILE]", help="A profile or an address; all readers if empty."),
    ] = "",
    ranker: Annotated[
        list[str] | None,
        typer.Option(help="A ranker to judge; repeat it. The first is the measure."),
    ] = None,
    use: Annotated[bool, typer.Option("--use", help="Rank by the best one from now on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replay readers' own feedback in time order through each ranker, and compare.

    Each time a reader marked papers, the window of that moment is ranked with what was known
    before it. Intervals are 95 % bootstraps over these sessions.
    """
    with opened(context) as app:
        found = evaluate(app, name, rankers=tuple(ranker or ()), use=use)
    show(found, as_json=as_json, human=_print)


def _print(found: Evaluation) -> None:
    print_line(
        f"{found.relevant} papers marked in {found.sessions} sessions by {found.readers} readers"
    )
    print_line("ranker        NDCG@10              recall@10            first at             gain")
    for row in found.results:
        first = f"{row.first.value:.0f} ({row.first.low:.0f} to {row.first.high:.0f})"
        print_line(
            f"{row.ranker:<12}  {_told(row.ndcg):<20} {_told(row.recall):<20} {first:<20} "
            f"{row.gain.value:+.3f} ({row.gain.low:+.3f} to {row.gain.high:+.3f})"
        )
    print_line(f"best: {found.best}")
    if found.used:
        print_line(found.used)


def _told(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
