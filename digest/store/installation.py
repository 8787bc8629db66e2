"""Single values that belong to the installation as a whole, by name."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from digest.store.tables import installation


def get(connection: Connection, name: str) -> str:
    """Return a value; empty where it was never kept."""
    found = connection.scalar(select(installation.c.value).where(installation.c.name == name))
    return str(found or "")


def put(connection: Connection, name: str, value: str) -> None:
    """Keep a value."""
    changed = connection.execute(
        update(installation).where(installation.c.name == name).values(value=value)
    )
    if changed.rowcount == 0:
        connection.execute(insert(installation).values(name=name, value=value))
