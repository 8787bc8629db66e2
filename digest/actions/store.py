"""The store as its owner sees it: where it is, which schema, how full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from digest.app import App
from digest.store import database


@dataclass(frozen=True, kw_only=True)
class StoreStatus:
    """The database's address (no password), schema revision, and rows by table."""

    url: str
    revision: str
    rows: Mapping[str, int]


def status(app: App) -> StoreStatus:
    """Count every table."""
    with app.reading() as connection:
        rows = database.count_rows(connection)
    return StoreStatus(
        url=app.engine.url.render_as_string(hide_password=True),
        revision=database.current_revision(app.engine) or "none",
        rows=rows,
    )


def upgrade(app: App, revision: str) -> None:
    """Bring the schema to a revision."""
    database.upgrade(app.engine, revision)
