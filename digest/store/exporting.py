"""Everything that the store holds about one subscriber, as plain rows.

Tables are found by what they refer to, so that a new one cannot be forgotten. What the rows mean
is in the names of their columns.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Table, select

from digest.store import ledger
from digest.store.tables import (
    attempts,
    bounces,
    deliveries,
    metadata,
    papers,
    profiles,
    subscribers,
    subscriptions,
)

Rows = list[dict[str, Any]]


def rows_of(connection: Connection, subscriber_id: int) -> dict[str, Rows]:
    """Return all rows of a subscriber by table, with the papers they name; empty if unknown."""
    people = _rows(connection, subscribers, subscribers.c.id == subscriber_id)
    if not people:
        return {}
    found = {"subscribers": people}
    for table in metadata.sorted_tables:
        if "subscriber_id" in table.c:
            found[table.name] = _rows(connection, table, table.c.subscriber_id == subscriber_id)
    theirs = select(subscriptions.c.profile_id).where(
        subscriptions.c.subscriber_id == subscriber_id
    )
    found[profiles.name] = _rows(connection, profiles, profiles.c.id.in_(theirs))
    mails = select(deliveries.c.id).where(deliveries.c.subscriber_id == subscriber_id)
    for table in (attempts, bounces):
        found[table.name] = _rows(connection, table, table.c.delivery_id.in_(mails))
    found[papers.name] = _papers(connection, found)
    return found


def _rows(connection: Connection, table: Table, condition: ColumnElement[bool]) -> Rows:
    query = select(table).where(condition).order_by(*table.primary_key)
    return [
        {name: _readable(value) for name, value in row.items()}
        for row in connection.execute(query).mappings()
    ]


def _readable(value: object) -> object:
    """Return bytes as the text they hold: libraries are compressed, mails are not."""
    if not isinstance(value, bytes):
        return value
    try:
        return zlib.decompress(value).decode()
    except zlib.error:
        return value.decode("utf-8", errors="replace")


def _papers(connection: Connection, found: Mapping[str, Rows]) -> Rows:
    named = {row["paper_id"] for rows in found.values() for row in rows if "paper_id" in row}
    for row in found.get("editions", ()):
        row["content"] = orjson.loads(row["content"])
        named |= _named_in(row["content"])
    for row in found.get("shown", ()):
        row["paper_ids"] = ledger.read_ids(row["paper_ids"])
        named.update(row["paper_ids"])
    columns = select(papers.c.id, papers.c.key, papers.c.title)
    ids = sorted(named)
    return [
        dict(row)
        for start in range(0, len(ids), 500)
        for row in connection.execute(
            columns.where(papers.c.id.in_(ids[start : start + 500]))
        ).mappings()
    ]


def _named_in(content: Mapping[str, Any]) -> set[int]:
    return {*content["picks"]["paper_ids"], *content["others"]}
