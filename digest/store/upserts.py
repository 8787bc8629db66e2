"""``INSERT ... ON CONFLICT`` in the words of both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from digest.store.database import is_sqlite


def insert_ignore(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, leaving those alone that are there already."""
    if not rows:
        return
    statement = (
        sqlite.insert(table).on_conflict_do_nothing()
        if is_sqlite(connection)
        else postgresql.insert(table).on_conflict_do_nothing()
    )
    connection.execute(statement, list(rows))
