"""One-sentence summaries from elsewhere: one row a paper and language, asked for once.

Rows in, frozen values out. Whom to ask, and what may be shown of an answer, is the caller's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from digest.model import DeliveryState, Paper
from digest.store._bulk import among
from digest.store.database import is_sqlite
from digest.store.tables import deliveries, editions, summaries


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What is kept of one paper's summary; ``text`` is empty where none could be had."""

    paper_id: int
    language: str
    fingerprint: str
    text: str
    made_at: datetime
    cause: str = ""
    """Why there is no text: ``refused`` (not fit to be shown), ``endpoint``."""
    model: str = ""


def fingerprint(paper: Paper) -> str:
    """Return what changes when the text to be summarised does."""
    content = f"{paper.title}\0{paper.abstract}".encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def of_papers(
    connection: Connection, found: Mapping[int, Paper], *, language: str
) -> dict[int, Summary]:
    """Return the summaries of these papers, by the row ids they were asked for.

    One of an earlier version of the paper's text is absent, as if it had never been made.
    """
    if not found:
        return {}
    query = select(summaries).where(
        among(connection, summaries.c.paper_id, {paper.row_id for paper in found.values()}),
        summaries.c.language == language,
    )
    kept = {row["paper_id"]: Summary(**row) for row in connection.execute(query).mappings()}
    return {
        asked: summary
        for asked, paper in found.items()
        if (summary := kept.get(paper.row_id)) and summary.fingerprint == fingerprint(paper)
    }


def keep(connection: Connection, rows: Sequence[Summary]) -> None:
    """Store summaries; a new one replaces that of the same paper and language."""
    if not rows:
        return
    dialect = sqlite if is_sqlite(connection) else postgresql
    statement = dialect.insert(summaries)
    keys = ("paper_id", "language")
    statement = statement.on_conflict_do_update(
        index_elements=keys,
        set_={c.name: statement.excluded[c.name] for c in summaries.c if c.name not in keys},
    )
    connection.execute(
        statement, [{c.name: getattr(row, c.name) for c in summaries.c} for row in rows]
    )


def count_since(connection: Connection, since: datetime) -> int:
    """Return how many papers were asked about since then, whatever came of it."""
    query = select(func.count()).where(summaries.c.made_at >= since)
    return connection.scalar(query) or 0


def waiting_picks(connection: Connection, *, limit: int = 5000) -> dict[int, int]:
    """Return the papers picked in editions that no mail shows yet: row id to number of editions.

    At most ``limit`` editions are looked at, those due first.
    """
    query = (
        select(editions.c.content)
        .join(deliveries, deliveries.c.edition_id == editions.c.id)
        .where(
            deliveries.c.state.in_((DeliveryState.READY.value, DeliveryState.DEFERRED.value)),
            deliveries.c.composed_at.is_(None),
        )
        .order_by(deliveries.c.priority, deliveries.c.id)
        .limit(limit)
    )
    counts: dict[int, int] = {}
    for content in connection.scalars(query):
        for paper_id in orjson.loads(content)["picks"]["paper_ids"]:
            counts[paper_id] = counts.get(paper_id, 0) + 1
    return counts
