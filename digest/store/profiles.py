"""Queries about profiles and subscriptions: who gets what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    Connection,
    Row,
    Select,
    Text,
    cast,
    exists,
    insert,
    select,
    update,
)

from digest.model import Profile, Subscriber, SubscriberStatus, Subscription
from digest.model.quickly import made
from digest.store import lookups
from digest.store.tables import profiles, subscribers, subscriptions
from digest.store.upserts import insert_counted

_document = TypeAdapter(Profile)

CONFIG = "config"
WEB = "web"


@dataclass(frozen=True, kw_only=True)
class StoredProfile:
    """A profile as the store has it."""

    row_id: int
    origin: str
    profile: Profile
    is_active: bool


def to_document(profile: Profile) -> dict[str, Any]:
    """Return a profile as JSON values."""
    document: dict[str, Any] = _document.dump_python(profile, mode="json")
    return document


def from_document(document: Mapping[str, Any]) -> Profile:
    """Return the profile that JSON values describe; raises pydantic.ValidationError."""
    return _document.validate_python(document)


def save(
    connection: Connection, profile: Profile, *, origin: str, now: datetime
) -> tuple[int, bool]:
    """Insert or change a profile; return its row id and whether anything changed.

    Its liked and disliked papers are queued to be looked up.
    """
    document = to_document(profile)
    known = connection.execute(
        select(profiles.c.id, profiles.c.document, profiles.c.is_active).where(
            profiles.c.origin == origin, profiles.c.name == profile.name
        )
    ).one_or_none()
    if known is not None and known.document == document and known.is_active:
        return known.id, False
    lookups.queue(connection, profile.rated, now=now)
    if known is None:
        row_id = connection.execute(
            insert(profiles)
            .values(
                origin=origin,
                name=profile.name,
                document=document,
                is_active=True,
                created_at=now,
                changed_at=now,
            )
            .returning(profiles.c.id)
        ).scalar_one()
        return row_id, True
    connection.execute(
        update(profiles)
        .where(profiles.c.id == known.id)
        .values(document=document, is_active=True, changed_at=now)
    )
    return known.id, True


def deactivate_missing(connection: Connection, names: Collection[str], *, origin: str) -> int:
    """Switch off the profiles of an origin that are not named; return how many."""
    return connection.execute(
        update(profiles)
        .where(
            profiles.c.origin == origin,
            profiles.c.name.not_in(names),
            profiles.c.is_active.is_(True),
        )
        .values(is_active=False)
    ).rowcount


def find(connection: Connection, name: str, *, origin: str = CONFIG) -> StoredProfile | None:
    """Return a profile by name."""
    row = connection.execute(
        select(profiles).where(profiles.c.origin == origin, profiles.c.name == name)
    ).one_or_none()
    return _stored(row) if row else None


def all_profiles(connection: Connection, *, origin: str | None = None) -> list[StoredProfile]:
    """Return the active profiles, by name."""
    query = select(profiles).where(profiles.c.is_active.is_(True)).order_by(profiles.c.name)
    if origin:
        query = query.where(profiles.c.origin == origin)
    return [_stored(row) for row in connection.execute(query)]


def _stored(row: Row[Any]) -> StoredProfile:
    return StoredProfile(
        row_id=row.id,
        origin=row.origin,
        profile=from_document(row.document),
        is_active=row.is_active,
    )


def subscribe(
    connection: Connection,
    *,
    subscriber_id: int,
    profile_id: int,
    status: SubscriberStatus,
    next_slot_at: datetime | None,
    now: datetime,
    via: str = CONFIG,
) -> int:
    """Return the subscription of this pair, made if there is none; never revives one.

    ``via`` says who made it: those of ``config`` follow the profile's file.
    """
    known = connection.scalar(
        select(subscriptions.c.id).where(
            subscriptions.c.subscriber_id == subscriber_id,
            subscriptions.c.profile_id == profile_id,
        )
    )
    if known is not None:
        return int(known)
    row_id: int = connection.execute(
        insert(subscriptions)
        .values(
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=status,
            created_at=now,
            next_slot_at=next_slot_at,
            via=via,
        )
        .returning(subscriptions.c.id)
    ).scalar_one()
    return row_id


def subscribe_many(
    connection: Connection,
    pairs: Collection[tuple[int, int, datetime | None]],
    *,
    status: SubscriberStatus,
    now: datetime,
    via: str,
) -> int:
    """Subscribe (subscriber, profile, next slot) where there is no row yet; return how many."""
    return insert_counted(
        connection,
        subscriptions,
        [
            {
                "subscriber_id": subscriber_id,
                "profile_id": profile_id,
                "status": status.value,
                "created_at": now,
                "next_slot_at": next_slot_at,
                "via": via,
            }
            for subscriber_id, profile_id, next_slot_at in pairs
        ],
    )


def own_profile_ids(connection: Connection, profile_ids: Collection[int]) -> set[int]:
    """Return those of these profiles that belong to one reader, not to the files."""
    query = select(profiles.c.id).where(profiles.c.id.in_(profile_ids), profiles.c.origin == WEB)
    return set(connection.scalars(query))


def file_made(connection: Connection, subscription_ids: Collection[int]) -> set[int]:
    """Return those of these subscriptions that a profile's file made, and nobody else."""
    query = select(subscriptions.c.id).where(
        subscriptions.c.id.in_(subscription_ids), subscriptions.c.via == CONFIG
    )
    return set(connection.scalars(query))


def adopt(connection: Connection, subscription_ids: Collection[int], *, via: str) -> None:
    """Let subscriptions stand by themselves: they stay when a profile's file drops the address."""
    connection.execute(
        update(subscriptions).where(subscriptions.c.id.in_(subscription_ids)).values(via=via)
    )


def set_subscription(
    connection: Connection,
    subscription_ids: Collection[int],
    *,
    status: SubscriberStatus,
    next_slot_at: datetime | None,
) -> int:
    """Set the status and next slot of subscriptions; return how many rows changed."""
    return connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id.in_(subscription_ids))
        .values(status=status, next_slot_at=next_slot_at)
    ).rowcount


def give_profile(
    connection: Connection, subscription_id: int, profile_id: int, *, via: str
) -> None:
    """Let a subscription have another profile; its links, ledger and slots stay."""
    connection.execute(
        update(subscriptions)
        .where(subscriptions.c.id == subscription_id)
        .values(profile_id=profile_id, via=via)
    )


def _subscription_query() -> Select[Any]:
    return select(
        subscriptions.c.id,
        subscriptions.c.status,
        subscriptions.c.next_slot_at,
        subscriptions.c.profile_id,
        subscriptions.c.via,
        cast(profiles.c.document, Text).label("document"),
        subscribers.c.id.label("subscriber_id"),
        subscribers.c.address,
        subscribers.c.status.label("subscriber_status"),
        subscribers.c.created_at,
        subscribers.c.confirmed_at,
    ).select_from(
        subscriptions.join(profiles, profiles.c.id == subscriptions.c.profile_id).join(
            subscribers, subscribers.c.id == subscriptions.c.subscriber_id
        )
    )


_STATUSES = {status.value: status for status in SubscriberStatus}


def read_subscription(row: Sequence[Any], cache: dict[int, Profile]) -> Subscription:
    """Return the subscription of a row as `_subscription_query` names its columns."""
    profile_id = row[3]
    profile = cache.get(profile_id)
    if profile is None:
        profile = cache[profile_id] = _document.validate_json(row[5])
    subscriber = made(
        Subscriber,
        row_id=row[6],
        address=row[7],
        status=_STATUSES[row[8]],
        created_at=row[9],
        confirmed_at=row[10],
    )
    return made(
        Subscription,
        row_id=row[0],
        subscriber=subscriber,
        profile_id=profile_id,
        profile=profile,
        status=_STATUSES[row[1]],
        next_slot_at=row[2],
        via=row[4],
    )


def subscriptions_of(
    connection: Connection,
    *,
    profile_id: int | None = None,
    subscriber_id: int | None = None,
    subscriber_ids: Collection[int] | None = None,
    subscription_ids: Collection[int] | None = None,
) -> list[Subscription]:
    """Return subscriptions of a profile or of subscribers, or by row id, whatever their status."""
    query = _subscription_query().order_by(subscriptions.c.id)
    if profile_id is not None:
        query = query.where(subscriptions.c.profile_id == profile_id)
    if subscriber_id is not None:
        query = query.where(subscriptions.c.subscriber_id == subscriber_id)
    if subscriber_ids is not None:
        query = query.where(subscriptions.c.subscriber_id.in_(subscriber_ids))
    if subscription_ids is not None:
        query = query.where(subscriptions.c.id.in_(subscription_ids))
    cache: dict[int, Profile] = {}
    return [read_subscription(row, cache) for row in connection.execute(query)]


def subscription_of(
    connection: Connection, subscriber_id: int, subscription_id: int
) -> Subscription | None:
    """Return a subscription where it is this subscriber's."""
    found = subscriptions_of(connection, subscription_ids=[subscription_id])
    return found[0] if found and found[0].subscriber.row_id == subscriber_id else None


def is_own(connection: Connection, subscription: Subscription) -> bool:
    """Tell whether a page made this subscription's profile, for it alone."""
    others = exists().where(
        subscriptions.c.profile_id == profiles.c.id, subscriptions.c.id != subscription.row_id
    )
    found = select(profiles.c.id).where(
        profiles.c.id == subscription.profile_id, profiles.c.origin == WEB, ~others
    )
    return connection.scalar(found) is not None
