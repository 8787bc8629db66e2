"""Write a decided batch: merges first, then the papers, then all that belongs to them.

What is to be written is decided in ``papers``; the queries that fed it are ``_memory``'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from digest.model import Observation, PaperKey
from digest.papers.content import author_documents, encode, from_document, link_documents
from digest.papers.diff import Batch, Before, Change, Facts, Status, Verdict, conclude
from digest.papers.identity import best_key, title_hash, traits_of
from digest.papers.merge import Composed, Said, compose
from digest.store import merging, signals
from digest.store._bulk import Row, among, day, insert_many, reserve_ids, stamp
from digest.store.tables import events, paper_ids, papers, records, sightings, sources, versions

_PAPER = (
    "key", "title", "title_hash", "abstract", "summary", "authors", "categories", "keywords",
    "url", "links", "comment", "venue", "published_at", "announced_on", "first_seen_at",
    "new_at", "version", "fingerprint", "revisions", "withdrawn", "provenance", "id",
)  # fmt: skip
_ID = ("scheme", "value", "paper_id", "asserted_by")
_RECORD = (
    "paper_id", "fingerprint", "content_hash", "changes", "first_seen_at", "last_seen_at",
    "content", "source", "native_id",
)  # fmt: skip
_SIGHTING = ("announce_type", "seen_at", "paper_id", "source", "announced_on")
_VERSION = ("paper_id", "scheme", "number", "title", "seen_at")
_EVENT = ("paper_id", "kind", "at")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of the papers of a batch."""

    statuses: Mapping[int, Status] = field(default_factory=dict)
    late: int = 0
    merged: int = 0
    buried: int = 0

    def plus(self, other: Written) -> Written:
        """Add the counts of another batch (not its statuses: they overlap)."""
        return replace(
            self,
            late=self.late + other.late,
            merged=self.merged + other.merged,
            buried=self.buried + other.buried,
        )


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A paper as it is stored, with its records by (source, native id)."""

    before: Before
    first_seen_at: datetime
    new_at: datetime | None
    announced_on: date | None
    revisions: int
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    versions: set[tuple[str, int]] = field(default_factory=set)


@dataclass
class _Rows:
    """Bound rows by table, gathered before anything is written."""

    papers: list[Row] = field(default_factory=list)
    changed_papers: list[Row] = field(default_factory=list)
    paper_ids: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    changed_records: list[Row] = field(default_factory=list)
    sightings: list[Row] = field(default_factory=list)
    better_sightings: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


class _Writer:
    """Turns changes into rows; one per batch."""

    def __init__(self, connection: Connection, batch: Batch) -> None:
        self.batch = batch
        self.rows = _Rows()
        self.statuses: dict[int, Status] = {}
        self.late = 0
        self._now = stamp(batch.now)
        drafts = [ref for ref in batch.changes if ref < 0]
        self._ids = dict(zip(drafts, reserve_ids(connection, papers, len(drafts)), strict=True))
        full = [r for r, change in batch.changes.items() if r > 0 and not change.is_slight]
        kinds = kinds_of(connection)
        self._kind = kinds.get(batch.source, "")
        self._stored = _load(connection, full, kinds)

    def id_of(self, ref: int) -> int:
        """Return the row id of a paper of the batch."""
        current = self.batch.current(ref)
        return self._ids.get(current, current)

    def add(self, change: Change) -> None:
        """Gather the rows of one change."""
        paper_id = self.id_of(change.known.ref)
        self._add_sightings(paper_id, change)
        if change.is_slight:
            self.statuses[paper_id] = Status.UNCHANGED
            return
        stored = self._stored.get(paper_id)
        said = dict(stored.said) if stored else {}
        for name, facts in change.facts.items():
            said[self.batch.source, name] = Said(record=facts.record, kind=self._kind)
        composed = compose(said.values())
        verdict = conclude(change, stored.before if stored else None, composed)
        self._add_paper(paper_id, change, stored, composed, verdict)
        self._add_records(paper_id, change, stored)
        for key, claim in change.ids.items():
            scheme, _, value = key.partition(":")
            self.rows.paper_ids.append((scheme, value, paper_id, claim))
        for kind in verdict.events:
            self.rows.events.append((paper_id, kind, self._now))
        self.statuses[paper_id] = verdict.status
        self.late += "first-seen-late" in verdict.events

    def _add_paper(
        self,
        paper_id: int,
        change: Change,
        stored: _Stored | None,
        composed: Composed,
        verdict: Verdict,
    ) -> None:
        announced = [day_ for day_ in (change.announced_on, stored and stored.announced_on) if day_]
        new_at = stored.new_at if stored else None
        revisions = (stored.revisions if stored else 0) + (
            stored is not None and verdict.status is Status.REVISED
        )
        row = paper_row(
            paper_id,
            change.known.ids,
            composed,
            title_hash=_title_hash(change, composed),
            announced_on=min(announced, default=None),
            first_seen_at=stored.first_seen_at if stored else self.batch.now,
            new_at=self.batch.now if verdict.becomes_news else new_at,
            revisions=revisions,
        )
        (self.rows.changed_papers if stored else self.rows.papers).append(row)

    def _add_records(self, paper_id: int, change: Change, stored: _Stored | None) -> None:
        numbers = stored.versions if stored else set()
        for name, facts in change.facts.items():
            known = self.batch.row(name)
            changes = 0
            if known is not None:
                changes = known.changes + (known.fingerprint != facts.fingerprint)
            row = (
                paper_id,
                facts.fingerprint,
                facts.content_hash,
                changes,
                self._now,
                self._now,
                facts.content,
                self.batch.source,
                name,
            )
            (self.rows.records if known is None else self.rows.changed_records).append(row)
            number = facts.record.version
            scheme = facts.record.key.partition(":")[0]
            if number is not None and (scheme, number) not in numbers:
                numbers.add((scheme, number))
                self.rows.versions.append(
                    (paper_id, scheme, number, facts.record.title, self._now)
                )

    def _add_sightings(self, paper_id: int, change: Change) -> None:
        seen = self.batch.seen(change.known.ref)
        for on, kind in change.sightings.items():
            rows = self.rows.better_sightings if on in seen else self.rows.sightings
            rows.append((kind.value, self._now, paper_id, self.batch.source, day(on)))


def write(connection: Connection, batch: Batch) -> Written:
    """Write everything down; raise what the database raises."""
    for merge in batch.merges:
        merging.merge(
            connection,
            kept=merge.kept,
            absorbed=merge.absorbed,
            reason="a record names both",
            evidence={"source": merge.source, "native_id": merge.native_id},
            now=batch.now,
        )
    release(connection, batch.seized)
    writer = _Writer(connection, batch)
    for change in batch.changes.values():
        writer.add(change)
    for ref in batch.unchanged:
        writer.statuses.setdefault(writer.id_of(ref), Status.UNCHANGED)
    _write(connection, writer.rows)
    _see_again(connection, batch)
    _observe(connection, writer)
    for one, other, kind in batch.links:
        merging.link(connection, writer.id_of(one), writer.id_of(other), kind, now=batch.now)
    return Written(
        statuses=writer.statuses,
        late=writer.late,
        merged=len(batch.merges),
        buried=batch.buried,
    )


def recompose(connection: Connection, ids: Collection[int]) -> None:
    """Make papers anew of the records they have now (after a merge or a split)."""
    stored = _load(connection, ids, kinds_of(connection))
    claims: dict[int, dict[PaperKey, str]] = {paper_id: {} for paper_id in stored}
    for row in connection.execute(
        select(paper_ids).where(among(connection, paper_ids.c.paper_id, ids))
    ):
        claims[row.paper_id][f"{row.scheme}:{row.value}"] = row.asserted_by
    rows = []
    for paper_id, paper in stored.items():
        if not paper.said or not claims[paper_id]:
            continue
        composed = compose(paper.said.values())
        source = next(
            (one.record for one in paper.said.values() if one.record.title == composed.title)
        )
        rows.append(
            paper_row(
                paper_id,
                claims[paper_id],
                composed,
                title_hash=title_hash(traits_of(source)),
                announced_on=paper.announced_on,
                first_seen_at=paper.first_seen_at,
                new_at=paper.new_at,
                revisions=paper.revisions,
            )
        )
    _update_papers(connection, rows)


def paper_row(
    paper_id: int,
    ids: Mapping[PaperKey, str],
    composed: Composed,
    *,
    title_hash: int | None,
    announced_on: date | None,
    first_seen_at: datetime,
    new_at: datetime | None,
    revisions: int,
) -> Row:
    """Return a bound row of `_PAPER`."""
    return (
        best_key(ids),
        composed.title,
        title_hash,
        composed.abstract,
        composed.summary,
        encode(author_documents(composed.authors)),
        encode(composed.categories),
        encode(composed.keywords),
        composed.url,
        encode(link_documents(composed.links)),
        composed.comment,
        composed.venue,
        stamp(composed.published_at),
        day(announced_on),
        stamp(first_seen_at),
        stamp(new_at),
        composed.version,
        composed.fingerprint,
        revisions,
        int(composed.withdrawn),
        encode(composed.provenance),
        paper_id,
    )


def release(connection: Connection, keys: Iterable[PaperKey]) -> None:
    """Take ids from whoever has them; the caller gives them to another paper at once."""
    for key in keys:
        scheme, _, value = key.partition(":")
        connection.execute(
            delete(paper_ids).where(paper_ids.c.scheme == scheme, paper_ids.c.value == value)
        )


def kinds_of(connection: Connection) -> dict[str, str]:
    """Return the kind of every source that was ever polled."""
    return {row.name: row.kind for row in connection.execute(select(sources.c.name, sources.c.kind))}


def _title_hash(change: Change, composed: Composed) -> int | None:
    for facts in change.facts.values():
        if facts.record.title == composed.title:
            return facts.title_hash
    return title_hash(change.known.traits)


def _load(
    connection: Connection, ids: Collection[int], kinds: Mapping[str, str]
) -> dict[int, _Stored]:
    if not ids:
        return {}
    columns = papers.c
    query = select(
        columns.id,
        columns.version,
        columns.withdrawn,
        columns.fingerprint,
        columns.first_seen_at,
        columns.new_at,
        columns.announced_on,
        columns.revisions,
    ).where(among(connection, columns.id, ids))
    found = {
        row.id: _Stored(
            before=Before(
                version=row.version, withdrawn=row.withdrawn, fingerprint=row.fingerprint
            ),
            first_seen_at=row.first_seen_at,
            new_at=row.new_at,
            announced_on=row.announced_on,
            revisions=row.revisions,
        )
        for row in connection.execute(query)
    }
    contents = select(
        records.c.paper_id, records.c.source, records.c.native_id, records.c.content
    ).where(among(connection, records.c.paper_id, ids))
    for paper_id, source, name, content in connection.execute(contents):
        found[paper_id].said[source, name] = Said(
            record=from_document(source, content), kind=kinds.get(source, "")
        )
    numbers = select(versions.c.paper_id, versions.c.scheme, versions.c.number).where(
        among(connection, versions.c.paper_id, ids)
    )
    for paper_id, scheme, number in connection.execute(numbers):
        found[paper_id].versions.add((scheme, number))
    return found


def _write(connection: Connection, rows: _Rows) -> None:
    insert_many(connection, papers, _PAPER, rows.papers)
    _update_papers(connection, rows.changed_papers)
    insert_many(connection, paper_ids, _ID, rows.paper_ids)
    insert_many(connection, records, _RECORD, rows.records)
    _update(connection, records, _RECORD, rows.changed_records, 2, kept=("first_seen_at",))
    insert_many(connection, sightings, _SIGHTING, rows.sightings)
    _update(connection, sightings, _SIGHTING, rows.better_sightings, 3, kept=("seen_at",))
    insert_many(connection, versions, _VERSION, rows.versions)
    insert_many(connection, events, _EVENT, rows.events)


def _update_papers(connection: Connection, rows: list[Row]) -> None:
    _update(connection, papers, _PAPER, rows, 1)
