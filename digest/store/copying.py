"""Copies of an SQLite store, taken and put back while it is in use (SQLite's online backup).

https://www.sqlite.org/backup.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from digest.errors import StoreError
from digest.store.failures import RESTORE

PAGES = 2000
"""Copied at once; between two steps writers get their turn."""


def copy_out(engine: Engine, path: Path, on_progress: Callable[[int], None]) -> None:
    """Write the store as it is now into a new file, and hold the copy to its own checks.

    Raises StoreError where the copy does not pass them: the store itself is damaged.
    """
    with closing(engine.raw_connection()) as ours, closing(sqlite3.connect(path)) as copy:
        _copy(ours.driver_connection, copy, on_progress)
    try:
        check(path)
    except StoreError as exc:
        raise StoreError(f"the store is damaged, and so would be its copy: {RESTORE}") from exc


def copy_in(engine: Engine, path: Path, on_progress: Callable[[int], None]) -> None:
    """Replace everything in the store with a copy. Raises StoreError where it is in use."""
    check(path)
    try:
        with closing(engine.raw_connection()) as ours, closing(sqlite3.connect(path)) as copy:
            _copy(copy, ours.driver_connection, on_progress)
    except sqlite3.OperationalError as exc:
        raise StoreError(f"the store is in use ({exc}): stop `digest serve` first") from exc


def note(path: Path, name: str, value: str) -> None:
    """Add a line about the installation to a copy, and leave it in one file."""
    with closing(sqlite3.connect(path)) as copy:
        copy.execute(
            "INSERT OR REPLACE INTO installation (name, value) VALUES (?, ?)", (name, value)
        )
        copy.commit()
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()


def check(path: Path) -> None:
    """Raise StoreError unless the file is a whole SQLite database with our schema."""
    try:
        with closing(sqlite3.connect(path)) as copy:
            (found,) = copy.execute("PRAGMA integrity_check").fetchone()
            copy.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as exc:
        raise StoreError(f"{path} is damaged, or no backup: {exc}") from exc
    if found != "ok":
        raise StoreError(f"{path} is damaged: {found}")


def _copy(source: Any, target: Any, on_progress: Callable[[int], None]) -> None:
    done = 0

    def tell(_status: int, remaining: int, total: int) -> None:
        nonlocal done
        on_progress(total - remaining - done)
        done = total - remaining

    source.backup(target, pages=PAGES, progress=tell)
