"""Queries about who is due: whose slot has come, and moving on to the next.

Every edition of a run begins here, so rows come as the driver gives them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Connection, select

from digest.model import Profile, Subscription
from digest.store._bulk import among, ask, stamp, unstamp, update_many
from digest.store.database import is_sqlite
from digest.store.profiles import read_subscription
from digest.store.tables import subscribers, subscriptions

WHOLE = (0, 1)
"""The share of who plans alone: number, of how many."""

RUN = 250
"""Subscribers whose row ids follow one another are in one share, for their rows do so too: what a
block reads and writes lies on few pages, which other shares do not touch."""

# CROSS holds SQLite to this order: without statistics it takes a status for rare, and would look
# at every confirmed subscriber for each block.
_IS_DUE = """
    FROM subscriptions u CROSS JOIN subscribers s CROSS JOIN profiles p
    WHERE s.id = u.subscriber_id AND p.id = u.profile_id AND u.status = 'confirmed'
        AND s.status = 'confirmed' AND p.is_active AND u.next_slot_at <= ?
"""
_DUE = f"""
    SELECT u.id, u.status, u.next_slot_at, u.profile_id, u.via, CAST(p.document AS TEXT), s.id,
        s.address, s.status, s.created_at, s.confirmed_at {_IS_DUE}
"""


def block(
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
    query, lock = _DUE, ""
    values: list[str | int] = [_bound(now)]
    if not is_sqlite(connection):
        # No shares: a server takes a remainder for rare, and sorts everybody for each block.
        lock = "FOR NO KEY UPDATE OF u, s SKIP LOCKED"
    elif shares > 1:
        query += " AND u.subscriber_id / ? % ? = ?"
        values += [RUN, shares, number]
        if after is not None:  # others' are not passed over once a block
            query += " AND (u.next_slot_at, u.id) > (?, ?)"
            values += [_bound(after.next_slot_at), after.row_id]
    query = f"{query} ORDER BY u.next_slot_at, u.id LIMIT ? {lock}"
    cache: dict[int, Profile] = {}
    return [
        read_subscription((*row[:2], _instant(row[2]), *row[3:9], *map(_instant, row[9:])), cache)
        for row in ask(connection, query, *values, limit)
    ]


def hold(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Keep others from making editions for these subscribers until the transaction ends.

    SQLite needs nothing: whoever writes holds its one lock.
    """
    if not is_sqlite(connection):
        query = select(subscribers.c.id).where(among(connection, subscribers.c.id, subscriber_ids))
        connection.execute(query.order_by(subscribers.c.id).with_for_update(key_share=True))


def still_due(connection: Connection, seen: Collection[Subscription], now: datetime) -> set[int]:
    """Return which of these subscriptions are due for the same slot as when they were read."""
    query = f"SELECT u.id, u.next_slot_at, u.profile_id {_IS_DUE} AND u.id IN ?"
    rows = ask(connection, query, _bound(now), [subscription.row_id for subscription in seen])
    found = {row[0]: (_instant(row[1]), row[2]) for row in rows}
    return {s.row_id for s in seen if found.get(s.row_id) == (s.next_slot_at, s.profile_id)}


def count(connection: Connection, now: datetime) -> int:
    """Count the subscriptions that `block` would give if nobody held any."""
    found: int = ask(connection, f"SELECT count(*) {_IS_DUE}", _bound(now))[0][0]
    return found


def one_of_each_profile(connection: Connection, now: datetime, *, limit: int) -> dict[int, int]:
    """Return the first due subscription (row id) of each profile, and how many are due with it.

    At most ``limit`` profiles, those with most of them first.
    """
    query = f"""
        SELECT min(u.id), count(*) {_IS_DUE}
        GROUP BY u.profile_id ORDER BY count(*) DESC, min(u.id) LIMIT ?
    """
    return {row[0]: row[1] for row in ask(connection, query, _bound(now), limit)}


def advance(connection: Connection, slots: Sequence[tuple[int, datetime, datetime]]) -> None:
    """Move subscriptions on: (row id, slot just handled, next slot)."""
    update_many(
        connection,
        subscriptions,
        ("last_slot_at", "next_slot_at", "id"),
        [(stamp(slot), stamp(after), row) for row, slot, after in slots],
        key=1,
    )


def replan(connection: Connection, slots: Sequence[tuple[int, datetime]]) -> None:
    """Give subscriptions (by row id) another next slot."""
    rows = [(stamp(slot), row) for row, slot in slots]
    update_many(connection, subscriptions, ("next_slot_at", "id"), rows, key=1)


def _bound(at: datetime | None) -> str:
    found = stamp(at)
    assert found is not None, "who is due has a slot"
    return found


@lru_cache(maxsize=4096)
def _instant(at: str | datetime | None) -> datetime | None:
    return None if at is None else unstamp(at)
