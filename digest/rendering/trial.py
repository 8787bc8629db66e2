"""Made-up editions that use every place of the templates: what fails on them fails on readers.

Only values; `pipeline.readiness` composes them before anything is frozen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from digest.model import Author, Edition, Link, Paper, Pick
from digest.rendering import EditionInput, Look, PersonalLinks, SenderIdentity

_AT = datetime(2026, 4, 14, 12, tzinfo=UTC)
_SITE = "https://digest.example.org"
_LINKS = PersonalLinks(
    unsubscribe=f"{_SITE}/u/t",
    unsubscribe_mailto="mailto:stop@example.org?subject=unsubscribe%20t",
    preferences=f"{_SITE}/p/t",
    view=f"{_SITE}/e/t",
    feedback_base=f"{_SITE}/f/t",
    papers_base=f"{_SITE}/paper",
)
_LOOK = Look(name="trial", title="A trial", locale="en", abstracts="full", all_titles=True)


def trial_editions(sender: SenderIdentity) -> Iterator[EditionInput]:
    """Yield a rich edition, one that counts the other papers, a bare one, and one of nothing."""
    rich = tuple(map(_pick, (1, 2, 3), ("things", "trending", "update")))
    yield _given(sender, _edition(rich, others=(4, 5, 6, 7, 8, 9)), _LOOK)
    yield _given(sender, _edition(rich[:1], count=40), replace(_LOOK, all_titles=False))
    bare = replace(_LOOK, abstracts="none", all_titles=False)
    yield replace(_given(sender, _edition((_pick(10, ""),)), bare), links=PersonalLinks())
    yield _given(sender, _edition(()), _LOOK)


def _given(sender: SenderIdentity, edition: Edition, look: Look) -> EditionInput:
    return EditionInput(
        edition=edition,
        profile=look,
        papers={number: _paper(number) for number in range(1, 11)},
        deltas={1: {"hf_upvotes": (132.0, 41.0)}},
        recipient="reader@example.org",
        sender=sender,
        links=_LINKS,
        message_id="<trial@example.org>",
        composed_at=_AT,
    )


def _edition(picks: tuple[Pick, ...], others: tuple[int, ...] = (), count: int = 0) -> Edition:
    return Edition(
        row_id=1,
        subscription_id=1,
        subscriber_id=1,
        profile_id=1,
        slot_at=_AT,
        edition_on=_AT.date(),
        window_start_at=_AT,
        window_end_at=_AT,
        picks=picks,
        other_ids=others,
        other_count=max(count, len(others)),
        made_at=_AT,
    )


def _pick(number: int, section: str = "things") -> Pick:
    return Pick(
        paper_id=number,
        key=f"arxiv:2604.{number:05}",
        score=0.8,
        interest_score=0.7,
        trend_score=0.9,
        section=section,
        reason="matches a term" if section else "",
        is_new=number != 2,
    )


def _paper(number: int) -> Paper:
    """Return a paper; the first has all that a paper may have, the tenth as little as possible."""
    if number == 10:
        return Paper(row_id=10, key="arxiv:2604.00010", title="A bare paper", first_seen_at=_AT)
    kinds = ("pdf", "code", "project", "discussion", "thumbnail")
    return Paper(
        row_id=number,
        key=f"arxiv:2604.{number:05}",
        title=f"Paper number {number}",
        abstract="We study a thing. It turns out well.",
        summary="It turns out well." if number == 1 else "",
        authors=tuple(Author(name=f"Person {n}", affiliations=("A House",)) for n in range(5)),
        categories=("cs.LG", "cs.AI"),
        comment="12 pages",
        url=f"https://arxiv.org/abs/2604.{number:05}",
        links=tuple(Link(kind=kind, url=f"https://{kind}.example/{number}") for kind in kinds),
        published_at=_AT,
        announced_on=_AT.date(),
        first_seen_at=_AT,
        version=2,
        withdrawn=number == 3,
    )
