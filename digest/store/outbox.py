"""The outbox: planned, claimed, marked, finished; every step one set-based statement.

A delivery is sent at most once by default: a claim is a leased compare-and-set, and the
``transmitting`` marker (``marking``) is committed before the final dot, in the update that also
asks the suppressions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    exists,
    func,
    not_,
    select,
    update,
)

from digest.model import DeliveryState, Purpose
from digest.papers.content import encode
from digest.store._bulk import Row as BulkRow
from digest.store._bulk import among, insert_new, reserve_ids, stamp
from digest.store.database import is_sqlite
from digest.store.tables import deliveries, suppressions

PAUSED = "sending.paused"
"""Name of the row in ``installation`` that holds all sending."""
_BATCH = 500
_READY, _CLAIMED = DeliveryState.READY.value, DeliveryState.CLAIMED.value
_TRANSMITTING, _UNCERTAIN = DeliveryState.TRANSMITTING.value, DeliveryState.UNCERTAIN.value


class Planned(NamedTuple):
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


class Claimed(NamedTuple):
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


def plan(connection: Connection, rows: Iterable[Planned], now: datetime) -> int:
    """Add deliveries; those planned before (edition or Message-ID) stay as they are.

    Returns how many were added. Call it in the transaction that freezes the editions.
    """
    planned = list(rows)
    ids = reserve_ids(connection, deliveries, len(planned))
    at = stamp(now)
    insert_new(
        connection,
        deliveries,
        _PLANNED,
        [_planned_row(row_id, row, at) for row_id, row in zip(ids, planned, strict=True)],
    )
    added = select(func.count()).where(among(connection, deliveries.c.id, ids))
    return connection.scalar(added) or 0


_PLANNED = (
    "id", "edition_id", "subscriber_id", "purpose", "priority", "address", "domain",
    "address_hmac", "message_id", "content", "state", "created_at", "next_attempt_at",
    "expires_at",
)  # fmt: skip


_NAMES = {purpose: purpose.value for purpose in Purpose}
_PRIORITIES = {purpose: purpose.priority for purpose in Purpose}


def _planned_row(row_id: int, row: Planned, at: str | None) -> BulkRow:
    return (
        row_id,
        row.edition_id,
        row.subscriber_id,
        _NAMES[row.purpose],
        _PRIORITIES[row.purpose],
        row.address,
        row.address.rpartition("@")[2].lower(),
        row.address_hmac,
        row.message_id,
        None if row.content is None else encode(row.content),
        _READY,
        at,
        at,
        stamp(row.expires_at),
    )


_CLAIM_COLUMNS = (
    deliveries.c.id.label("row_id"),
    deliveries.c.edition_id,
    deliveries.c.subscriber_id,
    deliveries.c.purpose,
    deliveries.c.address,
    deliveries.c.domain,
    deliveries.c.address_hmac,
    deliveries.c.message_id,
    deliveries.c.content,
    deliveries.c.attempts,
    deliveries.c.expires_at,
    deliveries.c.composed_at,
    deliveries.c.content_hash,
    deliveries.c.priority,
)
_PURPOSE_AT = Claimed._fields.index("purpose")
_PURPOSE = {purpose.value: purpose for purpose in Purpose}


def claim(
    connection: Connection,
    owner: str,
    *,
    now: datetime,
    lease_until: datetime,
    limit: int,
    purposes: Collection[Purpose] = tuple(Purpose),
    due_by: datetime | None = None,
) -> list[Claimed]:
    """Take up to ``limit`` due deliveries for ``owner``; no two callers get the same row.

    Due is what is to go by ``now``, or by ``due_by``.

    Confirmations come before editions, older before newer; ``purposes`` leaves others out. On
    PostgreSQL rows that another worker is just claiming are skipped; on SQLite writers take turns.
    """
    due = (
        select(deliveries.c.id)
        .where(deliveries.c.state == _READY, deliveries.c.next_attempt_at <= (due_by or now))
        # As the index has them: by id as well, all that are due would be read and sorted.
        .order_by(deliveries.c.priority, deliveries.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if set(purposes) != set(Purpose):
        due = due.where(deliveries.c.purpose.in_([purpose.value for purpose in purposes]))
    statement = (
        update(deliveries)
        .where(_are(connection, due))
        .values(
            state=_CLAIMED,
            lease_owner=owner,
            lease_until=lease_until,
            composed_at=func.coalesce(deliveries.c.composed_at, now),
        )
        .returning(*_CLAIM_COLUMNS)
    )
    rows = sorted(connection.execute(statement), key=_order)
    return [
        Claimed._make((*row[:_PURPOSE_AT], _PURPOSE[row[_PURPOSE_AT]], *row[_PURPOSE_AT + 1 : -1]))
        for row in rows
    ]


def _are(connection: Connection, due: Select[int]) -> ColumnElement[bool]:
    """Return the condition that rows are these.

    PostgreSQL is asked for them first: where its statistics are of an empty table, it would look
    for them once for each row of the outbox.
    """
    if is_sqlite(connection):
        return deliveries.c.id.in_(due.scalar_subquery())
    return among(connection, deliveries.c.id, [row_id for (row_id,) in connection.execute(due)])


def _order(row: Row[Any]) -> tuple[int, int]:
    return row[-1], row[0]


_forgiven = and_(
    # A new opt-in is how an unsubscribed or bounced reader comes back; only that mail may go.
    deliveries.c.purpose == Purpose.CONFIRMATION.value,
    suppressions.c.reason.in_(("unsubscribed", "hard")),
)
_is_suppressed = exists().where(
    suppressions.c.address_hmac == deliveries.c.address_hmac, not_(_forgiven)
)


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


def release_all(connection: Connection, owner: str, *, not_before: datetime) -> int:
    """Give back all that an owner still claims; return how many."""
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.state == _CLAIMED, deliveries.c.lease_owner == owner)
        .values(state=_READY, lease_owner=None, lease_until=None, next_attempt_at=not_before)
    ).rowcount


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
