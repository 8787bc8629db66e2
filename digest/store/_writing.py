"""Write a decided batch: merges first, then the papers, then all that belongs to them.

What is to be written is decided in ``papers``; the queries that fed it are ``_memory``'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice

from sqlalchemy import Connection, delete

from digest.model import Observation, PaperKey
from digest.papers.diff import Batch, Change
from digest.papers.facts import Facts
from digest.papers.identity import title_hash
from digest.papers.merge import Composed, Said, compose
from digest.papers.verdict import Status, Verdict, conclude
from digest.store import merging, signals
from digest.store._bulk import Row, day, reserve_ids, stamp, update_many
from digest.store._composing import Standing, Stored, kinds_of, load_stored, paper_row
from digest.store._lone import add_lone
from digest.store._rows import Rows, Written
from digest.store.tables import paper_ids, papers, records


class _Writer:
    """Turns changes into rows; one per batch."""

    def __init__(self, connection: Connection, batch: Batch, lone: Sequence[Facts]) -> None:
        self.batch = batch
        self.rows = Rows()
        self.written = Written(
            merged=Counter(merge.source for merge in batch.merges), buried=batch.buried
        )
        self._now = stamp(batch.now)
        drafts = [ref for ref in batch.changes if ref < 0]
        ids = iter(reserve_ids(connection, papers, len(lone) + len(drafts)))
        self.lone = list(zip(lone, islice(ids, len(lone)), strict=True))
        self._ids = dict(zip(drafts, ids, strict=True))
        full = [r for r, change in batch.changes.items() if r > 0 and not change.is_slight]
        self._kinds = kinds_of(connection) if batch.changes else {}
        self._stored = load_stored(connection, full, self._kinds)

    def id_of(self, ref: int) -> int:
        """Return the row id of a paper of the batch."""
        current = self.batch.current(ref)
        return self._ids.get(current, current)

    def add(self, change: Change) -> None:
        """Gather the rows of one change."""
        paper_id = self.id_of(change.known.ref)
        self._add_sightings(paper_id, change)
        if change.is_slight:
            self.tell(paper_id, change.sources)
            return
        stored = self._stored.get(paper_id)
        said = dict(stored.said) if stored else {}
        for name, facts in change.facts.items():
            said[name] = Said(
                record=facts.record,
                kind=self._kinds.get(facts.source, ""),
                fingerprint=facts.fingerprint,
            )
        composed = compose(said.values())
        verdict = conclude(change, stored.before if stored else None, composed)
        self._add_paper(paper_id, change, stored, composed, verdict)
        self._add_records(paper_id, change, stored)
        for key, claim in change.ids.items():
            scheme, _, value = key.partition(":")
            self.rows.paper_ids.append((scheme, value, paper_id, claim))
        for kind in verdict.events:
            self.rows.events.append((paper_id, kind, self._now))
        self._judge(paper_id, change, verdict)

    def tell(
        self, paper_id: int, sources: Iterable[str], status: Status = Status.UNCHANGED
    ) -> None:
        """Say to these sources what became of a paper, unless they know better."""
        for source in sources:
            if status is not Status.UNCHANGED:
                self.written.statuses[source, paper_id] = status
            else:
                self.written.statuses.setdefault((source, paper_id), status)

    def _judge(self, paper_id: int, change: Change, verdict: Verdict) -> None:
        if verdict.status is Status.NEW:
            self.tell(paper_id, [change.news_from], Status.NEW)
        elif verdict.status is Status.REVISED:
            speakers = dict.fromkeys(facts.source for facts in change.facts.values())
            self.tell(paper_id, speakers or change.sources, Status.REVISED)
        self.tell(paper_id, change.sources)
        if "first-seen-late" in verdict.events:
            self.written.late[next(iter(change.sources), "")] += 1

    def _add_paper(
        self,
        paper_id: int,
        change: Change,
        stored: Stored | None,
        composed: Composed,
        verdict: Verdict,
    ) -> None:
        known = stored.standing if stored else Standing(first_seen_at=self.batch.now)
        dates = [on for on in (change.announced_on, known.announced_on) if on]
        standing = replace(
            known,
            announced_on=min(dates, default=None),
            new_at=self.batch.now if verdict.becomes_news else known.new_at,
            revisions=known.revisions + verdict.is_revision,
        )
        number = _title_hash(change, composed)
        row = paper_row(paper_id, change.known.ids, composed, number, standing)
        (self.rows.changed_papers if stored else self.rows.papers).append(row)

    def _add_records(self, paper_id: int, change: Change, stored: Stored | None) -> None:
        numbers = stored.versions if stored else set()
        for name, facts in change.facts.items():
            known = self.batch.row(name)
            changes, first_seen_at = 0, self._now
            if known is not None:
                changes = known.changes + (known.fingerprint != facts.fingerprint)
                first_seen_at = stamp(known.first_seen_at)
            row = (
                paper_id,
                facts.fingerprint,
                facts.content_hash,
                changes,
                first_seen_at,
                self._now,
                facts.content,
                *name,
            )
            (self.rows.records if known is None else self.rows.changed_records).append(row)
            number = facts.record.version
            scheme = facts.record.key.partition(":")[0]
            if number is not None and (scheme, number) not in numbers:
                numbers.add((scheme, number))
                self.rows.versions.append((paper_id, scheme, number, facts.record.title, self._now))

    def _add_sightings(self, paper_id: int, change: Change) -> None:
        for source, dates in change.sightings.items():
            seen = self.batch.seen(change.known.ref, source)
            self.written.sighted[source] += len(dates.keys() - seen)
            for on, kind in dates.items():
                rows = self.rows.better_sightings if on in seen else self.rows.sightings
                rows.append((kind.value, self._now, paper_id, source, day(on)))


def write(connection: Connection, batch: Batch, lone: Sequence[Facts] = ()) -> Written:
    """Write everything down, with records that met nothing; raise what the database raises."""
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
    writer = _Writer(connection, batch, lone)
    add_lone(writer.rows, writer.written, writer.lone, batch.now)
    for change in batch.changes.values():
        writer.add(change)
    for source, ref in batch.unchanged:
        writer.tell(writer.id_of(ref), [source])
    writer.rows.write(connection)
    _see_again(connection, batch)
    _observe(connection, writer)
    for one, other, kind in batch.links:
        merging.link(connection, writer.id_of(one), writer.id_of(other), kind, now=batch.now)
    return writer.written


def release(connection: Connection, keys: Iterable[PaperKey]) -> None:
    """Take ids from whoever has them; the caller gives them to another paper at once."""
    for key in keys:
        scheme, _, value = key.partition(":")
        connection.execute(
            delete(paper_ids).where(paper_ids.c.scheme == scheme, paper_ids.c.value == value)
        )


def _title_hash(change: Change, composed: Composed) -> int | None:
    for facts in change.facts.values():
        if facts.record.title == composed.title:
            return facts.title_hash
    return title_hash(change.known.traits.title_key)


def _see_again(connection: Connection, batch: Batch) -> None:
    at = stamp(batch.now)
    rows: list[Row] = [(at, *name) for name in batch.seen_again]
    update_many(connection, records, ("last_seen_at", "source", "native_id"), rows, key=2)


def _observe(connection: Connection, writer: _Writer) -> None:
    """Append the signals that came with the records."""
    found: dict[int, dict[str, float]] = {}
    said = [(facts.record, paper_id) for facts, paper_id in writer.lone if facts.record.signals]
    for change in writer.batch.changes.values():
        said += [(record, writer.id_of(change.known.ref)) for record in change.signals]
    for record, paper_id in said:
        mine = found.setdefault(paper_id, {})
        for signal in record.signals:
            mine[signal.kind] = max(signal.value, mine.get(signal.kind, signal.value))
    now = writer.batch.now
    signals.observe(
        connection,
        {
            paper_id: [
                Observation(kind=kind, observed_at=now, value=value)
                for kind, value in kinds.items()
            ]
            for paper_id, kinds in found.items()
        },
    )
