"""``INSERT ... ON CONFLICT`` in the words of both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from digest.store.database import is_sqlite


def insert_ignore(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, leaving those alone that are there already."""
    if rows:
        connection.execute(_insert_new(connection, table), list(rows))


def insert_counted(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, leaving those alone that are there already; return how many were new."""
    if not rows:
        return 0
    statement = _insert_new(connection, table).returning(*table.primary_key)
    return len(connection.execute(statement, list(rows)).all())


def _insert_new(connection: Connection, table: Table) -> Insert:
    if is_sqlite(connection):
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()
