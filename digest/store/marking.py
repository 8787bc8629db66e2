"""The outbox's hot path: markers before final dots, and outcomes, for many deliveries at once.

Every mail of a run passes here twice, so the statements go to the driver as they are: a tuple a
row, one statement a group. What to do with an outcome is decided by the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from digest.model import DeliveryState
from digest.papers.content import encode
from digest.store._bulk import array_of, fetched, stamp
from digest.store.database import is_sqlite
from digest.store.outbox import PAUSED


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


# Suppression is asked here and nowhere else. A new opt-in is how an unsubscribed or bounced
# reader comes back; only that mail may go.
_MAY_GO = f"""
    state = 'claimed'
    AND NOT EXISTS (
        SELECT 1 FROM suppressions s WHERE s.address_hmac = deliveries.address_hmac
        AND NOT (purpose = 'confirmation' AND s.reason IN ('unsubscribed', 'hard')))
    AND NOT EXISTS (SELECT 1 FROM installation WHERE name = '{PAUSED}')
"""  # noqa: S608 - our own words
_MARK_SQLITE = f"""
    UPDATE deliveries SET state = 'transmitting'
    WHERE id IN (SELECT value FROM json_each(?)) AND lease_owner = ? AND {_MAY_GO} RETURNING id
"""  # noqa: S608
_MARK_POSTGRESQL = f"""
    UPDATE deliveries SET state = 'transmitting'
    WHERE id = ANY(%s::bigint[]) AND lease_owner = %s AND {_MAY_GO} RETURNING id
"""  # noqa: S608

# An outcome read late still settles what recovery took for uncertain.
_OPEN = "state IN ('claimed', 'transmitting', 'uncertain')"
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
# One document, for the driver makes each array by itself, item by item.
_FINISH_POSTGRESQL = """
    WITH v AS (
        SELECT * FROM json_to_recordset(%s::json) AS v (
            id bigint, at timestamp, state text, charge int, due_at timestamp, transport text,
            phase text, code int, enhanced_code text, reply text, queue_id text, cause text,
            content_hash text, sent_at timestamp)
    ), tried AS (
        INSERT INTO attempts
            (delivery_id, at, transport, phase, outcome, code, enhanced_code, reply)
        SELECT id, at, transport, phase, state, code, enhanced_code, reply FROM v
    )
    UPDATE deliveries SET state = v.state, attempts = attempts + v.charge,
        next_attempt_at = coalesce(v.due_at, next_attempt_at), transport = v.transport,
        code = v.code, enhanced_code = v.enhanced_code, reply = v.reply, queue_id = v.queue_id,
        cause = v.cause, content_hash = v.content_hash, sent_at = v.sent_at, lease_until = NULL
    FROM v
    WHERE deliveries.id = v.id AND lease_owner = %s
        AND deliveries.state IN ('claimed', 'transmitting', 'uncertain')
"""


def mark(connection: Connection, owner: str, row_ids: Sequence[int]) -> set[int]:
    """Write the marker before the final dot; return the ids that may be sent.

    The one place where suppression is asked: an address suppressed, a delivery cancelled, a
    claim lost or sending paused since the claim is missing from the answer.
    """
    if is_sqlite(connection):
        rows = fetched(connection, _MARK_SQLITE, (encode(list(row_ids)), owner))
    else:
        rows = fetched(connection, _MARK_POSTGRESQL, (array_of(row_ids), owner))
    return {row[0] for row in rows}


def finish(connection: Connection, owner: str, rows: Sequence[Finished]) -> None:
    """Write outcomes and their attempts. A row that is no longer ours keeps its state."""
    if not rows:
        return
    if is_sqlite(connection):
        cursor: Any = connection.connection.cursor()
        cursor.executemany(_FINISH_SQLITE, [(*_settled(row), owner) for row in rows])
        cursor.executemany(_TRIED_SQLITE, [_tried(row) for row in rows])
        cursor.close()
        return
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
    fetched(connection, _FINISH_POSTGRESQL, (encode(document), owner))


@contextmanager
def group(connection: Connection) -> Iterator[None]:
    """Make one transaction of `finish` and `mark`, of the driver's own: there are thousands."""
    driver: Any = connection.connection.dbapi_connection
    try:
        if is_sqlite(connection):
            driver.execute("BEGIN IMMEDIATE")
        yield
        driver.commit()
    except BaseException:
        driver.rollback()
        raise


def relax(connection: Connection) -> None:
    """Let commits on this connection not wait for the disk.

    Safe against the death of any process; a power failure may take the last commits. Plans and
    claims are made on other connections and wait: what is forgotten is of a claimed delivery.
    """
    if is_sqlite(connection):
        # Not by SQLAlchemy, which would begin: it is refused within a transaction.
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA synchronous=NORMAL")
    else:
        connection.execute(text("SET synchronous_commit = off"))
        connection.commit()


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
