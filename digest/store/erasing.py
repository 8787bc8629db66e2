"""Forget a person: every row that is keyed to a subscriber goes or is made anonymous.

What stays is what names nobody: counts of deliveries, one ``erased`` consent event, and the
suppression's HMAC, which the caller sees to.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from digest.model import DeliveryState
from digest.store.profiles import WEB
from digest.store.tables import (
    attempts,
    bounces,
    consents,
    deliveries,
    editions,
    profiles,
    subscribers,
    subscriptions,
)

_OPEN = (
    DeliveryState.READY,
    DeliveryState.DEFERRED,
    DeliveryState.CLAIMED,
    DeliveryState.UNCERTAIN,
)


def erase(connection: Connection, subscriber_id: int, *, now: datetime, via: str) -> bool:
    """Remove a subscriber and all that is theirs; tell whether there was one."""
    if connection.scalar(select(subscribers.c.id).where(subscribers.c.id == subscriber_id)) is None:
        return False
    theirs = select(subscriptions.c.profile_id).where(
        subscriptions.c.subscriber_id == subscriber_id
    )
    own_profiles = list(
        connection.scalars(
            select(profiles.c.id).where(profiles.c.id.in_(theirs), profiles.c.origin == WEB)
        )
    )
    _forget_mail(connection, subscriber_id)
    connection.execute(delete(editions).where(editions.c.subscriber_id == subscriber_id))
    connection.execute(delete(consents).where(consents.c.subscriber_id == subscriber_id))
    # Subscriptions, feedback and the ledger of what was shown go with the row.
    connection.execute(delete(subscribers).where(subscribers.c.id == subscriber_id))
    still_used = select(subscriptions.c.profile_id)
    connection.execute(
        delete(profiles).where(profiles.c.id.in_(own_profiles), profiles.c.id.not_in(still_used))
    )
    connection.execute(
        insert(consents).values(subscriber_id=subscriber_id, kind="erased", at=now, via=via)
    )
    return True


def _forget_mail(connection: Connection, subscriber_id: int) -> None:
    """End what waits, and take address, content and replies (which quote it) out of the rest."""
    mine = deliveries.c.subscriber_id == subscriber_id
    ids = select(deliveries.c.id).where(mine)
    connection.execute(update(attempts).where(attempts.c.delivery_id.in_(ids)).values(reply=""))
    connection.execute(
        update(bounces)
        .where(or_(bounces.c.subscriber_id == subscriber_id, bounces.c.delivery_id.in_(ids)))
        .values(subscriber_id=None, reason="")
    )
    connection.execute(
        update(deliveries)
        .where(mine, deliveries.c.state.in_([state.value for state in _OPEN]))
        .values(state=DeliveryState.CANCELLED.value, cause="erased")
    )
    connection.execute(
        update(deliveries)
        .where(mine)
        .values(subscriber_id=None, address="", address_hmac="", content=None, reply="")
    )
