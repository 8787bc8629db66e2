"""Deliveries as their owner sees them: counts, lists, attempts; retry, cancel, pause.

The steps of sending are ``outbox``; nothing here claims or sends.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Connection,
    RowMapping,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from digest.model import DeliveryState, Purpose
from digest.store.outbox import PAUSED
from digest.store.tables import attempts, deliveries, editions, installation
from digest.store.upserts import insert_ignore

_SENT = DeliveryState.SENT.value
AFTER_RESTORE = "restore"
"""The reason of a pause: what waits may have been sent since the backup was made."""
SENDER = "sending.installation"
"""Name of the row in ``installation`` that says whose outbox this is."""


def next_due_at(connection: Connection) -> datetime | None:
    """Return when the next waiting delivery is due, None where none waits."""
    found: datetime | None = connection.scalar(
        select(func.min(deliveries.c.next_attempt_at)).where(
            deliveries.c.state.in_((DeliveryState.READY.value, DeliveryState.DEFERRED.value))
        )
    )
    return found


def count_due(connection: Connection, now: datetime, *, before: int | None = None) -> int:
    """Count the ready deliveries whose time has come; of a priority ``before`` this, if given."""
    query = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.state == DeliveryState.READY.value, deliveries.c.next_attempt_at <= now)
    )
    if before is not None:
        query = query.where(deliveries.c.priority < before)
    return connection.scalar(query) or 0


def count_sent(connection: Connection, since: datetime) -> int:
    """Count the deliveries sent since an instant."""
    query = select(func.count()).select_from(deliveries).where(deliveries.c.sent_at >= since)
    return connection.scalar(query) or 0


def is_paused(connection: Connection) -> bool:
    """Tell whether sending is on hold."""
    return connection.scalar(select(exists().where(installation.c.name == PAUSED))) is True


def count_by_state(connection: Connection) -> dict[DeliveryState, int]:
    """Return how many deliveries are in each state; a state without any has 0."""
    rows = connection.execute(select(deliveries.c.state, func.count()).group_by(deliveries.c.state))
    found = {DeliveryState(state): count for state, count in rows}
    return {state: found.get(state, 0) for state in DeliveryState}


def sender(connection: Connection) -> str | None:
    """Return the mark of the installation that sends from this store; None before it ever did."""
    return connection.scalar(select(installation.c.value).where(installation.c.name == SENDER))


def set_sender(connection: Connection, mark: str) -> None:
    """Note which installation sends from this store."""
    insert_ignore(connection, installation, [{"name": SENDER, "value": mark}])
    connection.execute(update(installation).where(installation.c.name == SENDER).values(value=mark))


def pause(connection: Connection, now: datetime, reason: str = "") -> None:
    """Hold all sending, within one message a connection; ``reason``: a word, for people."""
    if not is_paused(connection):
        value = f"{now.isoformat()} {reason}".strip()
        connection.execute(insert(installation).values(name=PAUSED, value=value))


def pause_reason(connection: Connection) -> str:
    """Return the word that sending was paused with, empty without one."""
    query = select(installation.c.value).where(installation.c.name == PAUSED)
    return (connection.scalar(query) or "").partition(" ")[2]


def resume(connection: Connection) -> None:
    """Let sending go on."""
    connection.execute(delete(installation).where(installation.c.name == PAUSED))


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A delivery as it is listed; its address is not part of it."""

    row_id: int
    edition_id: int | None
    subscriber_id: int | None
    purpose: str
    domain: str
    message_id: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    sent_at: datetime | None
    transport: str
    code: int | None
    enhanced_code: str
    reply: str
    queue_id: str
    cause: str


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One conversation about a delivery."""

    at: datetime
    transport: str
    phase: str
    outcome: str
    code: int | None
    enhanced_code: str
    reply: str


_LISTED = select(
    deliveries.c.id.label("row_id"),
    *(
        deliveries.c[name]
        for name in Delivery.__dataclass_fields__
        if name not in {"row_id", "state"}
    ),
    deliveries.c.state,
)


@dataclass(frozen=True, kw_only=True)
class DeliveryFilters:
    """Which deliveries are listed; empty means all."""

    state: DeliveryState | None = None
    purpose: Purpose | None = None
    edition_id: int | None = None
    subscriber_id: int | None = None
    domain: str = ""
    address_key: str = ""
    """Of the mailbox, with its ``address_hmac``."""
    address_hmac: str = ""


def listed(
    connection: Connection,
    filters: DeliveryFilters | None = None,
    *,
    before: int = 0,
    limit: int = 100,
) -> list[Delivery]:
    """Return deliveries, newest first, of row ids below ``before`` (all where it is 0)."""
    asked = filters or DeliveryFilters()
    query = _LISTED.order_by(deliveries.c.id.desc()).limit(limit)
    wanted = [
        (asked.state, deliveries.c.state == asked.state),
        (asked.purpose, deliveries.c.purpose == asked.purpose),
        (asked.edition_id, deliveries.c.edition_id == asked.edition_id),
        (asked.subscriber_id, deliveries.c.subscriber_id == asked.subscriber_id),
        (asked.domain, deliveries.c.domain == asked.domain.lower()),
        (
            asked.address_key,
            or_(
                deliveries.c.address_hmac == asked.address_hmac,
                func.lower(deliveries.c.address) == asked.address_key,
            ),
        ),
        (before, deliveries.c.id < before),
    ]
    query = query.where(*(condition for value, condition in wanted if value))
    return [_delivery(row) for row in connection.execute(query).mappings()]


def of_editions(connection: Connection, edition_ids: Collection[int]) -> dict[int, Delivery]:
    """Return deliveries by the edition that they carry."""
    query = _LISTED.where(deliveries.c.edition_id.in_(list(edition_ids)))
    return {row["edition_id"]: _delivery(row) for row in connection.execute(query).mappings()}


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**dict(row) | {"state": DeliveryState(row["state"])})


def planned_at(
    connection: Connection, address_hmac: str, purpose: Purpose, *, since: datetime
) -> list[datetime]:
    """Return when mails of a purpose were planned for a mailbox, whatever became of them.

    Of a purpose that is no edition.
    """
    return list(
        connection.scalars(
            select(deliveries.c.created_at).where(
                deliveries.c.address_hmac == address_hmac,
                deliveries.c.edition_id.is_(None),  # as the index says
                deliveries.c.purpose == purpose.value,
                deliveries.c.created_at > since,
            )
        )
    )


def get(connection: Connection, row_id: int) -> Delivery | None:
    """Return one delivery."""
    row = connection.execute(_LISTED.where(deliveries.c.id == row_id)).mappings().one_or_none()
    return _delivery(row) if row else None


def attempts_of(connection: Connection, row_id: int) -> list[Attempt]:
    """Return a delivery's attempts, oldest first; the row itself tells of the one accepted."""
    columns = (attempts.c[name] for name in Attempt.__dataclass_fields__)
    query = select(*columns).where(attempts.c.delivery_id == row_id).order_by(attempts.c.id)
    tried = [Attempt(**dict(row)) for row in connection.execute(query).mappings()]
    found = get(connection, row_id)
    if found is not None and found.sent_at is not None:
        accepted = Attempt(
            at=found.sent_at,
            transport=found.transport,
            phase="done",
            outcome=DeliveryState.SENT.value,
            code=found.code,
            enhanced_code=found.enhanced_code,
            reply=found.reply,
        )
        tried = sorted([*tried, accepted], key=lambda attempt: attempt.at)
    return tried


def existing(connection: Connection, ids: Collection[int]) -> set[int]:
    """Return those of these ids that there are."""
    return set(connection.scalars(select(deliveries.c.id).where(deliveries.c.id.in_(list(ids)))))


def move(
    connection: Connection,
    ids: Collection[int],
    sources: Sequence[DeliveryState],
    target: DeliveryState,
    *,
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Move deliveries from one of some states to another; return how many moved.

    What would be too old before ``expires_at`` is so only then.
    """
    values: dict[str, object] = {"state": target.value, "lease_owner": None, "lease_until": None}
    if due_at is not None:
        values["next_attempt_at"] = due_at
    if expires_at is not None:
        ends = deliveries.c.expires_at
        values["expires_at"] = case((ends < expires_at, expires_at), else_=ends)
    return connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id.in_(list(ids)),
            deliveries.c.state.in_([state.value for state in sources]),
        )
        .values(**values)
    ).rowcount


def cancel_of_subscriber(connection: Connection, subscriber_id: int) -> int:
    """End every delivery of a subscriber whose dot is not written; return how many."""
    stoppable = (DeliveryState.READY, DeliveryState.DEFERRED, DeliveryState.CLAIMED)
    return connection.execute(
        update(deliveries)
        .where(
            deliveries.c.subscriber_id == subscriber_id,
            deliveries.c.state.in_([state.value for state in stoppable]),
        )
        .values(state=DeliveryState.CANCELLED.value, cause="unsubscribed")
    ).rowcount


def cancel_of_subscription(connection: Connection, subscription_ids: Collection[int]) -> int:
    """End every edition's delivery of subscriptions whose dot is not written; return how many."""
    stoppable = (DeliveryState.READY, DeliveryState.DEFERRED, DeliveryState.CLAIMED)
    theirs = select(editions.c.id).where(editions.c.subscription_id.in_(subscription_ids))
    return connection.execute(
        update(deliveries)
        .where(
            deliveries.c.edition_id.in_(theirs),
            deliveries.c.state.in_([state.value for state in stoppable]),
        )
        .values(state=DeliveryState.CANCELLED.value, cause="unsubscribed")
    ).rowcount


def irregularities(connection: Connection, now: datetime) -> dict[str, int]:
    """Count, by a few words, what the promise of once forbids; all are 0 in a whole outbox."""
    planned = exists().where(deliveries.c.edition_id == editions.c.id)
    # The row tells of the first that was accepted; any other is kept as an attempt.
    sent_twice = (
        select(attempts.c.delivery_id)
        .join(deliveries)
        .where(attempts.c.outcome == _SENT)
        .group_by(attempts.c.delivery_id, deliveries.c.sent_at)
        .having(or_(deliveries.c.sent_at.is_not(None), func.count() > 1))
        .subquery()
    )
    is_accepted = and_(deliveries.c.sent_at.is_not(None), deliveries.c.transport != "")
    held = deliveries.c.state.in_([DeliveryState.CLAIMED.value, DeliveryState.TRANSMITTING.value])
    counted = {
        "editions to be mailed have no delivery": select(func.count())
        .select_from(editions)
        .where(editions.c.outcome == "mailed", ~planned),
        "deliveries were sent more than once": select(func.count()).select_from(sent_twice),
        "deliveries are sent without an accepted attempt": select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.state == _SENT, ~is_accepted),
        "deliveries are held by a lease that ended": select(func.count())
        .select_from(deliveries)
        .where(held, deliveries.c.lease_until <= now),
    }
    return {what: connection.scalar(query) or 0 for what, query in counted.items()}
