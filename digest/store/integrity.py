"""Whether the store itself is whole: pages, indexes, and the index of words.

PostgreSQL keeps its pages whole by itself and says so where it cannot; SQLite is asked.
https://www.sqlite.org/pragma.html#pragma_integrity_check
"""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from digest.store.database import is_sqlite
from digest.store.failures import RESTORE

NAMED = 3
"""Findings that are told one by one; a damaged file has thousands."""

_UNINDEXED = "SELECT count(*) FROM papers WHERE id NOT IN (SELECT id FROM paper_search_docsize)"


def problems(connection: Connection) -> tuple[str, ...]:
    """Return what is damaged, one line each; empty where the store is whole.

    Reads the whole file: about a second a gigabyte.
    """
    if not is_sqlite(connection):
        return ()
    try:
        found = list(connection.scalars(text(f"PRAGMA integrity_check({NAMED})")))
        broken = list(connection.execute(text("PRAGMA foreign_key_check")).all()[:NAMED])
        unindexed = connection.scalar(text(_UNINDEXED)) or 0
    except DatabaseError as exc:
        if not isinstance(exc.orig, sqlite3.DatabaseError):
            raise
        return (f"the store is damaged: {exc.orig}: {RESTORE}",)
    lines = [f"the store is damaged: {line}: {RESTORE}" for line in found if line != "ok"]
    lines += [f"the store is damaged: {row[0]} names a {row[2]} that is gone" for row in broken]
    if unindexed:
        lines.append(f"the search index is damaged: {unindexed} papers are not in it: {RESTORE}")
    return tuple(lines[:NAMED])
