"""``digest db``: the store's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from digest.actions import store
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, show


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Look after the database.")
    group.command()(status)
    group.command()(upgrade)
    app.add_typer(group, name="db")


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Print where the store is, its schema revision, and how many rows each table has."""
    with opened(context) as app:
        report = store.status(app)

    def human(found: store.StoreStatus) -> None:
        print_line(f"{found.url}: revision {found.revision}")
        for table, count in found.rows.items():
            print_line(f"  {table:<16}{count:>10}")

    show(report, as_json=as_json, human=human)


def upgrade(
    context: typer.Context,
    revision: Annotated[str, typer.Argument(help="Schema revision.")] = "head",
) -> None:
    """Bring the schema up to date (every command does so by itself, too)."""
    with opened(context) as app:
        store.upgrade(app, revision)
        print_line(f"the store is at revision {store.status(app).revision}")
