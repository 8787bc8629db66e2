"""Bring a dump of an older schema up to date, in a scratch store of its own.

The dump is loaded into tables as they were then, the migrations are run on them, and what they
made of it is dumped again: the store that is to be replaced is not touched meanwhile.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, DateTime, MetaData, Table, event

from digest.store import database, dumping
from digest.store.types import Document, UTCDateTime


def bring_up_to_date(path: Path, into: Path, *, on_progress: Callable[[int], None]) -> None:
    """Write an older dump's content as a dump of this program's schema.

    Raises StoreError where the dump is damaged, or is not of the schema that it names.
    """
    header, counts = dumping.check(path)
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        engine = database.open_engine(f"sqlite:///{folder}/scratch.db")
        try:
            database.upgrade(engine, header.revision)
            with engine.begin() as connection:
                then = _tables_of(connection, counts)
                for table in reversed(list(then.values())):
                    connection.execute(table.delete())
                dumping.load(connection, path, tables=then, on_progress=on_progress)
            database.upgrade(engine)
            with database.snapshot(engine) as connection:
                dumping.dump(
                    connection,
                    into,
                    revision=database.head_revision(),
                    secret=header.secret,
                    now=header.made_at,
                    sequences=header.sequences,
                )
        finally:
            engine.dispose()


def _tables_of(connection: Connection, names: Collection[str]) -> Mapping[str, Table]:
    """Return tables as they are in the store, by name, those that are pointed at first."""
    found = MetaData()

    @event.listens_for(found, "column_reflect")
    def _typed(_inspector: Any, _table: Table, column: dict[str, Any]) -> None:
        if isinstance(column["type"], DateTime):
            column["type"] = UTCDateTime()
        elif isinstance(column["type"], JSON):
            column["type"] = Document

    found.reflect(connection, only=lambda name, _: name in names)
    return {table.name: table for table in found.sorted_tables}
