"""``digest evaluate``: which ranker serves readers best, by what they said of papers."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import comparing
from digest.actions.comparing import Comparison
from digest.actions.evaluating import FEWEST, Evaluation, evaluate
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show
from digest.errors import UsageError
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
    live: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--live",
            metavar="A B",
            help="Compare two rankers in the mails themselves; run it again for the verdict.",
        ),
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="Show the last verdict of --live, and end it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Replay readers' own feedback in time order through each ranker, and compare.

    Each time a reader marked papers, the window of that moment is ranked with what was known
    before it. Intervals are 95 % bootstraps over these sessions.

    With --live two rankers fill each edition in turn, for readers whose profile names one of them.
    An edition is won by the ranker whose papers were liked more. You may look every day: a ranker
    that is no worse is ever called worse in at most 5 % of comparisons.
    """
    if live or stop:
        if name or ranker or use or (live and stop):
            raise UsageError("--live A B and --stop stand alone: they are for all readers")
        with opened(context) as app:
            told = comparing.stop(app) if live is None else comparing.compare(app, live)
        show(told, as_json=as_json, human=_print_live)
        return
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


def _print_live(found: Comparison) -> None:
    first, second = found.rankers
    if found.is_new:
        print_line(f"{first} and {second} fill editions in turn from now on")
        print_line(f"readers who take part: {found.readers}")
        print_line("run this again for the verdict; --stop ends it")
        return
    print_line(f"{first} and {second} since {found.started_at:%Y-%m-%d %H:%M} UTC")
    editions, readers = counted(found.editions, "marked edition"), counted(found.markers, "reader")
    print_line(f"{editions} of {readers}")
    print_line(
        f"won by {first}: {found.wins[first]}, by {second}: {found.wins[second]}, "
        f"by neither: {found.even}"
    )
    share = found.share
    print_line(
        f"{second} wins {share.value:.0%} of what one of them won "
        f"({share.low:.0%} to {share.high:.0%})"
    )
    print_line(f"better: {found.better}" if found.better else "no difference is sure yet")
    if found.is_stopped:
        print_line("stopped: each profile is ranked by its own ranker again")


def _told(found: Interval) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
