"""Deliveries as their owner sees them: counts, lists, attempts; retry, cancel, pause.

The steps of sending are ``outbox``; nothing here claims or sends.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, insert, select

from digest.model import DeliveryState
from digest.store.outbox import PAUSED
from digest.store.tables import deliveries, installation


def next_due_at(connection: Connection) -> datetime | None:
    """Return when the next waiting delivery is due, None where none waits."""
    found: datetime | None = connection.scalar(
        select(func.min(deliveries.c.next_attempt_at)).where(
            deliveries.c.state.in_((DeliveryState.READY.value, DeliveryState.DEFERRED.value))
        )
    )
    return found


def is_paused(connection: Connection) -> bool:
    """Tell whether sending is on hold."""
    return connection.scalar(select(exists().where(installation.c.name == PAUSED))) is True


def count_by_state(connection: Connection) -> dict[DeliveryState, int]:
    """Return how many deliveries are in each state; a state without any has 0."""
    rows = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    found = {DeliveryState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in DeliveryState}


def pause(connection: Connection, now: datetime) -> None:
    """Hold all sending, within one message a connection."""
    if not is_paused(connection):
        connection.execute(insert(installation).values(name=PAUSED, value=now.isoformat()))


def resume(connection: Connection) -> None:
    """Let sending go on."""
    connection.execute(delete(installation).where(installation.c.name == PAUSED))
