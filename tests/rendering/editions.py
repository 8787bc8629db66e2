"""Editions that show all a mail can hold, and what a hostile feed would put into it."""

from __future__ import annotations

from builders import a_paper, a_pick, a_profile, an_edition, an_edition_input

from digest.model import Author, Link, Paper
from digest.rendering import EditionInput

HOSTILE = '</p></td></table><script>alert(1)</script><img src=x onerror="y"> <!-- & \u202eevil'


def a_rich_paper(number: int, **changes: object) -> Paper:
    links = tuple(
        Link(kind=kind, url=f"https://{kind}.example/{number}?a=1&b=2")
        for kind in ("pdf", "code", "project", "discussion")
    )
    authors = tuple(Author(name=f"Person {n}", affiliations=("A House",)) for n in range(6))
    values = {"links": links, "authors": authors, "comment": "12 pages", "summary": "It works."}
    return a_paper(number, **(values | changes))


def a_full_edition() -> EditionInput:
    picks = (
        a_pick(1),
        a_pick(2, section="trending"),
        a_pick(3, section="update"),
        a_pick(4, section="carried-over", is_new=False),
    )
    edition = an_edition(*picks, other_ids=(11, 12, 13, 14, 15), other_count=40)
    papers = {n: a_rich_paper(n) for n in (1, 2, 3, 4, 11, 12, 13, 14, 15)}
    return an_edition_input(edition, papers=papers, deltas={1: {"hf_upvotes": (132.0, 41.0)}})


def a_hostile_edition() -> EditionInput:
    papers = {n: a_rich_paper(n, title=HOSTILE, abstract=HOSTILE, comment=HOSTILE) for n in (1, 2)}
    return an_edition_input(
        an_edition(a_pick(1, reason=HOSTILE, section=HOSTILE), a_pick(2)),
        papers=papers,
        profile=a_profile(title=HOSTILE),
    )
