"""The rows of a batch, bound and by table: gathered first, then written table by table.

What goes into them is decided elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sqlalchemy import Connection

from digest.papers.verdict import Status
from digest.store._bulk import Row, insert_many, update_many
from digest.store._composing import PAPER_COLUMNS
from digest.store.database import is_sqlite
from digest.store.tables import events, paper_ids, papers, records, sightings, versions

_ID = ("scheme", "value", "paper_id", "asserted_by")
_RECORD = (
    "paper_id", "fingerprint", "content_hash", "changes", "first_seen_at", "last_seen_at",
    "content", "source", "native_id",
)  # fmt: skip
_SIGHTING = ("announce_type", "seen_at", "paper_id", "source", "announced_on")
_VERSION = ("paper_id", "scheme", "number", "title", "seen_at")
_EVENT = ("paper_id", "kind", "at")


@dataclass(kw_only=True)
class Written:
    """What became of the papers of a batch, source by source."""

    statuses: dict[tuple[str, int], Status] = field(default_factory=dict)
    """By source and paper: who announced it is told that it is new, the others that it is known."""
    late: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    buried: Counter[str] = field(default_factory=Counter)
    sighted: Counter[str] = field(default_factory=Counter)

    def add(self, other: Written) -> None:
        """Add what became of another batch."""
        for name, status in other.statuses.items():
            if self.statuses.get(name) in (None, Status.UNCHANGED):
                self.statuses[name] = status
        self.late += other.late
        self.merged += other.merged
        self.buried += other.buried
        self.sighted += other.sighted


@dataclass
class Rows:
    """Bound rows by table."""

    papers: list[Row] = field(default_factory=list)
    """By rising row id."""
    changed_papers: list[Row] = field(default_factory=list)
    paper_ids: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    changed_records: list[Row] = field(default_factory=list)
    sightings: list[Row] = field(default_factory=list)
    better_sightings: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)

    def write(self, connection: Connection) -> None:
        """Write all; raise what the database raises."""
        _insert_papers(connection, self.papers)
        update_many(connection, papers, PAPER_COLUMNS, self.changed_papers, key=1)
        insert_many(connection, paper_ids, _ID, self.paper_ids)
        insert_many(connection, records, _RECORD, self.records)
        update_many(connection, records, _RECORD, self.changed_records, key=2)
        insert_many(connection, sightings, _SIGHTING, self.sightings)
        update_many(connection, sightings, _SIGHTING, self.better_sightings, key=3)
        insert_many(connection, versions, _VERSION, self.versions)
        insert_many(connection, events, _EVENT, self.events)


def _insert_papers(connection: Connection, rows: list[Row]) -> None:
    """Insert papers; on SQLite put their words into the search at once, see migration 0002."""
    if not rows or not is_sqlite(connection):
        insert_many(connection, papers, PAPER_COLUMNS, rows)
        return
    connection.exec_driver_sql("INSERT INTO paper_search_held (held) VALUES (1)")
    insert_many(connection, papers, PAPER_COLUMNS, rows)
    connection.exec_driver_sql(
        "INSERT INTO paper_search (rowid, title, abstract, authors, labels) "
        "SELECT id, title, abstract, authors, labels FROM paper_search_words "
        "WHERE id BETWEEN ? AND ?",
        (rows[0][-1], rows[-1][-1]),
    )
    connection.exec_driver_sql("DELETE FROM paper_search_held")
