"""Apply the records of one or more polls: the diff stage's decisions, written down in bulk.

Everything happens inside the caller's transaction, which commits the sources' poll state last.
Decisions are ``papers``'; here is only how many rows become few statements, and what is done
about a record that the database will not take.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice

from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError, IntegrityError

from digest.model import Record
from digest.papers.diff import Batch
from digest.papers.facts import Facts
from digest.papers.flaws import MAX_NATIVE_ID
from digest.papers.lone import part
from digest.papers.verdict import Status
from digest.store._memory import recall
from digest.store._rows import Written
from digest.store._writing import write
from digest.store.database import is_sqlite

log = logging.getLogger(__name__)

CHUNK = 2000
"""Records decided and written together: bounds memory, and what one poison record costs."""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A record that was not taken in, and why."""

    native_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class IngestCounts:
    """What became of a batch. Papers are counted once, however many records speak of them.

    ``revised`` includes replacements of papers never seen before (``late``): they are not news.
    """

    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    late: int = 0
    merged: int = 0
    sighted: int = 0
    """Sightings that the source had not given before, of papers new or known."""
    new_ids: tuple[int, ...] = ()
    """Row ids of the papers that became news."""
    rejections: tuple[Rejection, ...] = field(default=(), repr=False)


def ingest(
    connection: Connection,
    *,
    source: str,
    records: Sequence[Record],
    now: datetime,
    is_announcement: bool = True,
) -> IngestCounts:
    """Store what one source said; see `ingest_all`.

    Without ``is_announcement`` it was asked for these papers: nothing counts as a sighting.
    """
    facts = (Facts(record, source, is_announcement) for record in records)
    return ingest_all(connection, {source: facts}, now=now)[source]


def ingest_all(
    connection: Connection, said: Mapping[str, Iterable[Facts]], *, now: datetime
) -> dict[str, IngestCounts]:
    """Store what sources said, one after the other; the same records again change nothing.

    A record that cannot be stored is rejected and the others are kept. Ingests wait for each
    other (a transaction-long lock), so that two sources cannot both make one paper.
    """
    _lock(connection)
    rejections: dict[str, list[Rejection]] = {source: [] for source in said}
    total = Written()
    # A chunk at a time from here on: what is worked out of a record need not outlive its writing.
    sound = _sound(chain.from_iterable(said.values()), rejections)
    while batch := list(islice(sound, CHUNK)):
        for written in _apply(connection, batch, now, rejections):
            total.add(written)
    statuses: dict[str, dict[int, Status]] = {source: {} for source in said}
    for (source, paper_id), status in total.statuses.items():
        statuses[source][paper_id] = status
    return {source: _counts(source, total, statuses[source], rejections[source]) for source in said}


def _sound(said: Iterable[Facts], rejections: Mapping[str, list[Rejection]]) -> Iterator[Facts]:
    """Yield the records that a database may be asked to keep."""
    for facts in said:
        if reason := facts.flaw:
            name = facts.native_id[:MAX_NATIVE_ID]
            rejections[facts.source].append(Rejection(native_id=name, reason=reason))
        else:
            yield facts


def _counts(
    source: str,
    written: Written,
    statuses: Mapping[int, Status],
    rejections: Sequence[Rejection],
) -> IngestCounts:
    for one in rejections:
        log.warning("rejected source=%s record=%r: %s", source, one.native_id, one.reason)
    found = list(statuses.values())
    return IngestCounts(
        new=found.count(Status.NEW),
        revised=found.count(Status.REVISED),
        unchanged=found.count(Status.UNCHANGED) + written.buried[source],
        rejected=len(rejections),
        late=written.late[source],
        merged=written.merged[source],
        sighted=written.sighted[source],
        new_ids=tuple(ref for ref, status in statuses.items() if status is Status.NEW),
        rejections=tuple(rejections),
    )


def _apply(
    connection: Connection,
    batch: Sequence[Facts],
    now: datetime,
    rejections: Mapping[str, list[Rejection]],
) -> Iterable[Written]:
    """Write a batch behind a savepoint; of one that fails, find the poison by halving."""
    dbapi = connection.dialect.loaded_dbapi
    refused = (IntegrityError, DataError, ValueError, dbapi.IntegrityError, dbapi.DataError)
    try:
        with connection.begin_nested():
            memory = recall(connection, batch)
            lone, others = part(batch, memory)
            decided = Batch(memory, now=now)
            for facts in others:
                decided.add(facts)
            written = write(connection, decided, lone)
    except refused as exc:
        if len(batch) == 1:
            reason = str(getattr(exc, "orig", None) or exc).strip().splitlines()[0]
            rejection = Rejection(native_id=batch[0].native_id, reason=reason)
            rejections[batch[0].source].append(rejection)
            return
        middle = len(batch) // 2
        yield from _apply(connection, batch[:middle], now, rejections)
        yield from _apply(connection, batch[middle:], now, rejections)
    else:
        yield written


def _lock(connection: Connection) -> None:
    """Let one ingest run at a time; SQLite's transactions that write do so by themselves."""
    if not is_sqlite(connection):
        schema = text("SELECT pg_advisory_xact_lock(hashtext(:what), hashtext(current_schema()))")
        connection.execute(schema, {"what": "digest-ingest"})
