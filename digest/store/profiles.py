"""Queries about profiles and subscriptions: who gets what, and who is due."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    cast,
    exists,
    func,
    insert,
    select,
    tuple_,
    update,
)

from digest.model import Profile, Subscriber, SubscriberStatus, Subscription
from digest.store._bulk import among, stamp, update_many
from digest.store.database import is_sqlite
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
    """Insert or change a profile; return its row id and whether anything changed."""
    document = to_document(profile)
    known = connection.execute(
        select(profiles.c.id, profiles.c.document, profiles.c.is_active).where(
            profiles.c.origin == origin, profiles.c.name == profile.name
        )
    ).one_or_none()
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
    if known.document == document and known.is_active:
        return known.id, False
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
    made: int = connection.execute(
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
    return made


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


def _subscription(row: Row[Any], cache: dict[int, Profile]) -> Subscription:
    if row.profile_id not in cache:
        cache[row.profile_id] = _document.validate_json(row.document)
    return Subscription(
        row_id=row.id,
        subscriber=Subscriber(
            row_id=row.subscriber_id,
            address=row.address,
            status=_STATUSES[row.subscriber_status],
            created_at=row.created_at,
            confirmed_at=row.confirmed_at,
        ),
        profile_id=row.profile_id,
        profile=cache[row.profile_id],
        status=_STATUSES[row.status],
        next_slot_at=row.next_slot_at,
        via=row.via,
    )


WHOLE = (0, 1)
"""The share of who plans alone: number, of how many."""

RUN = 250
"""Subscribers whose row ids follow one another are in one share, for their rows do so too: what a
block reads and writes lies on few pages, which other shares do not touch."""


def due(
    connection: Connection,
    now: datetime,
    *,
    limit: int,
    share: tuple[int, int] = WHOLE,
    after: Subscription | None = None,
) -> list[Subscription]:
    """Return subscriptions whose slot has come, on PostgreSQL locked until the transaction ends.

    With a share ``after`` is the last one of the block before: of those before it none is left.

    What refers to a subscriber, such as a word on a paper, may be stored meanwhile.
    Two planners never get the same subscriber there: locked rows are skipped. SQLite's planners
    ask ``still_due`` before they write, and divide subscribers into shares.
    """
    number, shares = share
    query = (
        _subscription_query()
        .where(*_is_due(now))
        .order_by(subscriptions.c.next_slot_at, subscriptions.c.id)
        .limit(limit)
    )
    if is_sqlite(connection):
        if shares > 1:
            query = query.where(subscriptions.c.subscriber_id // RUN % shares == number)
            if after is not None:  # others' are not passed over once a block
                place = tuple_(subscriptions.c.next_slot_at, subscriptions.c.id)
                query = query.where(place > (after.next_slot_at, after.row_id))
    else:
        # No shares: a server takes a remainder for rare, and sorts everybody for each block.
        tables = [subscriptions, subscribers]
        query = query.with_for_update(of=tables, skip_locked=True, key_share=True)
    cache: dict[int, Profile] = {}
    return [_subscription(row, cache) for row in connection.execute(query)]


def hold(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Keep others from making editions for these subscribers until the transaction ends.

    SQLite needs nothing: whoever writes holds its one lock.
    """
    if not is_sqlite(connection):
        query = select(subscribers.c.id).where(among(connection, subscribers.c.id, subscriber_ids))
        connection.execute(query.order_by(subscribers.c.id).with_for_update(key_share=True))


def still_due(connection: Connection, seen: Collection[Subscription], now: datetime) -> set[int]:
    """Return which of these subscriptions are due for the same slot as when they were read."""
    ids = [subscription.row_id for subscription in seen]
    query = (
        _subscription_query()
        .with_only_columns(subscriptions.c.id, subscriptions.c.next_slot_at, profiles.c.id)
        .where(*_is_due(now), among(connection, subscriptions.c.id, ids))
    )
    rows = {row[0]: (row[1], row[2]) for row in connection.execute(query)}
    return {s.row_id for s in seen if rows.get(s.row_id) == (s.next_slot_at, s.profile_id)}


def count_due(connection: Connection, now: datetime) -> int:
    """Count the subscriptions that `due` would give if nobody held any."""
    query = _subscription_query().where(*_is_due(now)).with_only_columns(func.count())
    return connection.scalar(query) or 0


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        subscriptions.c.next_slot_at <= now,
        subscriptions.c.status == SubscriberStatus.CONFIRMED,
        subscribers.c.status == SubscriberStatus.CONFIRMED,
        profiles.c.is_active.is_(True),
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
    return [_subscription(row, cache) for row in connection.execute(query)]


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


def advance(connection: Connection, slots: Sequence[tuple[int, datetime, datetime]]) -> None:
    """Move subscriptions on: (row id, slot just handled, next slot)."""
    update_many(
        connection,
        subscriptions,
        ("last_slot_at", "next_slot_at", "id"),
        [(stamp(slot), stamp(after), row) for row, slot, after in slots],
        key=1,
    )
