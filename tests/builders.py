"""Keyword builders: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.model import Author, Edition, Interest, Paper, Pick, Profile, Record, Schedule, Term
from digest.rendering import EditionInput, PersonalLinks, SenderIdentity

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)  # a Tuesday


def a_record(number: int = 1, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "key": f"arxiv:2604.{number:05}",
        "native_id": f"oai:arXiv.org:2604.{number:05}v1",
        "source": "arxiv-ml",
        "version": 1,
        "title": f"Paper number {number} about careful studies of things",
        "abstract": "We study things carefully. They turn out to be interesting.",
        "authors": (Author(name="Ada Lovelace"), Author(name="Alan Turing")),
        "categories": ("cs.LG",),
        "url": f"https://arxiv.org/abs/2604.{number:05}",
        "published_at": NOON - timedelta(days=1),
        "announced_on": NOON.date(),
    }
    return Record(**(values | changes))


def a_paper(number: int = 1, **changes: Any) -> Paper:
    values: dict[str, Any] = {
        "row_id": number,
        "key": f"arxiv:2604.{number:05}",
        "title": f"Paper number {number} about careful studies of things",
        "abstract": "We study things carefully. They turn out to be interesting.",
        "authors": (Author(name="Ada Lovelace"), Author(name="Alan Turing")),
        "categories": ("cs.LG",),
        "url": f"https://arxiv.org/abs/2604.{number:05}",
        "published_at": NOON - timedelta(days=1),
        "announced_on": NOON.date(),
        "first_seen_at": NOON - timedelta(hours=6),
        "version": 1,
        "sources": ("arxiv-ml",),
    }
    return Paper(**(values | changes))


def an_interest(name: str = "things", *terms: str, **changes: Any) -> Interest:
    values: dict[str, Any] = {"name": name, "terms": tuple(Term(text=t) for t in terms)}
    return Interest(**(values | changes))


def a_profile(name: str = "ada", **changes: Any) -> Profile:
    values: dict[str, Any] = {
        "name": name,
        "interests": (an_interest("things", "careful studies"),),
        "schedule": Schedule(),
    }
    return Profile(**(values | changes))


def a_pick(number: int = 1, **changes: Any) -> Pick:
    values: dict[str, Any] = {
        "paper_id": number,
        "key": f"arxiv:2604.{number:05}",
        "score": 0.8,
        "interest_score": 0.7,
        "trend_score": 0.9,
        "section": "things",
        "reason": "matches careful studies; 12 votes since yesterday",
    }
    return Pick(**(values | changes))


def an_edition(*picks: Pick, **changes: Any) -> Edition:
    values: dict[str, Any] = {
        "row_id": 1,
        "subscription_id": 1,
        "subscriber_id": 1,
        "profile_id": 1,
        "slot_at": NOON,
        "edition_on": date(2026, 4, 14),
        "window_start_at": NOON - timedelta(days=1),
        "window_end_at": NOON,
        "picks": picks or (a_pick(),),
        "made_at": NOON,
    }
    return Edition(**(values | changes))


def an_edition_input(edition: Edition | None = None, **changes: Any) -> EditionInput:
    """Give a composer's whole input: papers for every pick, links of one delivery."""
    edition = edition or an_edition()
    named = [pick.paper_id for pick in edition.picks] + list(edition.other_ids)
    values: dict[str, Any] = {
        "edition": edition,
        "profile": a_profile(),
        "papers": {row_id: a_paper(row_id) for row_id in named},
        "recipient": "ada@example.org",
        "sender": SenderIdentity(
            address="digest@example.org",
            name="Paper digest",
            list_id="digest.example.org",
            installation="lab-1",
        ),
        "links": PersonalLinks(
            unsubscribe="https://digest.example.org/u/" + "t" * 90,
            unsubscribe_mailto="mailto:stop@example.org",
            preferences="https://digest.example.org/p/" + "p" * 60,
            view="https://digest.example.org/e/" + "v" * 60,
            feedback_base="https://digest.example.org/f/" + "f" * 60,
        ),
        "message_id": "<1.abc@example.org>",
        "composed_at": NOON,
    }
    return EditionInput(**(values | changes))
