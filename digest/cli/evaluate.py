"""``digest evaluate``: which ranker serves readers best, by what they said of papers."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions.evaluating import FEWEST, Evaluation, evaluate
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show
from digest.ranking.evaluation import DEPTH, Interval
from digest.text.counting import counted


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
    counts = ((found.relevant, "paper"), (found.sessions, "session"), (found.readers, "reader"))
    marked, sittings, people = (counted(*count) for count in counts)
    print_line(f"{marked} marked in {sittings} by {people}")
    print_line(
        f"{'ranker':<12}  {f'NDCG@{DEPTH}':<22} {f'recall@{DEPTH}':<22} {'first at':<14} "
        f"NDCG beside {found.base}'s"
    )
    for row in found.results:
        first = f"{row.first.value:.0f} ({row.first.low:.0f} to {row.first.high:.0f})"
        print_line(
            f"{row.ranker:<12}  {_told(row.ndcg):<22} {_told(row.recall):<22} {first:<14} "
            + (
                "-"
                if row.ranker == found.base
                else f"{row.gain.value:+.3f} ({row.gain.low:+.3f} to {row.gain.high:+.3f})"
            )
        )
    is_enough = found.sessions >= FEWEST
    doubt = "" if is_enough else f" (nothing is sure from fewer than {FEWEST} sessions)"
    print_line(f"best: {found.best}{doubt}")
    if found.used:
        print_line(found.used)


def _told(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
