"""The outbox: planned, claimed, marked, finished; every step one set-based statement.

A delivery is sent at most once by default: a claim is a leased compare-and-set, and the
``transmitting`` marker is committed before the final dot, in the update that also asks the
suppressions. What to do with an outcome is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Insert,
    and_,
    bindparam,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from digest.model import DeliveryState, Purpose
from digest.store.database import is_sqlite
from digest.store.tables import attempts, deliveries, installation, suppressions

PAUSED = "sending.paused"
"""Name of the row in ``installation`` that holds all sending."""
_BATCH = 500
_READY, _CLAIMED = DeliveryState.READY.value, DeliveryState.CLAIMED.value
_TRANSMITTING, _UNCERTAIN = DeliveryState.TRANSMITTING.value, DeliveryState.UNCERTAIN.value


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A delivery to be: one message to one address."""

    purpose: Purpose
    address: str
    address_hmac: str
    message_id: str
    edition_id: int | None = None
    subscriber_id: int | None = None
    expires_at: datetime | None = None
    content: Mapping[str, Any] | None = None
    """What a mail that is not an edition is made of."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A delivery that is ours until the lease ends."""

    row_id: int
    edition_id: int | None
    subscriber_id: int | None
    purpose: Purpose
    address: str
    domain: str
    address_hmac: str
    message_id: str
    content: Mapping[str, Any] | None
    attempts: int
    expires_at: datetime | None
    composed_at: datetime
    content_hash: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What became of a claimed delivery, as the row will say."""

    row_id: int
    state: DeliveryState
    at: datetime
    phase: str
    transport: str = ""
    code: int | None = None
    enhanced_code: str = ""
    reply: str = ""
    queue_id: str = ""
    cause: str = ""
    content_hash: str = ""
    next_attempt_at: datetime | None = None
    is_charged: bool = True
    """Counted as an attempt on the recipient."""


def plan(connection: Connection, rows: Iterable[Planned], now: datetime) -> int:
    """Add deliveries; those planned before (edition or Message-ID) stay as they are.

    Returns how many were added. Call it in the transaction that freezes the editions.
    """
    added = 0
    values = [_planned_values(row, now) for row in rows]
    for start in range(0, len(values), _BATCH):
        batch = values[start : start + _BATCH]
        statement = _insert_new(connection).returning(deliveries.c.id)
        added += len(connection.execute(statement, batch).all())
    return added


def _insert_new(connection: Connection) -> Insert:
    if is_sqlite(connection):
        return sqlite.insert(deliveries).on_conflict_do_nothing()
    return postgresql.insert(deliveries).on_conflict_do_nothing()


def _planned_values(row: Planned, now: datetime) -> dict[str, Any]:
    return {
        "edition_id": row.edition_id,
        "subscriber_id": row.subscriber_id,
        "purpose": row.purpose.value,
        "priority": row.purpose.priority,
        "address": row.address,
        "domain": row.address.rpartition("@")[2].lower(),
        "address_hmac": row.address_hmac,
        "message_id": row.message_id,
        "content": row.content,
        "state": _READY,
        "created_at": now,
        "next_attempt_at": now,
        "expires_at": row.expires_at,
    }


_CLAIM_COLUMNS = (
    deliveries.c.id.label("row_id"),
    deliveries.c.edition_id,
    deliveries.c.subscriber_id,
    deliveries.c.purpose,
    deliveries.c.priority,
    deliveries.c.address,
    deliveries.c.domain,
    deliveries.c.address_hmac,
    deliveries.c.message_id,
    deliveries.c.content,
    deliveries.c.attempts,
    deliveries.c.expires_at,
    deliveries.c.composed_at,
    deliveries.c.content_hash,
)


def claim(
    connection: Connection, owner: str, *, now: datetime, lease_until: datetime, limit: int
) -> list[Claimed]:
    """Take up to ``limit`` due deliveries for ``owner``; no two callers get the same row.

    Confirmations come before editions, older before newer. On PostgreSQL rows that another
    worker is just claiming are skipped; on SQLite writers take turns.
    """
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.state == _READY, deliveries.c.next_attempt_at <= now)
        .order_by(deliveries.c.priority, deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    statement = (
        update(deliveries)
        .where(deliveries.c.id.in_(due.scalar_subquery()))
        .values(
            state=_CLAIMED,
            lease_owner=owner,
            lease_until=lease_until,
            composed_at=func.coalesce(deliveries.c.composed_at, now),
        )
        .returning(*_CLAIM_COLUMNS)
    )
    rows = sorted(connection.execute(statement), key=lambda row: (row.priority, row.row_id))
    return [_claimed(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def _claimed(row: Mapping[Any, Any]) -> Claimed:
    values = {key: value for key, value in row.items() if key != "priority"}
    return Claimed(**values | {"purpose": Purpose(row["purpose"])})


_forgiven = and_(
    # A new opt-in is how an unsubscribed or bounced reader comes back; only that mail may go.
    deliveries.c.purpose == Purpose.CONFIRMATION.value,
    suppressions.c.reason.in_(("unsubscribed", "hard")),
)
_is_suppressed = exists().where(
    suppressions.c.address_hmac == deliveries.c.address_hmac, not_(_forgiven)
)
_is_paused = exists().where(installation.c.name == PAUSED)
_MARK = (
    update(deliveries)
    .where(
        deliveries.c.id.in_(bindparam("row_ids", expanding=True)),
        deliveries.c.state == _CLAIMED,
        deliveries.c.lease_owner == bindparam("owner"),
        not_(_is_suppressed),
        not_(_is_paused),
    )
    .values(state=_TRANSMITTING)
    .returning(deliveries.c.id)
)


def mark(connection: Connection, owner: str, row_ids: Sequence[int]) -> set[int]:
    """Write the marker before the final dot; return the ids that may be sent.

    The one place where suppression is asked: an address suppressed, a delivery cancelled, a
    claim lost or sending paused since the claim is missing from the answer.
    """
    found = connection.execute(_MARK, {"row_ids": list(row_ids), "owner": owner})
    return set(found.scalars())


def withdraw(
    connection: Connection, owner: str, row_ids: Collection[int], now: datetime
) -> dict[int, DeliveryState]:
    """Settle deliveries that the marker refused; return where each of them stands now.

    Suppressed addresses end as ``suppressed``; what a pause holds goes back to ready; cancelled
    ones and those of another owner stay as they are.
    """
    ids = list(row_ids)
    ours = (
        deliveries.c.id.in_(ids),
        deliveries.c.state == _CLAIMED,
        deliveries.c.lease_owner == owner,
    )
    connection.execute(
        update(deliveries)
        .where(*ours, _is_suppressed)
        .values(
            state=DeliveryState.SUPPRESSED.value,
            cause="suppressed",
            lease_owner=None,
            lease_until=None,
        )
    )
    release(connection, owner, ids, not_before=now)
    rows = connection.execute(
        select(deliveries.c.id, deliveries.c.state).where(deliveries.c.id.in_(ids))
    )
    return {row_id: DeliveryState(state) for row_id, state in rows}


_FINISH = (
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("row_id"),
        deliveries.c.lease_owner == bindparam("owner"),
        # An outcome read late still settles what recovery took for uncertain.
        or_(
            deliveries.c.state == _CLAIMED,
            deliveries.c.state == _TRANSMITTING,
            deliveries.c.state == _UNCERTAIN,
        ),
    )
    .values(
        state=bindparam("new_state"),
        attempts=deliveries.c.attempts + bindparam("charge"),
        next_attempt_at=func.coalesce(bindparam("due_at"), deliveries.c.next_attempt_at),
        transport=bindparam("via"),
        code=bindparam("new_code"),
        enhanced_code=bindparam("new_enhanced_code"),
        reply=bindparam("new_reply"),
        queue_id=bindparam("new_queue_id"),
        cause=bindparam("new_cause"),
        content_hash=bindparam("new_hash"),
        sent_at=bindparam("was_sent_at"),
        lease_until=None,
    )
)


def finish(connection: Connection, owner: str, rows: Sequence[Finished]) -> None:
    """Write outcomes and their attempts. A row that is no longer ours keeps its state."""
    if not rows:
        return
    connection.execute(_FINISH, [_finish_values(owner, row) for row in rows])
    connection.execute(insert(attempts), [_attempt_values(row) for row in rows])


def _finish_values(owner: str, row: Finished) -> dict[str, Any]:
    is_sent = row.state is DeliveryState.SENT
    return {
        "row_id": row.row_id,
        "owner": owner,
        "new_state": row.state.value,
        "charge": int(row.is_charged),
        "due_at": row.next_attempt_at,
        "via": row.transport,
        "new_code": row.code,
        "new_enhanced_code": row.enhanced_code,
        "new_reply": row.reply,
        "new_queue_id": row.queue_id,
        "new_cause": row.cause,
        "new_hash": row.content_hash,
        "was_sent_at": row.at if is_sent else None,
    }


def _attempt_values(row: Finished) -> dict[str, Any]:
    return {
        "delivery_id": row.row_id,
        "at": row.at,
        "transport": row.transport,
        "phase": row.phase,
        "outcome": row.state.value,
        "code": row.code,
        "enhanced_code": row.enhanced_code,
        "reply": row.reply,
    }


def release(
    connection: Connection, owner: str, row_ids: Collection[int], *, not_before: datetime
) -> None:
    """Give claimed deliveries back untouched; they are due again from ``not_before``."""
    for batch in _batches(row_ids):
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.id.in_(batch),
                deliveries.c.state == _CLAIMED,
                deliveries.c.lease_owner == owner,
            )
            .values(state=_READY, lease_owner=None, lease_until=None, next_attempt_at=not_before)
        )


def renew(connection: Connection, owner: str, lease_until: datetime) -> None:
    """Prolong every lease of this owner: a sign of life."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.state.in_((_CLAIMED, _TRANSMITTING)), deliveries.c.lease_owner == owner)
        .values(lease_until=lease_until)
    )


def _batches(ids: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(ids)
    return (ordered[start : start + _BATCH] for start in range(0, len(ordered), _BATCH))
