"""Which papers an observer is to look at now, what it needs to know of them, and when again.

The plan is the caller's (``sources.signals``); here rows are claimed, so that of several
processes one asks. The observations themselves are in ``signals``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from digest.model import FeedbackKind, Link, PaperKey
from digest.papers.content import links_of
from digest.store._bulk import among
from digest.store.database import is_sqlite
from digest.store.tables import (
    feedback,
    observations,
    paper_ids,
    papers,
    records,
    sightings,
    sources,
)


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What is stored of a paper that is to be looked at."""

    paper_id: int
    key: PaperKey
    title: str
    keys: tuple[PaperKey, ...]
    """All ids, ``key`` first."""
    links: tuple[Link, ...]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Papers of which a source has told nothing yet."""

    source: str
    scheme: str = ""
    """Only papers with an id of this scheme; empty means all."""


def claim_due(
    connection: Connection,
    observer: str,
    *,
    now: datetime,
    since: datetime,
    limit: int,
    next_look: Callable[[datetime], datetime],
    gap: Gap | None = None,
) -> dict[int, datetime]:
    """Claim news first seen after ``since`` that is due: row id to when it was first seen.

    The newest come first. Their next look (``next_look`` of first sight) is stored at once: a
    program that dies while asking does not ask again and again. ``gap`` leaves out papers of
    which nothing is to be learnt.
    """
    joined = (observations.c.paper_id == papers.c.id) & (observations.c.observer == observer)
    query = (
        select(papers.c.id, papers.c.first_seen_at)
        .join(observations, joined, isouter=True)
        .where(
            papers.c.first_seen_at > since,
            papers.c.new_at.is_not(None),
            papers.c.merged_into.is_(None),
            papers.c.withdrawn.is_(False),
            or_(observations.c.next_at.is_(None), observations.c.next_at <= now),
        )
        .order_by(papers.c.first_seen_at.desc(), papers.c.id.desc())
        .limit(limit)
    )
    if gap:
        theirs = (records.c.paper_id == papers.c.id) & (records.c.source == gap.source)
        query = query.where(~exists().where(theirs))
    if gap and gap.scheme:
        ids = (paper_ids.c.paper_id == papers.c.id) & (paper_ids.c.scheme == gap.scheme)
        query = query.where(exists().where(ids))
    due = {row.id: row.first_seen_at for row in connection.execute(query)}
    at = {paper_id: next_look(seen) for paper_id, seen in due.items()}
    claimed = _put(connection, observer, at, now=now)
    return {paper_id: seen for paper_id, seen in due.items() if paper_id in claimed}


def look_again(
    connection: Connection, observer: str, at: Mapping[int, datetime], *, now: datetime
) -> None:
    """Store another time for the next look, whatever was planned."""
    _put(connection, observer, at, now=now, over=True)


def watched(connection: Connection, paper_ids_: Collection[int]) -> tuple[Watched, ...]:
    """Return papers with all their ids and links, in no order."""
    if not paper_ids_:
        return ()
    keys: dict[int, list[PaperKey]] = defaultdict(list)
    of_these = among(connection, paper_ids.c.paper_id, paper_ids_)
    query = select(paper_ids.c.paper_id, paper_ids.c.scheme, paper_ids.c.value).where(of_these)
    for paper_id, scheme, value in connection.execute(query.order_by(*paper_ids.primary_key)):
        keys[paper_id].append(f"{scheme}:{value}")
    columns = (papers.c.id, papers.c.key, papers.c.title, papers.c.links)
    found = connection.execute(
        select(*columns).where(among(connection, papers.c.id, paper_ids_))
    ).all()
    return tuple(
        Watched(
            paper_id=row.id,
            key=row.key,
            title=row.title,
            keys=tuple(dict.fromkeys((row.key, *keys.get(row.id, ())))),
            links=links_of(row.links),
        )
        for row in found
    )


def listings(
    connection: Connection, paper_ids_: Collection[int], kind: str
) -> dict[int, tuple[date, ...]]:
    """Return the days on which sources of a kind announced these papers."""
    if not paper_ids_:
        return {}
    query = (
        select(sightings.c.paper_id, sightings.c.announced_on)
        .join(sources, sources.c.name == sightings.c.source)
        .where(among(connection, sightings.c.paper_id, paper_ids_), sources.c.kind == kind)
        .order_by(sightings.c.announced_on)
    )
    found: dict[int, dict[date, None]] = defaultdict(dict)
    for paper_id, on in connection.execute(query):
        found[paper_id][on] = None
    return {paper_id: tuple(days) for paper_id, days in found.items()}


def count_votes(connection: Connection, since: datetime) -> dict[int, int]:
    """Return how many subscribers wanted more of, or saved, each paper first seen since."""
    kinds = (FeedbackKind.MORE.value, FeedbackKind.SAVED.value)
    query = (
        select(feedback.c.paper_id, func.count(feedback.c.subscriber_id.distinct()))
        .join(papers, papers.c.id == feedback.c.paper_id)
        .where(
            feedback.c.kind.in_(kinds),
            papers.c.first_seen_at > since,
            papers.c.merged_into.is_(None),
        )
        .group_by(feedback.c.paper_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _put(
    connection: Connection,
    observer: str,
    at: Mapping[int, datetime],
    *,
    now: datetime,
    over: bool = False,
) -> set[int]:
    """Write next looks down; without ``over`` only where none is in the future. Return which."""
    make = sqlite_insert if is_sqlite(connection) else postgresql_insert
    put: set[int] = set()
    items = sorted(at.items())
    for start in range(0, len(items), _CHUNK):
        rows = [
            {"observer": observer, "paper_id": paper_id, "asked_at": now, "next_at": next_at}
            for paper_id, next_at in items[start : start + _CHUNK]
        ]
        statement = make(observations).values(rows)
        new = statement.excluded
        put.update(
            connection.scalars(
                statement.on_conflict_do_update(
                    index_elements=["observer", "paper_id"],
                    set_={"asked_at": new.asked_at, "next_at": new.next_at},
                    where=None if over else observations.c.next_at <= now,
                ).returning(observations.c.paper_id)
            )
        )
    return put


_CHUNK = 2000
"""Rows a statement: both databases limit its parameters (32,766 and 65,535)."""
