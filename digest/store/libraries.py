"""The libraries that readers gave to a page: compressed, each its reader's own."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from digest.store.tables import libraries

STORED = "stored:"
"""Begins the ``library`` of an interest that names a row here and not a file."""
_CHUNK = 500


def keep(
    connection: Connection, subscriber_id: int, content: bytes, *, papers: int, now: datetime
) -> str:
    """Store a library and return the name by which an interest keeps it."""
    row_id = connection.execute(
        insert(libraries)
        .values(
            subscriber_id=subscriber_id,
            content=zlib.compress(content),
            papers=papers,
            stored_at=now,
        )
        .returning(libraries.c.id)
    ).scalar_one()
    return f"{STORED}{row_id}"


def load(connection: Connection, names: Collection[str]) -> dict[str, bytes]:
    """Return libraries by name; what is not stored here is absent."""
    found: dict[str, bytes] = {}
    ids = sorted(_ids(names))
    for start in range(0, len(ids), _CHUNK):
        rows = connection.execute(
            select(libraries.c.id, libraries.c.content).where(
                libraries.c.id.in_(ids[start : start + _CHUNK])
            )
        )
        found |= {f"{STORED}{row.id}": zlib.decompress(row.content) for row in rows}
    return found


def counts_of(connection: Connection, subscriber_id: int) -> dict[str, int]:
    """Return how many papers each library of a subscriber holds, by name."""
    rows = connection.execute(
        select(libraries.c.id, libraries.c.papers).where(libraries.c.subscriber_id == subscriber_id)
    )
    return {f"{STORED}{row.id}": row.papers for row in rows}


def drop_unused(connection: Connection, subscriber_id: int, used: Collection[str]) -> int:
    """Delete a subscriber's libraries that no interest names; return how many."""
    return connection.execute(
        delete(libraries).where(
            libraries.c.subscriber_id == subscriber_id, libraries.c.id.not_in(_ids(used))
        )
    ).rowcount


def _ids(names: Collection[str]) -> set[int]:
    tails = [name.removeprefix(STORED) for name in names if name.startswith(STORED)]
    return {int(tail) for tail in tails if tail.isascii() and tail.isdigit()}
