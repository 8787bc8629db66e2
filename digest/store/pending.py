"""Wishes of visitors: subscriptions by page that wait for a confirmation, or are forgotten.

Unconfirmed subscribers that the owner brought in are not touched.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select

from digest.model import SubscriberStatus
from digest.store.profiles import WEB
from digest.store.tables import buckets, profiles, subscribers, subscriptions

_UNCONFIRMED = SubscriberStatus.UNCONFIRMED.value
_WAITS = (subscriptions.c.status == _UNCONFIRMED, subscriptions.c.via == WEB)


def of_subscriber(connection: Connection, subscriber_id: int) -> list[int]:
    """Return the row ids of a subscriber's waiting subscriptions."""
    return list(
        connection.scalars(
            select(subscriptions.c.id).where(
                subscriptions.c.subscriber_id == subscriber_id, *_WAITS
            )
        )
    )


def drop(connection: Connection, subscription_ids: Collection[int]) -> int:
    """Delete waiting subscriptions with the profiles that were made for them; return how many."""
    chosen = (subscriptions.c.id.in_(subscription_ids), *_WAITS)
    made_for = list(connection.scalars(select(subscriptions.c.profile_id).where(*chosen)))
    dropped = connection.execute(delete(subscriptions).where(*chosen)).rowcount
    drop_unused_profiles(connection, made_for)
    return dropped


def drop_unused_profiles(connection: Connection, profile_ids: Collection[int]) -> None:
    """Delete those of these profiles that a page made and no subscription has any more."""
    used = exists().where(subscriptions.c.profile_id == profiles.c.id)
    connection.execute(
        delete(profiles).where(profiles.c.id.in_(profile_ids), profiles.c.origin == WEB, ~used)
    )


def drop_stale(connection: Connection, *, before: datetime, limit: int = 500) -> int:
    """Forget requests older than this that nobody confirmed, and who made nothing else."""
    old = list(
        connection.scalars(
            select(subscriptions.c.id)
            .where(subscriptions.c.created_at < before, *_WAITS)
            .limit(limit)
        )
    )
    if not old:
        return 0
    people = set(
        connection.scalars(select(subscriptions.c.subscriber_id).where(subscriptions.c.id.in_(old)))
    )
    dropped = drop(connection, old)
    subscribed = exists().where(subscriptions.c.subscriber_id == subscribers.c.id)
    connection.execute(
        delete(subscribers).where(
            subscribers.c.id.in_(people), subscribers.c.status == _UNCONFIRMED, ~subscribed
        )
    )
    return dropped


def forget_networks(connection: Connection, prefix: str, *, before: datetime) -> None:
    """Forget the buckets of networks that asked for nothing since."""
    connection.execute(
        delete(buckets).where(
            buckets.c.name.startswith(prefix, autoescape=True), buckets.c.updated_at < before
        )
    )
