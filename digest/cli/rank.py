"""``digest rank`` and ``digest explain``: what a profile gets, and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from digest.actions import explaining, ranking
from digest.actions.explaining import Explanation
from digest.actions.outbox import MailExplanation, told_back
from digest.actions.ranking import Account, Ranking, Scores
from digest.cli._context import AsJson, opened
from digest.cli._days import OnDate
from digest.cli._output import print_line, show
from digest.cli._pictures import write_picture
from digest.rendering.scatter import scatter
from digest.text.counting import counted

Name = Annotated[str, typer.Argument(help="Name of a profile, or a subscriber's address.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(rank)
    app.command()(explain)


def rank(
    context: typer.Context,
    profile: Annotated[
        str,
        typer.Argument(metavar="PROFILE", help="Name of a profile, or a subscriber's address."),
    ],
    on: OnDate = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw interest against trend into this file: .svg, or .png."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print today's table for a profile: score, its interest and trend parts, the reason.

    For a profile as a reader gets it who was shown nothing yet; for an address, what is left.
    """
    with opened(context) as app:
        found, dots = ranking.scattered(app, profile, on=on)
    if plot is not None:
        title = f"{found.profile}, {found.edition_on}: {counted(found.considered, 'paper')}"
        write_picture(scatter(title, dots), plot, option="--plot")
    show(found, as_json=as_json, human=_print_ranking)


def explain(
    context: typer.Context,
    name: Name,
    paper: Annotated[
        str, typer.Option(help="Key or address of a paper, such as arxiv:2401.01234.")
    ] = "",
    on: OnDate = None,
    as_json: AsJson = False,
) -> None:
    """Say why mail came or did not, and why an edition or one paper is what it is."""
    with opened(context) as app:
        found = explaining.explain(app, name, paper=paper, on=on)
    show(found, as_json=as_json, human=_print_asked if paper else _print_explanation)


def _print_asked(found: Explanation) -> None:
    if found.account is not None:
        _print_paper(found.account)


def _print_explanation(found: Explanation) -> None:
    if found.mail is not None:
        _print_mail(found.mail)
    if found.account is not None:
        _print_account(found.account)


def _print_mail(found: MailExplanation) -> None:
    print_line(f"mail: {found.verdict}")
    for one in found.deliveries:
        said = " ".join(filter(None, (str(one.code or ""), one.enhanced_code, one.reply)))
        at = one.sent_at or one.created_at
        print_line(f"  {one.row_id}  {at:%F %R}  {one.purpose}  {one.state}  {said[:70]}".rstrip())
        if back := found.returned.get(one.row_id):
            print_line(f"      came back {back.received_at:%F %R}: {told_back(back)}")


def _print_ranking(found: Ranking) -> None:
    _print_head(found)
    if found.picks:
        _print_scores(found.picks)


def _print_account(found: Account) -> None:
    next_at = f"{found.next_slot_at:%Y-%m-%d %H:%M} UTC" if found.next_slot_at else "not planned"
    last = (
        f"{found.last_edition_on} with {counted(found.last_picks, 'paper')}"
        if found.last_edition_on
        else "none yet"
    )
    print_line(f"reader: {found.reader or 'nobody yet'} ({found.status})")
    print_line(f"last edition: {last}; next edition: {next_at}")
    for line in found.sources:
        note = f"; {line.note}" if line.note else ""
        print_line(f"source {line.source}: {line.new} new, {line.completeness}{note}")
    _print_ranking(found.ranking)
    for pick in found.ranking.picks:
        print_line(f"  {pick.key}: {_parts(pick)}")
    if found.nearest:
        print_line("the best that were left out:")
        _print_scores(found.nearest)


def _print_paper(found: Account) -> None:
    paper = found.paper
    if paper is None:
        return
    print_line(f"{paper.key} {paper.title}".rstrip())
    print_line(f"{paper.cause}: {paper.account}")
    if paper.score is not None:
        print_line(
            f"score {paper.score:.3f} = interest {paper.interest or 0:.3f} "
            f"and trend {paper.trend or 0:.3f}, nearest to {paper.section or 'no interest'}"
        )
        if paper.grade is not None:
            print_line(f"graded {paper.grade} of 3 by the language model")
        print_line(f"parts: {_parts(paper)}")
    if found.near:
        print_line("nearest of the papers you liked (what each would say alone):")
        for one in found.near:
            print_line(f"  {one.strength:.3f}  {one.title}  [{one.interest}]")


def _print_head(found: Ranking) -> None:
    print_line(
        f"{found.profile}, {found.edition_on}: {len(found.picks)} of "
        f"{counted(found.considered, 'paper')} "
        f"from {found.window_start_at:%Y-%m-%d %H:%M} to {found.window_end_at:%Y-%m-%d %H:%M} UTC"
    )
    if not found.considered:
        print_line("no paper of these days is stored: `digest poll` asks the sources")
    if found.left_out:
        causes = ", ".join(f"{cause} {count}" for cause, count in found.left_out.items())
        print_line(f"left out: {causes}")
    for sentence in found.not_found:
        print_line(sentence)


def _print_scores(rows: Iterable[Scores]) -> None:
    """Print the numbers in columns, title and reason below: no column squeezes another."""
    print_line("     score  interest  trend  paper")
    for place, row in enumerate(rows, 1):
        print_line(
            f"{place:>3}. {row.score or 0:.3f}  {row.interest or 0:8.3f}  {row.trend or 0:.3f}  "
            f"{row.key}  [{row.section or row.cause}]{_graded(row)}"
        )
        print_line(f"     {row.title}")
        print_line(f"     {row.account}")


def _graded(row: Scores) -> str:
    return "" if row.grade is None else f"  graded {row.grade} of 3"


def _parts(paper: Scores) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in paper.parts.items()) or "nothing"
