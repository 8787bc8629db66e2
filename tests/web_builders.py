"""Stored papers for tests of pages: a small day, and one before it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from builders import NOON
from sqlalchemy import insert

from digest.app import App
from digest.store.tables import paper_ids, papers, sightings, signals

TITLES = (
    ("Diffusion models fold proteins", "cs.LG", 57),
    ("Robots learn to iron shirts", "cs.RO", 12),
    ("A theory of quiet gradients", "stat.ML", 3),
    ("Language models that count votes", "cs.CL", 0),
)


def fill(app: App, now: datetime = NOON) -> None:
    """Store a small day of papers with two observations of their votes, and a day before."""
    with app.writing() as connection:
        for number, (title, category, votes) in enumerate(TITLES, start=1):
            store_paper(connection, number, title, category, votes, now)
        store_paper(connection, 9, "Yesterday's transformers", "cs.LG", 5, now - timedelta(days=1))


def store_paper(
    connection: Any,
    number: int,
    title: str,
    category: str,
    votes: int,
    now: datetime,
    **changes: Any,
) -> None:
    key = f"arxiv:2604.{number:05}"
    values = {
        "id": number, "key": key, "title": title,
        "abstract": f"We study {title.lower()} with great care. Results are good.",
        "authors": [{"name": "Ada Lovelace", "affiliations": [], "ids": []}],
        "categories": [category], "url": f"https://arxiv.org/abs/2604.{number:05}",
        "links": [{"kind": "pdf", "url": f"https://arxiv.org/pdf/2604.{number:05}"}],
        "fingerprint": "1:x", "version": 1, "first_seen_at": now - timedelta(hours=6),
        "new_at": now - timedelta(hours=6), "published_at": now - timedelta(days=1),
        "announced_on": now.date(),
    }  # fmt: skip
    connection.execute(insert(papers).values(**(values | changes)))
    connection.execute(
        insert(paper_ids).values(scheme="arxiv", value=f"2604.{number:05}", paper_id=number)
    )
    connection.execute(
        insert(sightings).values(
            paper_id=number, source="arxiv-ml", announced_on=now.date(), announce_type="new",
            seen_at=now - timedelta(hours=6),
        )
    )  # fmt: skip
    for hours, share in ((30, 0.3), (2, 1.0)):
        if votes:
            connection.execute(
                insert(signals).values(
                    paper_id=number, kind="hf_upvotes", value=votes * share,
                    observed_at=now - timedelta(hours=hours),
                )
            )  # fmt: skip
