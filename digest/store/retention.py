"""Delete what is old enough: runs, polls, mails that are over, their editions; in small steps.

What was shown to whom is never deleted here: the once-only promise outlives the mail that kept
it. Papers are ``pruning``'s, raw answers ``bodies``'s.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, exists, func, select

from digest.model import DeliveryState
from digest.store.tables import bounces, deliveries, editions, poll_bodies, polls, runs

BATCH = 5000
"""Rows deleted in one transaction: nobody waits long for its locks."""

OVER = tuple(
    state.value
    for state in (
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.SUPPRESSED,
        DeliveryState.EXPIRED,
        DeliveryState.CANCELLED,
    )
)
"""An uncertain delivery waits for a person, however old it is."""


def count_old(connection: Connection, before: datetime) -> dict[str, int]:
    """Count what `delete_some` would delete, by table."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table).where(*which)) or 0
        for table, which in _old(before)
    }


def delete_some(connection: Connection, before: datetime) -> dict[str, int]:
    """Delete at most `BATCH` rows of each table; return how many of each, all 0 when done."""
    return {
        table.name: connection.execute(
            delete(table).where(
                table.c.id.in_(select(table.c.id).where(*which).order_by(table.c.id).limit(BATCH))
            )
        ).rowcount
        for table, which in _old(before)
    }


def _old(before: datetime) -> tuple[tuple[Table, tuple[ColumnElement[Any], ...]], ...]:
    is_needed = exists().where(deliveries.c.edition_id == editions.c.id)
    has_answers = exists().where(poll_bodies.c.poll_id == polls.c.id)
    return (
        (runs, (runs.c.started_at < before,)),
        (polls, (polls.c.at < before, ~has_answers)),
        (bounces, (bounces.c.received_at < before,)),
        # Deliveries before their editions: one that is to be mailed and has none looks like a loss.
        (deliveries, (deliveries.c.created_at < before, deliveries.c.state.in_(OVER))),
        (editions, (editions.c.made_at < before, ~is_needed)),
    )
