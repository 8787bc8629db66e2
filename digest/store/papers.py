"""Read papers: by row id, by any of their ids, and those that are news in a window.

A paper that was merged away stands for the paper that took it in. Writing is ``ingest``'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from digest.model import Paper, PaperKey
from digest.papers.content import authors_of, links_of
from digest.store._bulk import among
from digest.store._memory import owners
from digest.store.tables import papers, sightings, signals

MAX_AGE = timedelta(days=30)
"""A paper that was announced longer ago than this when it was first seen is not news: somebody
added an archive of old papers."""

_COLUMNS = tuple(
    papers.c[name]
    for name in [
        "id",
        "key",
        "title",
        "abstract",
        "summary",
        "authors",
        "categories",
        "keywords",
        "url",
        "links",
        "comment",
        "venue",
        "published_at",
        "announced_on",
        "first_seen_at",
        "new_at",
        "version",
        "revisions",
        "withdrawn",
    ]
)


def load(connection: Connection, ids: Collection[int]) -> dict[int, Paper]:
    """Return papers by the row ids asked for; unknown ones are absent.

    An id that was merged away gives the paper it went into (whose own ``row_id`` differs).
    """
    if not ids:
        return {}
    current = _current(connection, ids)
    found = _read(
        connection, select(*_COLUMNS).where(among(connection, papers.c.id, set(current.values())))
    )
    by_id = {paper.row_id: paper for paper in found}
    return {asked: by_id[ref] for asked, ref in current.items() if ref in by_id}


def by_key(connection: Connection, keys: Iterable[PaperKey]) -> dict[PaperKey, Paper]:
    """Return papers by any of their ids, whichever source gave it; unknown ones are absent."""
    owned = owners(connection, set(keys))
    found = load(connection, set(owned.values()))
    return {key: found[ref] for key, ref in owned.items() if ref in found}


def candidates(
    connection: Connection,
    *,
    window_start: datetime,
    window_end: datetime,
    sources: Sequence[str] = (),
    max_age: timedelta = MAX_AGE,
) -> tuple[Paper, ...]:
    """Return the papers that became news in [start, end), oldest first.

    Not the withdrawn, not what was seen only as a replacement, not what was old already.
    ``sources`` keeps only papers that one of these announced.
    """
    rows = connection.execute(_news(window_start, window_end, sources)).all()
    return _papers(connection, [row for row in rows if not _was_old(row, max_age)])


def grown(
    connection: Connection,
    *,
    seen_from: datetime,
    window_start: datetime,
    window_end: datetime,
    sources: Sequence[str] = (),
    most_of_kind: int,
) -> tuple[Paper, ...]:
    """Return older news, of [seen_from, window_start), whose signals grew in the window.

    Of each kind of signal those ``most_of_kind`` that gained most in [window_start, window_end);
    whether that is much is decided elsewhere. Sorted and kept as in ``candidates``.
    """
    before = signals.alias()
    base = (
        select(func.max(before.c.value))
        .where(
            before.c.paper_id == signals.c.paper_id,
            before.c.kind == signals.c.kind,
            before.c.observed_at < window_start,
        )
        .scalar_subquery()
    )
    gain = func.max(signals.c.value) - func.coalesce(base, func.min(signals.c.value))
    older = _news(seen_from, window_start, sources).with_only_columns(papers.c.id).order_by(None)
    gains = (
        select(signals.c.paper_id, signals.c.kind, gain.label("gain"))
        .where(
            signals.c.observed_at >= window_start,
            signals.c.observed_at < window_end,
            signals.c.paper_id.in_(older),
        )
        .group_by(signals.c.paper_id, signals.c.kind)
        .subquery()
    )
    place = func.row_number().over(
        partition_by=gains.c.kind, order_by=(gains.c.gain.desc(), gains.c.paper_id)
    )
    placed = select(gains.c.paper_id, place.label("place")).where(gains.c.gain >= 1).subquery()
    strongest = select(placed.c.paper_id).where(placed.c.place <= most_of_kind)
    query = _news(seen_from, window_start, sources).where(papers.c.id.in_(strongest))
    rows = connection.execute(query).all()
    return _papers(connection, [row for row in rows if not _was_old(row, MAX_AGE)])


def listed(
    connection: Connection,
    *,
    window_start: datetime,
    window_end: datetime,
    source: str = "",
    only_new: bool = False,
    limit: int = 1000,
) -> tuple[Paper, ...]:
    """Return what was first seen in [start, end), newest first, news or not."""
    at = papers.c.new_at if only_new else papers.c.first_seen_at
    query = (
        select(*_COLUMNS)
        .where(at >= window_start, at < window_end, papers.c.merged_into.is_(None))
        .order_by(at.desc(), papers.c.id.desc())
        .limit(limit)
    )
    if source:
        announced = select(sightings.c.paper_id).where(sightings.c.source == source)
        query = query.where(papers.c.id.in_(announced))
    return _read(connection, query)


def _news(start: datetime, end: datetime, sources: Sequence[str]) -> Select[Any]:
    query = (
        select(*_COLUMNS)
        .where(
            papers.c.new_at >= start,
            papers.c.new_at < end,
            papers.c.merged_into.is_(None),
            papers.c.withdrawn.is_(False),
        )
        .order_by(papers.c.new_at, papers.c.id)
    )
    if sources:
        announced = select(sightings.c.paper_id).where(sightings.c.source.in_(sources))
        query = query.where(papers.c.id.in_(announced))
    return query


def _was_old(row: Row[Any], max_age: timedelta) -> bool:
    if row.announced_on is not None:
        return bool(row.new_at.date() - row.announced_on > max_age)
    return row.published_at is not None and bool(row.new_at - row.published_at > max_age)


def _current(connection: Connection, ids: Collection[int]) -> dict[int, int]:
    """Follow merges; a merge re-points what was merged before, so that one step is enough."""
    into = func.coalesce(papers.c.merged_into, papers.c.id)
    query = select(papers.c.id, into).where(among(connection, papers.c.id, ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def _read(connection: Connection, query: Select[Any]) -> tuple[Paper, ...]:
    return _papers(connection, connection.execute(query).all())


def _papers(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[Paper, ...]:
    announced_by = _sources(connection, [row.id for row in rows])
    return tuple(_paper(row, announced_by.get(row.id, ())) for row in rows)


def _sources(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    if not ids:
        return {}
    query = (
        select(sightings.c.paper_id, sightings.c.source)
        .where(among(connection, sightings.c.paper_id, ids))
        .order_by(sightings.c.announced_on, sightings.c.seen_at, sightings.c.source)
    )
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for paper_id, source in connection.execute(query):
        found[paper_id][source] = None
    return {paper_id: tuple(names) for paper_id, names in found.items()}


def _paper(row: Row[Any], announced_by: tuple[str, ...]) -> Paper:
    return Paper(
        row_id=row.id,
        key=row.key,
        title=row.title,
        abstract=row.abstract,
        summary=row.summary,
        authors=authors_of(row.authors),
        categories=tuple(row.categories),
        keywords=tuple(row.keywords),
        url=row.url,
        links=links_of(row.links),
        comment=row.comment,
        venue=row.venue,
        published_at=row.published_at,
        announced_on=row.announced_on,
        # What readers call new is what became news, not what a replacement betrayed before.
        first_seen_at=row.new_at or row.first_seen_at,
        version=row.version,
        revisions=row.revisions,
        withdrawn=row.withdrawn,
        sources=announced_by,
    )
