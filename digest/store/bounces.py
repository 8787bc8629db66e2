"""What came back, and whom it is about: rows in, frozen values out.

What a mail means is read in ``delivery.bounces``; what follows is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from digest.model import DeliveryState
from digest.store._bulk import among
from digest.store.database import is_sqlite
from digest.store.tables import bounces, deliveries, installation, subscribers

DOOR = "delivery:"
"""Begins the key of a refusal that was read on the wire, not in a mailbox."""

_REFUSED = ("hard", "soft")


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A delivery that something came back about."""

    row_id: int
    subscriber_id: int | None
    address: str
    address_hmac: str
    sent_at: datetime | None
    cause: str = ""
    status: str = ""
    reply: str = ""


@dataclass(frozen=True, kw_only=True)
class BounceRow:
    """One mail that came back, as it is kept; it names nobody."""

    received_at: datetime
    kind: str
    mailbox_key: str
    delivery_id: int | None = None
    subscriber_id: int | None = None
    status: str = ""
    reason: str = ""
    effect: str = "none"
    """``suppressed``, ``scored``, ``left`` (unsubscribed), ``none``, ``unmatched``, or
    ``unconfirmed``: anybody could have written it, and nobody else says so."""


def known(connection: Connection, keys: Collection[str]) -> set[str]:
    """Return those of these mails that were taken in before."""
    if not keys:
        return set()
    query = select(bounces.c.mailbox_key).where(among(connection, bounces.c.mailbox_key, keys))
    return set(connection.scalars(query))


def add(connection: Connection, rows: Sequence[BounceRow]) -> set[str]:
    """Keep mails; return the keys that are new, so that nothing is counted twice."""
    if not rows:
        return set()
    dialect = sqlite if is_sqlite(connection) else postgresql
    statement = dialect.insert(bounces).on_conflict_do_nothing().returning(bounces.c.mailbox_key)
    values = [{name: getattr(row, name) for name in BounceRow.__dataclass_fields__} for row in rows]
    return set(connection.execute(statement, values).scalars())


_REFUSED_DELIVERY = select(
    deliveries.c.id.label("row_id"),
    deliveries.c.subscriber_id,
    deliveries.c.address,
    deliveries.c.address_hmac,
    deliveries.c.sent_at,
    deliveries.c.cause,
    deliveries.c.enhanced_code.label("status"),
    deliveries.c.reply,
)


def by_id(connection: Connection, ids: Collection[int]) -> dict[int, Refused]:
    """Return deliveries by row id; those that are not there are absent."""
    if not ids:
        return {}
    return {
        found.row_id: found
        for found in _read(
            connection, _REFUSED_DELIVERY.where(among(connection, deliveries.c.id, ids))
        )
    }


def by_message_id(connection: Connection, message_ids: Collection[str]) -> list[Refused]:
    """Return the deliveries of these Message-IDs."""
    if not message_ids:
        return []
    return _read(
        connection,
        _REFUSED_DELIVERY.where(among(connection, deliveries.c.message_id, message_ids)),
    )


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An address as deliveries are found by it."""

    key: str
    hmac: str


def to_address(
    connection: Connection, mailbox: Mailbox, references: Collection[str], since: datetime
) -> tuple[Refused | None, bool]:
    """Return the delivery to an address that these references name, else the latest one since.

    A reference is a Message-ID (with or without its brackets) or what the next hop called the
    mail. The second value tells whether one of them named it. Editions are found by Message-ID
    alone where their reader has another address by now.
    """
    whose = select(subscribers.c.id).where(subscribers.c.address_key == mailbox.key)
    to_them = _REFUSED_DELIVERY.where(deliveries.c.address_hmac == mailbox.hmac)
    # No index has the address of an edition's delivery: it would cost more than planning it.
    theirs = to_them.where(
        or_(deliveries.c.subscriber_id.in_(whose), deliveries.c.edition_id.is_(None))
    )
    named = [f"<{one.strip('<>')}>" for one in references]
    ways = (
        to_them.where(deliveries.c.message_id.in_(named)),
        theirs.where(deliveries.c.queue_id.in_(list(references))),
    )
    for query in ways if references else ():
        if found := _read(connection, query.limit(1)):
            return found[0], True
    late = theirs.where(deliveries.c.sent_at >= since).order_by(deliveries.c.sent_at.desc())
    found = _read(connection, late.limit(1))
    return (found[0] if found else None), False


def was_reported(
    connection: Connection, refused: Refused, kinds: Collection[str], since: datetime
) -> bool:
    """Tell whether another delivery to this subscriber was reported in one of these ways since."""
    query = exists().where(
        bounces.c.subscriber_id == refused.subscriber_id,
        bounces.c.delivery_id != refused.row_id,
        bounces.c.kind.in_(list(kinds)),
        bounces.c.received_at >= since,
    )
    return connection.scalar(select(query)) is True


def was_scored(connection: Connection, delivery_id: int) -> bool:
    """Tell whether a soft refusal of this delivery was counted."""
    query = exists().where(bounces.c.delivery_id == delivery_id, bounces.c.effect == "scored")
    return connection.scalar(select(query)) is True


def set_effect(connection: Connection, key: str, effect: str) -> None:
    """Note what was done about a mail."""
    connection.execute(update(bounces).where(bounces.c.mailbox_key == key).values(effect=effect))


def count_by_effect(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how many mails had each effect since then."""
    query = (
        select(bounces.c.effect, func.count())
        .where(bounces.c.received_at >= since)
        .group_by(bounces.c.effect)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def at_the_door(
    connection: Connection, causes: Collection[str], since: datetime, *, limit: int
) -> list[Refused]:
    """Return deliveries that a relay refused for these causes and that were not counted yet."""
    counted = exists().where(bounces.c.delivery_id == deliveries.c.id)
    query = (
        _REFUSED_DELIVERY.where(
            deliveries.c.state == DeliveryState.FAILED.value,
            deliveries.c.cause.in_(list(causes)),
            deliveries.c.created_at >= since,
            deliveries.c.subscriber_id.is_not(None),
            ~counted,
        )
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return _read(connection, query)


def score_of(connection: Connection, subscriber_id: int) -> tuple[int, datetime | None]:
    """Return a subscriber's score of soft refusals and when the last one came."""
    row = connection.execute(
        select(subscribers.c.soft_bounce_score, subscribers.c.last_bounce_at).where(
            subscribers.c.id == subscriber_id
        )
    ).one_or_none()
    return (row[0], row[1]) if row else (0, None)


def set_score(connection: Connection, subscriber_id: int, score: int, at: datetime) -> None:
    """Write the score down."""
    connection.execute(
        update(subscribers)
        .where(subscribers.c.id == subscriber_id)
        .values(soft_bounce_score=score, last_bounce_at=at)
    )


def received_since_refusal(connection: Connection, refused: Refused) -> bool:
    """Tell whether, between the refused mail before this one and this one, a mail got through."""
    if refused.subscriber_id is None or refused.sent_at is None:
        return False
    theirs = (
        deliveries.c.subscriber_id == refused.subscriber_id,
        deliveries.c.sent_at < refused.sent_at,
    )
    was_refused = exists().where(
        bounces.c.delivery_id == deliveries.c.id, bounces.c.kind.in_(_REFUSED)
    )
    before = connection.scalar(select(func.max(deliveries.c.sent_at)).where(*theirs, was_refused))
    if before is None:
        return False
    got_through = exists().where(*theirs, deliveries.c.sent_at > before, ~was_refused)
    return connection.scalar(select(got_through)) is True


def of_deliveries(connection: Connection, ids: Collection[int]) -> dict[int, BounceRow]:
    """Return the latest mail that came back about each of these deliveries."""
    if not ids:
        return {}
    names = BounceRow.__dataclass_fields__
    query = (
        select(*(bounces.c[name] for name in names))
        .where(among(connection, bounces.c.delivery_id, ids))
        .order_by(bounces.c.id)
    )
    return {row["delivery_id"]: BounceRow(**row) for row in connection.execute(query).mappings()}


def count_by_kind(connection: Connection, since: datetime) -> dict[str, int]:
    """Return how many mails of each kind came back since then."""
    query = (
        select(bounces.c.kind, func.count())
        .where(bounces.c.received_at >= since)
        .group_by(bounces.c.kind)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def latest(connection: Connection, *, limit: int) -> list[BounceRow]:
    """Return what came back, newest first."""
    query = (
        select(*(bounces.c[name] for name in BounceRow.__dataclass_fields__))
        .order_by(bounces.c.id.desc())
        .limit(limit)
    )
    return [BounceRow(**row) for row in connection.execute(query).mappings()]


def cursor(connection: Connection, mailbox: str) -> str:
    """Return how far a mailbox was read; empty at first."""
    query = select(installation.c.value).where(installation.c.name == mailbox)
    return connection.scalar(query) or ""


def set_cursor(connection: Connection, mailbox: str, value: str) -> None:
    """Keep how far a mailbox was read."""
    changed = connection.execute(
        update(installation).where(installation.c.name == mailbox).values(value=value)
    )
    if not changed.rowcount:
        connection.execute(insert(installation).values(name=mailbox, value=value))


def _read(connection: Connection, query: Select[Any]) -> list[Refused]:
    rows: Sequence[Mapping[Any, Any]] = connection.execute(query).mappings().all()
    return [Refused(**row) for row in rows]
