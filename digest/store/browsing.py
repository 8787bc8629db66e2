"""What the pages read: which papers a day holds, its neighbours, volumes, a paper's history.

A day's papers are those that a source announced on it as new or as a cross-listing. Nothing is
ordered by worth here; that is ranking's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, RowMapping, desc, func, select

from digest.model import AnnounceType, Author, Link, Observation, Paper
from digest.store._bulk import among
from digest.store.search import Filters, in_category
from digest.store.tables import paper_ids, papers, sightings, signals, versions

MOST_LISTED = 20_000
"""Announcements of one list that are looked at: a month of all of arXiv."""
_LISTED = (AnnounceType.NEW.value, AnnounceType.CROSS.value)


@dataclass(frozen=True, slots=True)
class Listed:
    """A paper in a list: when this installation first met it decides whether it is new there."""

    row_id: int
    announced_on: date
    """The first day, within the list's span, that a source announced it on."""
    is_first: bool
    """No source had announced it before that span."""
    first_seen_at: datetime
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A source announced the paper."""

    source: str
    announced_on: date
    announce_type: str


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version of the paper as a source numbered it."""

    scheme: str
    number: int
    title: str
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Volume:
    """How many papers a source announced on a day."""

    source: str
    announced_on: date
    count: int


def listed(
    connection: Connection, filters: Filters, *, most: int = MOST_LISTED
) -> tuple[list[Listed], bool]:
    """Return the papers announced between the filters' first and last day, inclusive.

    Of more than ``most`` announcements only the newest are read; True then says so.
    """
    told = (
        select(sightings.c.paper_id, sightings.c.announced_on)
        .where(sightings.c.announce_type.in_(_LISTED), *_within(filters))
        .order_by(sightings.c.announced_on.desc())
    )
    newest = told.limit(most).subquery()
    query = (
        select(
            papers.c.id,
            func.min(newest.c.announced_on).label("day"),
            papers.c.announced_on,
            papers.c.first_seen_at,
            papers.c.categories,
        )
        .join(papers, papers.c.id == newest.c.paper_id)
        .where(papers.c.merged_into.is_(None))
        .group_by(papers.c.id)
    )
    if filters.category:
        query = query.where(in_category(connection, filters.category))
    rows = connection.execute(query).all()
    beyond = connection.scalar(told.limit(1).offset(most))
    return [
        Listed(
            row.id,
            row.day,
            row.announced_on is None
            or filters.first_on is None
            or row.announced_on >= filters.first_on,
            row.first_seen_at,
            tuple(row.categories),
        )
        for row in rows
    ], beyond is not None


def most_noticed(
    connection: Connection, row_ids: Collection[int], *, since: datetime, limit: int
) -> list[int]:
    """Return which of these papers have the highest signals, ``limit`` of each kind."""
    best = (
        select(signals.c.paper_id, signals.c.kind, func.max(signals.c.value).label("value"))
        .where(among(connection, signals.c.paper_id, row_ids), signals.c.observed_at >= since)
        .group_by(signals.c.paper_id, signals.c.kind)
        .subquery()
    )
    place = func.row_number().over(partition_by=best.c.kind, order_by=best.c.value.desc())
    ranked = select(best.c.paper_id, place.label("place")).subquery()
    return list(
        connection.scalars(select(ranked.c.paper_id).where(ranked.c.place <= limit).distinct())
    )


def volumes(connection: Connection, first_on: date, last_on: date) -> list[Volume]:
    """Return how many papers each source announced on each day, by day then source."""
    rows = connection.execute(
        select(sightings.c.source, sightings.c.announced_on, func.count().label("count"))
        .where(
            sightings.c.announced_on.between(first_on, last_on),
            sightings.c.announce_type.in_(_LISTED),
        )
        .group_by(sightings.c.source, sightings.c.announced_on)
        .order_by(sightings.c.announced_on, sightings.c.source)
    )
    return [Volume(**row) for row in rows.mappings()]


def day_before(connection: Connection, day: date) -> date | None:
    """Return the last day with papers before this one."""
    found: date | None = connection.scalar(
        select(func.max(sightings.c.announced_on)).where(sightings.c.announced_on < day)
    )
    return found


def day_after(connection: Connection, day: date) -> date | None:
    """Return the first day with papers after this one."""
    found: date | None = connection.scalar(
        select(func.min(sightings.c.announced_on)).where(sightings.c.announced_on > day)
    )
    return found


def history(
    connection: Connection, row_ids: Collection[int], *, since: datetime | None = None
) -> dict[int, tuple[Observation, ...]]:
    """Return signals by paper, oldest first; papers without any are absent."""
    found: dict[int, list[Observation]] = {}
    ids = list(row_ids)
    for start in range(0, len(ids), 500):
        query = select(signals).where(signals.c.paper_id.in_(ids[start : start + 500]))
        if since is not None:
            query = query.where(signals.c.observed_at >= since)
        for row in connection.execute(query.order_by(signals.c.observed_at)):
            found.setdefault(row.paper_id, []).append(
                Observation(kind=row.kind, observed_at=row.observed_at, value=row.value)
            )
    return {row_id: tuple(series) for row_id, series in found.items()}


def load(connection: Connection, row_ids: Collection[int]) -> dict[int, Paper]:
    """Return papers by row id; unknown ids are absent."""
    found: dict[int, Paper] = {}
    ids = list(row_ids)
    for start in range(0, len(ids), 500):
        batch = ids[start : start + 500]
        told = _tellers(connection, batch)
        for row in connection.execute(select(papers).where(papers.c.id.in_(batch))).mappings():
            found[row["id"]] = _paper(row, told.get(row["id"], ()))
    return found


def find(connection: Connection, key: str) -> Paper | None:
    """Return the paper that goes by this key, or None; a merged one leads to what it became."""
    scheme, _, value = key.partition(":")
    row_id = connection.scalar(
        select(func.coalesce(papers.c.merged_into, papers.c.id))
        .join(paper_ids, paper_ids.c.paper_id == papers.c.id)
        .where(paper_ids.c.scheme == scheme, paper_ids.c.value == value)
    ) or connection.scalar(
        select(func.coalesce(papers.c.merged_into, papers.c.id))
        .where(papers.c.key == key)
        .order_by(papers.c.merged_into.is_not(None))
    )
    return load(connection, [row_id]).get(row_id) if row_id else None


def _tellers(connection: Connection, ids: Collection[int]) -> dict[int, tuple[str, ...]]:
    rows = connection.execute(
        select(sightings.c.paper_id, sightings.c.source)
        .where(sightings.c.paper_id.in_(ids))
        .group_by(sightings.c.paper_id, sightings.c.source)
        .order_by(func.min(sightings.c.seen_at))
    )
    found: dict[int, tuple[str, ...]] = {}
    for row in rows:
        found[row.paper_id] = (*found.get(row.paper_id, ()), row.source)
    return found


_authors = TypeAdapter(tuple[Author, ...])
_links = TypeAdapter(tuple[Link, ...])


def _paper(row: RowMapping, told: tuple[str, ...]) -> Paper:
    return Paper(
        row_id=row["id"],
        authors=_authors.validate_python(row["authors"]),
        categories=tuple(row["categories"]),
        keywords=tuple(row["keywords"]),
        links=_links.validate_python(row["links"]),
        sources=told,
        **{
            name: row[name]
            for name in (
                "key", "title", "abstract", "summary", "url", "comment", "venue", "published_at",
                "announced_on", "first_seen_at", "version", "revisions", "withdrawn",
            )
        },
    )  # fmt: skip


def sightings_of(connection: Connection, paper_id: int) -> list[Sighting]:
    """Return who announced a paper, oldest first."""
    rows = connection.execute(
        select(
            sightings.c.source,
            sightings.c.announced_on,
            sightings.c.announce_type,
        )
        .where(sightings.c.paper_id == paper_id)
        .order_by(sightings.c.announced_on, sightings.c.source)
    )
    return [Sighting(**row) for row in rows.mappings()]


def versions_of(connection: Connection, paper_id: int) -> list[Version]:
    """Return a paper's versions, newest first."""
    rows = connection.execute(
        select(versions.c.scheme, versions.c.number, versions.c.title, versions.c.seen_at)
        .where(versions.c.paper_id == paper_id)
        .order_by(desc(versions.c.number))
    )
    return [Version(**row) for row in rows.mappings()]


def source_names(connection: Connection) -> Sequence[str]:
    """Return the names of all sources that ever announced a paper."""
    # From one name to the next through the index: DISTINCT would read every sighting.
    first = select(func.min(sightings.c.source).label("source")).cte("names", recursive=True)
    following = (
        select(func.min(sightings.c.source))
        .where(sightings.c.source > first.c.source)
        .scalar_subquery()
    )
    names = first.union_all(select(following).where(first.c.source.is_not(None)))
    return list(connection.scalars(select(names.c.source).where(names.c.source.is_not(None))))


def _within(filters: Filters) -> list[ColumnElement[bool]]:
    found = []
    if filters.first_on:
        found.append(sightings.c.announced_on >= filters.first_on)
    if filters.last_on:
        found.append(sightings.c.announced_on <= filters.last_on)
    if filters.source:
        found.append(sightings.c.source == filters.source)
    return found
