"""The outbox's hot path: markers before final dots, and outcomes, for many deliveries at once.

Every mail of a run passes here twice, so the statements go to the driver as they are: a tuple a
row, one statement a group. What to do with an outcome is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, text, update

from digest.model import DeliveryState
from digest.papers.content import encode
from digest.store._bulk import among, array_of, fetched, stamp
from digest.store.database import begin_immediate, is_sqlite
from digest.store.outbox import PAUSED
from digest.store.tables import deliveries


class Finished(NamedTuple):
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


# Rows are to be found by their ids: both databases would rather look through all that are claimed,
# for they do not know how many that are. No index fits ``coalesce``.
#
# Suppression is asked here and nowhere else. A new opt-in is how an unsubscribed or bounced
# reader comes back; only that mail may go.
_MAY_GO = f"""
    coalesce(state, '') = 'claimed'
    AND NOT EXISTS (
        SELECT 1 FROM suppressions s WHERE s.address_hmac = deliveries.address_hmac
        AND NOT (purpose = 'confirmation' AND s.reason IN ('unsubscribed', 'hard')))
    AND NOT EXISTS (SELECT 1 FROM installation WHERE name = '{PAUSED}')
"""  # noqa: S608 - our own words
_MARK_SQLITE = f"""
    UPDATE deliveries SET state = 'transmitting'
    WHERE id IN (SELECT value FROM json_each(?)) AND lease_owner = ? AND {_MAY_GO} RETURNING id
"""  # noqa: S608
# An outcome read late still settles what recovery took for uncertain.
_OPEN = "state IN ('claimed', 'transmitting', 'uncertain')"
_OPEN_STATES = ("claimed", "transmitting", "uncertain")
_FINISH_SQLITE = f"""
    UPDATE deliveries SET state = ?, attempts = attempts + ?,
        next_attempt_at = coalesce(?, next_attempt_at), transport = ?, code = ?,
        enhanced_code = ?, reply = ?, queue_id = ?, cause = ?, content_hash = ?, sent_at = ?,
        lease_until = NULL
    WHERE id = ? AND lease_owner = ? AND {_OPEN}
"""  # noqa: S608
_TRIED_SQLITE = """
    INSERT INTO attempts (delivery_id, at, transport, phase, outcome, code, enhanced_code, reply)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_ACCEPTED_SQLITE = """
    SELECT id FROM deliveries
    WHERE id IN (SELECT value FROM json_each(?)) AND lease_owner = ?
        AND coalesce(state, '') = 'sent'
"""
# One statement, thus one round trip; one document, for the driver makes each array by itself,
# item by item.
_TURN_POSTGRESQL = f"""
    WITH v AS (
        SELECT * FROM json_to_recordset(%s::json) AS v (
            id bigint, at timestamp, state text, charge int, due_at timestamp, transport text,
            phase text, code int, enhanced_code text, reply text, queue_id text, cause text,
            content_hash text, sent_at timestamp)
    ), settled AS (
        UPDATE deliveries SET state = v.state, attempts = attempts + v.charge,
            next_attempt_at = coalesce(v.due_at, next_attempt_at), transport = v.transport,
            code = v.code, enhanced_code = v.enhanced_code, reply = v.reply,
            queue_id = v.queue_id, cause = v.cause, content_hash = v.content_hash,
            sent_at = v.sent_at, lease_until = NULL
        FROM v
        WHERE deliveries.id = ANY(%s::bigint[]) AND deliveries.id = v.id AND lease_owner = %s
            AND coalesce(deliveries.state, '') IN ('claimed', 'transmitting', 'uncertain')
        RETURNING deliveries.id
    ), tried AS (
        INSERT INTO attempts
            (delivery_id, at, transport, phase, outcome, code, enhanced_code, reply)
        SELECT id, at, transport, phase, state, code, enhanced_code, reply FROM v
        WHERE v.state <> 'sent' OR v.id NOT IN (SELECT id FROM settled)
    )
    UPDATE deliveries SET state = 'transmitting'
    WHERE id = ANY(%s::bigint[]) AND lease_owner = %s AND {_MAY_GO} RETURNING id
"""  # noqa: S608


def turn(
    connection: Connection, owner: str, rows: Sequence[Finished], row_ids: Sequence[int]
) -> set[int]:
    """`finish` these and `mark` those, in a transaction of their own; return as `mark` does.

    The connection is one that was given to `prepare`.
    """
    if not is_sqlite(connection):
        return _turned(connection, owner, rows, row_ids)  # a single statement
    with group(connection):
        finish(connection, owner, rows)
        return mark(connection, owner, row_ids)


def mark(connection: Connection, owner: str, row_ids: Sequence[int]) -> set[int]:
    """Write the marker before the final dot; return the ids that may be sent.

    The one place where suppression is asked: an address suppressed, a delivery cancelled, a
    claim lost or sending paused since the claim is missing from the answer.
    """
    if not is_sqlite(connection):
        return _turned(connection, owner, (), row_ids)
    if not row_ids:
        return set()
    rows = fetched(connection, _MARK_SQLITE, (encode(list(row_ids)), owner))
    return {row[0] for row in rows}


def finish(connection: Connection, owner: str, rows: Sequence[Finished]) -> None:
    """Write outcomes, and their attempts where the row will not tell of them.

    A row that is no longer ours keeps its state. What was accepted tells all by itself, unless
    that happened to a row that was not ours any more.
    """
    if not rows:
        return
    if not is_sqlite(connection):
        _turned(connection, owner, rows, ())
        return
    cursor: Any = connection.connection.cursor()
    cursor.executemany(_FINISH_SQLITE, [(*_settled(row), owner) for row in rows])
    tried = [row for row in rows if row.state is not DeliveryState.SENT]
    if cursor.rowcount != len(rows):
        sent = {row.row_id: row for row in rows if row.state is DeliveryState.SENT}
        known = fetched(connection, _ACCEPTED_SQLITE, (encode(list(sent)), owner))
        tried += [sent[row_id] for row_id in sent.keys() - {row_id for (row_id,) in known}]
    if tried:
        cursor.executemany(_TRIED_SQLITE, [_tried(row) for row in tried])
    cursor.close()


def _turned(
    connection: Connection, owner: str, rows: Sequence[Finished], row_ids: Sequence[int]
) -> set[int]:
    document = [
        {
            "id": row.row_id,
            "at": stamp(row.at),
            "state": str(row.state),
            "charge": int(row.is_charged),
            "due_at": stamp(row.next_attempt_at),
            "transport": row.transport,
            "phase": row.phase,
            "code": row.code,
            "enhanced_code": row.enhanced_code,
            "reply": row.reply,
            "queue_id": row.queue_id,
            "cause": row.cause,
            "content_hash": row.content_hash,
            "sent_at": stamp(row.at) if row.state is DeliveryState.SENT else None,
        }
        for row in rows
    ]
    done = array_of([row.row_id for row in rows])
    given = (encode(document), done, owner, array_of(row_ids), owner)
    return {row[0] for row in fetched(connection, _TURN_POSTGRESQL, given)}


@contextmanager
def group(connection: Connection) -> Iterator[None]:
    """Make one transaction of SQLite's, of the driver's own: there are thousands."""
    driver: Any = connection.connection.dbapi_connection
    begin_immediate(driver)
    try:
        yield
        driver.commit()
    except BaseException:
        driver.rollback()
        raise


def settled(connection: Connection, owner: str, row_ids: Sequence[int]) -> set[int]:
    """Return those of an owner's deliveries whose outcome is written already."""
    query = select(deliveries.c.id).where(
        among(connection, deliveries.c.id, row_ids),
        deliveries.c.lease_owner == owner,
        deliveries.c.state.not_in(_OPEN_STATES),
    )
    return set(connection.scalars(query)) if row_ids else set()


def unmark(connection: Connection, owner: str, row_ids: Sequence[int]) -> None:
    """Take markers back: the caller knows that no final dot was written."""
    if row_ids:
        connection.execute(
            update(deliveries)
            .where(
                among(connection, deliveries.c.id, row_ids),
                deliveries.c.lease_owner == owner,
                deliveries.c.state == DeliveryState.TRANSMITTING.value,
            )
            .values(state=DeliveryState.CLAIMED.value)
        )


def prepare(connection: Connection) -> None:
    """Make a connection fit for `turn`, and for nothing else: its commits wait for the disk.

    Whatever the server's own setting is: a marker that a power failure or a killed server takes
    with it is a mail that goes out twice.
    """
    driver: Any = connection.connection.dbapi_connection
    if is_sqlite(connection):
        # Not by SQLAlchemy, which would begin: it is refused within a transaction.
        driver.execute("PRAGMA synchronous=FULL")
    else:
        connection.execute(text("SET synchronous_commit = on"))
        # Else each turn is planned anew, which takes longer than to do it. The one plan is by ids,
        # also where it was made for an outbox of a few rows.
        connection.execute(text("SET plan_cache_mode = force_generic_plan"))
        connection.execute(text("SET enable_seqscan = off"))
        connection.commit()
        driver.autocommit = True


def _tried(row: Finished) -> tuple[Any, ...]:
    return (
        row.row_id,
        stamp(row.at),
        row.transport,
        row.phase,
        str(row.state),
        row.code,
        row.enhanced_code,
        row.reply,
    )


def _settled(row: Finished) -> tuple[Any, ...]:
    return (
        str(row.state),
        int(row.is_charged),
        stamp(row.next_attempt_at),
        row.transport,
        row.code,
        row.enhanced_code,
        row.reply,
        row.queue_id,
        row.cause,
        row.content_hash,
        stamp(row.at) if row.state is DeliveryState.SENT else None,
        row.row_id,
    )
