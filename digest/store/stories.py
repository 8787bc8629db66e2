"""A paper's whole story, as the owner is shown it: every table that speaks of it, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, exists, or_, select

from digest.model import Observation, Paper, PaperKey
from digest.papers.diff import REVISION_LIMIT
from digest.store import papers as store_papers
from digest.store import signals
from digest.store.tables import (
    events,
    merges,
    paper_ids,
    paper_links,
    papers,
    records,
    sightings,
    versions,
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """An id of the paper; ``asserted_by`` is empty where the id's own source gave it."""

    key: PaperKey
    asserted_by: str


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """A source announced it on a day, first seen by us at an instant."""

    source: str
    announced_on: date
    announce_type: str
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Version:
    """A version, under the title that it had."""

    scheme: str
    number: int
    title: str
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened: new, first-seen-late, new-version, retitled, withdrawn, ..."""

    kind: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Another paper that this one is linked to; ``preprint-of`` or ``published-from``, ..."""

    kind: str
    key: PaperKey
    title: str


@dataclass(frozen=True, kw_only=True)
class MergeNote:
    """A merge that this paper was part of; keys are those of the two papers today."""

    merge_id: int
    kept_id: int
    absorbed_id: int
    kept_key: PaperKey
    absorbed_key: PaperKey
    reason: str
    said_by: str
    """The record that showed it: source and native id; empty where the owner did it."""
    at: datetime
    undone_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RecordNote:
    """A record that the paper is made of."""

    source: str
    native_id: str
    changes: int
    is_noise: bool
    """It changed so often that what it says now is no longer followed."""
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that the store knows of a paper."""

    paper: Paper
    ids: tuple[Claim, ...]
    sightings: tuple[Sighting, ...]
    records: tuple[RecordNote, ...]
    versions: tuple[Version, ...]
    events: tuple[Event, ...]
    merges: tuple[MergeNote, ...]
    relations: tuple[Relation, ...]
    signals: tuple[Observation, ...]
    provenance: Mapping[str, str]
    """Field -> source that its value comes from."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Two papers that may be one: nobody has said yet."""

    at: datetime
    key: PaperKey
    title: str
    other_key: PaperKey
    other_title: str


def doubts(connection: Connection, *, limit: int) -> tuple[Doubt, ...]:
    """Return pairs that were linked in doubt, the latest first."""
    one, other, said = papers.alias(), papers.alias(), paper_links.alias()
    links = paper_links.c
    settled = exists().where(
        said.c.paper_id == links.paper_id,
        said.c.other_id == links.other_id,
        said.c.kind == "different",
    )
    query = (
        select(links.at, one.c.key, one.c.title, other.c.key, other.c.title)
        .join(one, one.c.id == links.paper_id)
        .join(other, other.c.id == links.other_id)
        .where(links.kind == "maybe-same", ~settled)
        .where(one.c.merged_into.is_(None), other.c.merged_into.is_(None))
        .order_by(links.at.desc(), links.paper_id.desc(), links.other_id)
        .limit(limit)
    )
    return tuple(
        Doubt(at=at, key=key, title=title, other_key=other_key, other_title=other_title)
        for at, key, title, other_key, other_title in connection.execute(query)
    )


def story(connection: Connection, paper: Paper) -> Story:
    """Read everything about one paper."""
    ref = paper.row_id
    members = [ref, *connection.scalars(select(papers.c.id).where(papers.c.merged_into == ref))]
    happened = select(events).where(events.c.paper_id.in_(members)).order_by(events.c.at)
    kept, absorbed = papers.alias(), papers.alias()
    noted = (
        select(merges, kept.c.key.label("kept_key"), absorbed.c.key.label("absorbed_key"))
        .outerjoin(kept, kept.c.id == merges.c.kept_id)
        .outerjoin(absorbed, absorbed.c.id == merges.c.absorbed_id)
        .where(or_(merges.c.kept_id.in_(members), merges.c.absorbed_id.in_(members)))
        .order_by(merges.c.id)
    )
    return Story(
        paper=paper,
        ids=tuple(
            Claim(key=f"{row.scheme}:{row.value}", asserted_by=row.asserted_by)
            for row in _rows(connection, paper_ids, ref, "scheme", "value")
        ),
        sightings=tuple(
            Sighting(
                source=row.source,
                announced_on=row.announced_on,
                announce_type=row.announce_type,
                seen_at=row.seen_at,
            )
            for row in _rows(connection, sightings, ref, "announced_on", "source")
        ),
        records=tuple(
            RecordNote(
                source=row.source,
                native_id=row.native_id,
                changes=row.changes,
                is_noise=row.changes >= REVISION_LIMIT,
                first_seen_at=row.first_seen_at,
                last_seen_at=row.last_seen_at,
            )
            for row in _rows(connection, records, ref, "first_seen_at", "source", "native_id")
        ),
        versions=tuple(
            Version(scheme=row.scheme, number=row.number, title=row.title, seen_at=row.seen_at)
            for row in _rows(connection, versions, ref, "scheme", "number")
        ),
        events=tuple(Event(kind=row.kind, at=row.at) for row in connection.execute(happened)),
        merges=tuple(_merge_note(row) for row in connection.execute(noted)),
        relations=_relations(connection, ref),
        signals=signals.history(connection, [ref]).get(ref, ()),
        provenance=connection.scalar(select(papers.c.provenance).where(papers.c.id == ref)) or {},
    )


def _rows(connection: Connection, table: Table, paper_id: int, *order: str) -> list[Any]:
    query = select(table).where(table.c.paper_id == paper_id)
    return list(connection.execute(query.order_by(*(table.c[name] for name in order))))


def _merge_note(row: Any) -> MergeNote:
    return MergeNote(
        merge_id=row.id,
        kept_id=row.kept_id,
        absorbed_id=row.absorbed_id,
        kept_key=row.kept_key or "",
        absorbed_key=row.absorbed_key or "",
        reason=row.reason,
        said_by=" ".join(
            str(row.evidence.get(name, "")) for name in ("source", "native_id")
        ).strip(),
        at=row.at,
        undone_at=row.undone_at,
    )


def _relations(connection: Connection, ref: int) -> tuple[Relation, ...]:
    query = select(paper_links).where(
        or_(paper_links.c.paper_id == ref, paper_links.c.other_id == ref)
    )
    linked = [
        (row.kind, row.other_id)
        if row.paper_id == ref
        else ("published-from" if row.kind == "preprint-of" else row.kind, row.paper_id)
        for row in connection.execute(query)
    ]
    others = store_papers.load(connection, {other for _, other in linked})
    return tuple(
        Relation(kind=kind, key=others[other].key, title=others[other].title)
        for kind, other in sorted(linked)
        if other in others
    )
