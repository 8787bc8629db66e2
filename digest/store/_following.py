"""What came to a merged paper after its merge and goes with the part that leaves it again.

A record that bears an id of the leaving paper was kept with the other because the two were one; so
were the ids, versions and sightings of which nothing but such records tells. It moves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from digest.store.tables import paper_ids, records, sightings, versions
from digest.text.ids import split_key

Pair = tuple[str, Any]


@dataclass
class _Side:
    """What the records of one of the two papers tell of."""

    records: set[Pair] = field(default_factory=set)
    paper_ids: set[Pair] = field(default_factory=set)
    versions: set[Pair] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    def add(self, source: str, native_id: str, content: Mapping[str, Any]) -> None:
        self.records.add((source, native_id))
        self.sources.add(source)
        self.paper_ids |= {split_key(key) for key in _keys(content)}
        if content.get("version") is not None:
            self.versions.add((split_key(content["key"])[0], content["version"]))


def followers(
    connection: Connection, *, stays: int, leaves: int, since: datetime
) -> dict[Table, list[Pair]]:
    """Return the rows that go over to the paper that leaves, by table: its keys, as far as needed.

    Both papers have got back already what they had at the merge.
    """
    own = _pairs(connection, paper_ids, leaves)
    going, staying = _Side(), _Side()
    columns = records.c
    query = select(columns.source, columns.native_id, columns.first_seen_at, columns.content)
    for row in connection.execute(query.where(columns.paper_id == stays)):
        goes = row.first_seen_at >= since and split_key(row.content["key"]) in own
        (going if goes else staying).add(row.source, row.native_id, row.content)
    if not going.records:
        return {}
    seen = select(sightings.c.source, sightings.c.announced_on).where(
        sightings.c.paper_id == stays,
        sightings.c.seen_at >= since,
        sightings.c.source.in_(going.sources - staying.sources),
    )
    announced: set[Pair] = {(row.source, row.announced_on) for row in connection.execute(seen)}
    held = _pairs(connection, paper_ids, stays)
    return {
        records: sorted(going.records),
        paper_ids: sorted((going.paper_ids - staying.paper_ids) & held),
        versions: sorted(going.versions - staying.versions - _pairs(connection, versions, leaves)),
        sightings: sorted(announced - _pairs(connection, sightings, leaves)),
    }


_KEYS = {
    paper_ids: ("scheme", "value"),
    versions: ("scheme", "number"),
    sightings: ("source", "announced_on"),
}


def _pairs(connection: Connection, table: Table, paper_id: int) -> set[Pair]:
    one, other = (table.c[name] for name in _KEYS[table])
    rows = connection.execute(select(one, other).where(table.c.paper_id == paper_id)).all()
    return {(row[0], row[1]) for row in rows}


def _keys(content: Mapping[str, Any]) -> list[str]:
    return [content["key"], *content.get("ids", ()), *content.get("asserted_ids", ())]
