"""Subscribers and the proof of what they asked for: rows in, frozen values out.

Consent events are only ever added. Profiles and subscriptions are ``profiles``'s; whether an
address may be mailed is the suppressions'.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from digest.model import Subscriber, SubscriberStatus
from digest.store.database import is_sqlite
from digest.store.tables import consents, profiles, subscribers, subscriptions
from digest.store.upserts import insert_ignore
from digest.subscribers.addresses import address_key, destination, normalise

_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Consent:
    """One event: what was asked or withdrawn, when, where, under which wording."""

    kind: str
    at: datetime
    via: str
    text_version: str
    detail: Mapping[str, Any]


_COLUMNS = (
    subscribers.c.id,
    subscribers.c.address,
    subscribers.c.status,
    subscribers.c.created_at,
    subscribers.c.confirmed_at,
)


def ensure(
    connection: Connection,
    address: str,
    *,
    status: SubscriberStatus,
    now: datetime,
    via: str,
    channels: bool = False,
) -> int:
    """Return the row id of this mailbox, adding it with ``status`` if it is new.

    A known subscriber keeps its status. Raises AddressError; ``channels`` lets the address be a
    channel's, which only the owner may name.
    """
    found = ensure_many(connection, [address], status=status, now=now, via=via, channels=channels)
    return found[address_key(address)]


def ensure_locked(connection: Connection, address: str, *, now: datetime) -> Subscriber:
    """Return the subscriber of this mailbox, added unconfirmed if new; raises AddressError.

    The row is ours until the transaction ends: two requests for one mailbox take turns.
    """
    key = address_key(address)
    row = {"address": normalise(address), "address_key": key, "created_at": now,
           "status": SubscriberStatus.UNCONFIRMED.value}  # fmt: skip
    insert_ignore(connection, subscribers, [row])
    chosen = select(*_COLUMNS).where(subscribers.c.address_key == key)
    if not is_sqlite(connection):
        chosen = chosen.with_for_update()
    return _subscriber(connection.execute(chosen).mappings().one())


def ensure_many(
    connection: Connection,
    addresses: Iterable[str],
    *,
    status: SubscriberStatus,
    now: datetime,
    via: str,
    details: Mapping[str, Mapping[str, Any]] | None = None,
    channels: bool = False,
) -> dict[str, int]:
    """Return row ids by address key, adding in batches those that are new. Raises AddressError.

    Each new one leaves a consent event: ``requested``, or ``imported`` where it comes confirmed;
    ``details``, by address key, go with it.
    """
    written = destination if channels else normalise
    wanted = {address_key(address): written(address) for address in addresses}
    present = _ids_by_key(connection, list(wanted))
    fresh = [key for key in wanted if key not in present]
    if not fresh:
        return present
    confirmed_at = now if status is SubscriberStatus.CONFIRMED else None
    for start in range(0, len(fresh), _BATCH):
        batch = fresh[start : start + _BATCH]
        connection.execute(
            insert(subscribers),
            [
                {
                    "address": wanted[key],
                    "address_key": key,
                    "status": status.value,
                    "created_at": now,
                    "confirmed_at": confirmed_at,
                }
                for key in batch
            ],
        )
    added = _ids_by_key(connection, fresh)
    kind = "imported" if status is SubscriberStatus.CONFIRMED else "requested"
    connection.execute(
        insert(consents),
        [
            {
                "subscriber_id": row_id,
                "kind": kind,
                "at": now,
                "via": via,
                "detail": dict((details or {}).get(key, {})),
            }
            for key, row_id in added.items()
        ],
    )
    return present | added


def get(connection: Connection, subscriber_id: int) -> Subscriber | None:
    """Return the subscriber of this row id."""
    row = (
        connection.execute(select(*_COLUMNS).where(subscribers.c.id == subscriber_id))
        .mappings()
        .one_or_none()
    )
    return _subscriber(row) if row else None


def find(connection: Connection, address: str) -> Subscriber | None:
    """Return the subscriber of this mailbox, however it is spelt. Raises AddressError."""
    row = (
        connection.execute(
            select(*_COLUMNS).where(subscribers.c.address_key == address_key(address))
        )
        .mappings()
        .one_or_none()
    )
    return _subscriber(row) if row else None


def known(connection: Connection, addresses: Sequence[str]) -> dict[str, Subscriber]:
    """Return those of these mailboxes that subscribed, by address key. Raises AddressError."""
    keys = [address_key(address) for address in addresses]
    found: dict[str, Subscriber] = {}
    for start in range(0, len(keys), _BATCH):
        query = select(*_COLUMNS).where(subscribers.c.address_key.in_(keys[start : start + _BATCH]))
        for row in connection.execute(query).mappings():
            found[address_key(row["address"])] = _subscriber(row)
    return found


def listed(
    connection: Connection,
    *,
    status: SubscriberStatus | None = None,
    search: str = "",
    profile: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[Subscriber]:
    """Return subscribers by row id, from the one after ``after`` on.

    ``search`` is a part of the address, ``profile`` the name of one they subscribed to.
    """
    query = select(*_COLUMNS).where(subscribers.c.id > after).order_by(subscribers.c.id)
    if status is not None:
        query = query.where(subscribers.c.status == status.value)
    if search:
        query = query.where(subscribers.c.address_key.contains(search.lower(), autoescape=True))
    if profile:
        theirs = (
            select(subscriptions.c.subscriber_id)
            .join(profiles, profiles.c.id == subscriptions.c.profile_id)
            .where(profiles.c.name == profile)
        )
        query = query.where(subscribers.c.id.in_(theirs))
    return [_subscriber(row) for row in connection.execute(query.limit(limit)).mappings()]


def change_address(connection: Connection, subscriber_id: int, address: str) -> None:
    """Give a subscriber another address, in its written form. Raises AddressError.

    Whether the address is free and may be mailed is for the caller to ask.
    """
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(address=normalise(address), address_key=address_key(address))
    )


def set_status(
    connection: Connection, subscriber_id: int, status: SubscriberStatus, *, now: datetime
) -> bool:
    """Move the subscriber to a status; tell whether that changed anything."""
    values: dict[str, Any] = {"status": status.value}
    if status is SubscriberStatus.CONFIRMED:
        values |= {"confirmed_at": now, "unsubscribed_at": None}
    elif status is SubscriberStatus.UNSUBSCRIBED:
        values["unsubscribed_at"] = now
    changed = connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.status != status.value)
        .values(**values)
    )
    return changed.rowcount > 0


def feed_generation(connection: Connection, subscriber_id: int) -> int:
    """Return which generation of private feed addresses is valid; 0 for an unknown subscriber."""
    query = select(subscribers.c.feed_generation).where(subscribers.c.id == subscriber_id)
    return connection.scalar(query) or 0


def renew_feeds(connection: Connection, subscriber_id: int) -> None:
    """End all private feed addresses that a subscriber was given so far."""
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(feed_generation=subscribers.c.feed_generation + 1)
    )


def set_times(
    connection: Connection, times: Mapping[int, tuple[datetime, datetime | None]]
) -> None:
    """Give subscribers the instants at which they came and confirmed, by row id."""
    for row_id, (created_at, confirmed_at) in times.items():
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == row_id)
            .values(created_at=created_at, confirmed_at=confirmed_at)
        )


def add_consent(
    connection: Connection,
    subscriber_id: int,
    kind: str,
    *,
    now: datetime,
    via: str,
    text_version: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep one event for good: who asked for what, when, where, under which wording."""
    connection.execute(
        insert(consents).values(
            subscriber_id=subscriber_id,
            kind=kind,
            at=now,
            via=via,
            text_version=text_version,
            detail=dict(detail or {}),
        )
    )


def consents_of(connection: Connection, subscriber_id: int) -> list[Consent]:
    """Return the subscriber's consent events, oldest first."""
    rows = connection.execute(
        select(
            consents.c.kind,
            consents.c.at,
            consents.c.via,
            consents.c.text_version,
            consents.c.detail,
        )
        .where(consents.c.subscriber_id == subscriber_id)
        .order_by(consents.c.id)
    )
    return [Consent(**row) for row in rows.mappings()]


def count_by_status(connection: Connection) -> dict[SubscriberStatus, int]:
    """Return how many subscribers have each status; a status without any has 0."""
    rows = connection.execute(
        select(subscribers.c.status, func.count()).group_by(subscribers.c.status)
    )
    found = {SubscriberStatus(status): count for status, count in rows}
    return {status: found.get(status, 0) for status in SubscriberStatus}


def _ids_by_key(connection: Connection, keys: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(keys), _BATCH):
        rows = connection.execute(
            select(subscribers.c.address_key, subscribers.c.id).where(
                subscribers.c.address_key.in_(keys[start : start + _BATCH])
            )
        )
        found |= {row.address_key: row.id for row in rows}
    return found


def _subscriber(row: RowMapping) -> Subscriber:
    return Subscriber(
        row_id=row["id"],
        address=row["address"],
        status=SubscriberStatus(row["status"]),
        created_at=row["created_at"],
        confirmed_at=row["confirmed_at"],
    )
