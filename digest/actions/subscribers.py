"""Subscribers as the owner sees them: list, add, remove, suppress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.actions import profiles
from digest.app import App
from digest.errors import UsageError
from digest.model import SubscriberStatus
from digest.store import profiles as profile_store
from digest.store import subscribers as subscriber_store
from digest.subscribers.addresses import normalise


@dataclass(frozen=True, kw_only=True)
class SubscriberLine:
    """One subscription of one address."""

    subscriber_id: int
    address: str
    status: SubscriberStatus
    profile: str
    subscription: SubscriberStatus
    next_slot_at: datetime | None


def listing(app: App, *, address: str = "") -> list[SubscriberLine]:
    """Return every subscription, or those of one address."""
    with app.reading() as connection:
        person = subscriber_store.find(connection, address) if address else None
        if address and person is None:
            raise UsageError(f"nobody subscribed as {address}")
        found = profile_store.subscriptions_of(
            connection, subscriber_id=person.row_id if person else None
        )
    return [
        SubscriberLine(
            subscriber_id=s.subscriber.row_id,
            address=s.subscriber.address,
            status=s.subscriber.status,
            profile=s.profile.name,
            subscription=s.status,
            next_slot_at=s.next_slot_at,
        )
        for s in found
    ]


def add(app: App, address: str, profile_names: Sequence[str]) -> list[SubscriberLine]:
    """Subscribe an address to profiles, as the owner's word; raise UsageError on a bad name."""
    profiles.sync(app)
    wanted = [profiles.get(app, name) for name in profile_names]
    normal = normalise(address)
    with app.writing() as connection:
        subscriber_id = subscriber_store.ensure(
            connection, normal, status=SubscriberStatus.CONFIRMED, now=app.now(), via="owner"
        )
        for profile in wanted:
            profile_store.subscribe(
                connection,
                subscriber_id=subscriber_id,
                profile_id=profile.row_id,
                status=SubscriberStatus.CONFIRMED,
                next_slot_at=app.now(),
                now=app.now(),
            )
    return listing(app, address=normal)


def remove(app: App, address: str) -> int:
    """Unsubscribe an address from everything; return how many subscriptions ended."""
    with app.writing() as connection:
        person = subscriber_store.find(connection, address)
        if person is None:
            raise UsageError(f"nobody subscribed as {address}")
        subscriber_store.set_status(
            connection, person.row_id, SubscriberStatus.UNSUBSCRIBED, now=app.now()
        )
        subscriber_store.add_consent(
            connection, person.row_id, "unsubscribed", now=app.now(), via="owner"
        )
        live = profile_store.subscriptions_of(connection, subscriber_id=person.row_id)
        return profile_store.set_subscription(
            connection,
            [s.row_id for s in live],
            status=SubscriberStatus.UNSUBSCRIBED,
            next_slot_at=None,
        )
