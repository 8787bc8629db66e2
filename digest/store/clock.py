"""Entries that a clock running ahead has dated in the future: find them, and put them right.

Nearly every decision compares a stored instant with now: who is due, which source is asked, what
a window holds. One run with a clock a year ahead would silence readers for that year. So what
*happened* in the future is moved back, order kept, to just after the last entry before it; what
is *planned* from there on is planned again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Interval,
    Table,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from digest.model import DeliveryState
from digest.store import tables
from digest.store.database import is_sqlite
from digest.store.types import UTCDateTime

TOLERANCE = timedelta(hours=1)
"""A clock that is ahead by less rights itself before anybody misses a mail."""
UNKNOWN = timedelta(days=1)
"""Where nothing was stored before, the first entry is taken to be so old."""
BEHIND_SHARE = 0.2
"""Of the papers first seen "in the future", so many published there tell that it is no future."""
_BESIDE = timedelta(seconds=7, milliseconds=13)
"""Keys that are moved keep off the full minutes of other entries."""

HAPPENED: dict[str, tuple[str, ...]] = {
    "attempts": ("at",),
    "bodies": ("stored_at",),
    "bounces": ("received_at",),
    "consents": ("at",),
    "deliveries": ("created_at", "composed_at", "sent_at"),
    "editions": ("window_start_at", "window_end_at", "made_at"),
    "events": ("at",),
    "feedback": ("at",),
    "grades": ("graded_at",),
    "libraries": ("stored_at",),
    "merges": ("at", "undone_at"),
    "observations": ("asked_at",),
    "owner_alerts": ("since", "told_at", "right_at"),
    "paper_links": ("at",),
    "papers": ("first_seen_at", "new_at"),
    "poll_bodies": ("fetched_at",),
    "polls": ("at",),
    "profiles": ("created_at", "changed_at"),
    "records": ("first_seen_at", "last_seen_at"),
    "runs": ("started_at", "ended_at"),
    "sightings": ("seen_at",),
    "sources": ("last_poll_at", "last_success_at"),
    "submissions": ("at",),
    "subscribers": ("created_at", "confirmed_at", "unsubscribed_at", "last_bounce_at"),
    "subscriptions": ("created_at", "last_slot_at"),
    "summaries": ("made_at",),
    "suppressions": ("at",),
    "tombstones": ("pruned_at",),
    "versions": ("seen_at",),
}
"""What is never later than now, by table."""

KEYS: dict[str, tuple[str, ...]] = {"editions": ("slot_at",), "signals": ("observed_at",)}
"""The same, where it is also part of a key."""

PLANNED: dict[str, tuple[str, ...]] = {
    "buckets": ("updated_at", "blocked_until"),
    "deliveries": ("next_attempt_at", "expires_at", "lease_until"),
    "lookups": ("next_at",),
    "observations": ("next_at",),
    "sources": ("next_poll_at", "lease_until"),
    "subscriptions": ("next_slot_at",),
}
"""What is rightly later than now, and made anew where a wrong clock made it."""

OUTSIDE: dict[str, tuple[str, ...]] = {"papers": ("published_at",)}
"""What others say; it decides nothing by itself."""

_PROBES = (
    tables.runs.c.started_at,
    tables.polls.c.at,
    tables.papers.c.first_seen_at,
    tables.deliveries.c.sent_at,
)
"""Each has an index, and every pass leaves at least one of them."""
_WAITING = (DeliveryState.READY.value, DeliveryState.DEFERRED.value)


@dataclass(frozen=True, kw_only=True)
class Skew:
    """What the store says against the clock."""

    now: datetime
    before: datetime | None
    """The last entry before now; None where there is none."""
    first: datetime
    """The first entry that is dated in the future, and the last."""
    last: datetime
    is_behind: bool
    """Whether the clock is wrong now: the entries are right, and it is behind them."""

    @property
    def limit(self) -> datetime:
        """Return after which instant nothing can have happened yet."""
        return self.now + TOLERANCE

    @property
    def shift(self) -> timedelta:
        """Return how far back entries are moved: all land before now, and keep their order."""
        before = min(self.before or self.now - UNKNOWN, self.now)
        return max(self.first - before, self.last - self.now)

    def moved(self, at: datetime) -> datetime:
        """Return an instant as it is once it is put right."""
        return min(at - self.shift, self.now) if at > self.limit else at


def look(connection: Connection, now: datetime) -> Skew | None:
    """Return what is dated in the future; None, at next to no cost, where nothing is."""
    limit = now + TOLERANCE
    last = _most(connection.scalar(select(func.max(column))) for column in _PROBES)
    if last is None or last <= limit:
        return None
    lasts = (select(func.max(column)).where(column <= limit) for column in _PROBES)
    firsts = (select(func.min(column)).where(column > limit) for column in _PROBES)
    first = min(at for query in firsts if (at := connection.scalar(query)) is not None)
    return Skew(
        now=now,
        before=_most(connection.scalar(query) for query in lasts),
        first=first,
        last=last,
        is_behind=_is_behind(connection, now, first, last),
    )


def count(connection: Connection, skew: Skew) -> int:
    """Return how many rows are dated in the future."""
    total = 0
    for name, columns in _past_columns():
        table = tables.metadata.tables[name]
        is_later = or_(*(table.c[column] > skew.limit for column in columns))
        total += connection.scalar(select(func.count()).select_from(table).where(is_later)) or 0
    return total


def put_right(connection: Connection, skew: Skew) -> None:
    """Move back what is dated in the future and plan anew what follows from it.

    All but subscriptions' next slots, which depend on their schedules (`late_slots`).
    """
    _deliveries(connection, skew)
    _sources(connection, skew)
    _buckets(connection, skew)
    seen = tables.observations.c
    _change(
        connection, tables.observations, seen.asked_at > skew.limit,
        next_at=_back(connection, seen.next_at, skew.shift),
    )  # fmt: skip
    again = tables.lookups.c.next_at
    _change(connection, tables.lookups, again > skew.first, next_at=skew.now)
    made = tables.editions.c.made_at
    _change(
        connection, tables.editions, made > skew.limit,
        edition_on=func.date(_back(connection, made, skew.shift)),
    )  # fmt: skip
    for names, extra in ((KEYS, _BESIDE), (HAPPENED, timedelta())):
        for table, column in _columns(names):
            moved = _back(connection, column, skew.shift + extra)
            if not extra:
                moved = case((moved > _plain(skew.now), skew.now), else_=moved)
            _change(connection, table, column > skew.limit, **{column.name: moved})


def late_slots(
    connection: Connection, skew: Skew, *, after: int, limit: int
) -> list[tuple[int, datetime | None, bool]]:
    """Return subscriptions whose next slot a wrong clock may have set: id, last slot, if it is new.

    To be asked before `put_right`; in the order of their ids, those behind ``after``.
    """
    columns = tables.subscriptions.c
    query = (
        select(columns.id, columns.last_slot_at, columns.created_at)
        .where(
            columns.id > after,
            columns.next_slot_at > skew.limit,
            or_(
                columns.last_slot_at > skew.limit,
                columns.created_at > skew.limit,
                columns.next_slot_at > skew.first,
            ),
        )
        .order_by(columns.id)
        .limit(limit)
    )
    return [
        (row.id, row.last_slot_at, row.created_at > skew.limit) for row in connection.execute(query)
    ]


def _is_behind(connection: Connection, now: datetime, first: datetime, last: datetime) -> bool:
    """Tell a clock that is behind from one that was ahead.

    Publication dates come from outside: papers of tomorrow are only known tomorrow. Without any,
    a store that was written on and on is believed more than a single leap.
    """
    columns = tables.papers.c
    limit = now + TOLERANCE
    is_later = columns.published_at.between(limit, last + TOLERANCE)
    dated, later = connection.execute(
        select(func.count(columns.published_at), func.sum(case((is_later, 1), else_=0))).where(
            columns.first_seen_at > limit
        )
    ).one()
    if dated:
        return bool(later >= BEHIND_SHARE * dated)
    return first - now < last - first


def _deliveries(connection: Connection, skew: Skew) -> None:
    table = tables.deliveries
    columns = table.c
    _change(connection, table, columns.lease_until > skew.limit, lease_until=skew.now)
    waits = columns.state.in_(_WAITING)
    # A mail composed on the wrong day is composed again, with the right date.
    _change(connection, table, and_(waits, columns.composed_at > skew.limit), composed_at=None)
    is_later = or_(columns.created_at > skew.limit, columns.next_attempt_at > skew.first)
    _change(connection, table, and_(waits, is_later), next_attempt_at=skew.now)
    _change(
        connection, table, columns.created_at > skew.limit,
        expires_at=_back(connection, columns.expires_at, skew.first - skew.now),
    )  # fmt: skip
    too_soon = and_(
        columns.state == DeliveryState.EXPIRED.value,
        columns.created_at <= skew.limit,
        columns.expires_at > skew.now,
    )
    _change(
        connection, table, too_soon,
        state=DeliveryState.READY.value, next_attempt_at=skew.now, cause="",
    )  # fmt: skip


def _sources(connection: Connection, skew: Skew) -> None:
    columns = tables.sources.c
    _change(connection, tables.sources, columns.lease_until > skew.limit, lease_until=None)
    polled = select(columns.name, columns.state).where(columns.last_poll_at > skew.limit)
    for name, state in connection.execute(polled).all():
        _change(
            connection, tables.sources, columns.name == name,
            next_poll_at=skew.now, state=_document(state, skew),
        )  # fmt: skip
    _change(connection, tables.sources, columns.next_poll_at > skew.first, next_poll_at=skew.now)


def _buckets(connection: Connection, skew: Skew) -> None:
    columns = tables.buckets.c
    found = connection.execute(
        select(columns.name, columns.state).where(columns.updated_at > skew.limit)
    ).all()
    for name, state in found:
        _change(
            connection, tables.buckets, columns.name == name,
            updated_at=skew.now, blocked_until=None, state=_document(state, skew),
        )  # fmt: skip


_ON = re.compile(r"\d{4}-\d\d-\d\d")
_AT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?")


def _document(value: Any, skew: Skew) -> Any:
    """Return a JSON value in which instants and dates that have not come are moved back."""
    if isinstance(value, Mapping):
        return {_document(key, skew): _document(inner, skew) for key, inner in value.items()}
    if isinstance(value, list):
        return [_document(inner, skew) for inner in value]
    if not isinstance(value, str) or len(value) > len("2026-04-14T08:00:00.000000+00:00"):
        return value
    try:
        return _moved_text(value, skew)
    except (ValueError, OverflowError):  # looks like a date, and is none
        return value


def _moved_text(text: str, skew: Skew) -> str:
    if _ON.fullmatch(text):
        on = date.fromisoformat(text)
        is_later = on > skew.limit.date()
        return (on - skew.shift - timedelta(days=1)).isoformat() if is_later else text
    if _AT.fullmatch(text):
        at = datetime.fromisoformat(text)
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return (at - skew.shift).isoformat() if aware > skew.limit else text
    return text


def _change(
    connection: Connection, table: Table, which: ColumnElement[bool], **values: Any
) -> None:
    connection.execute(update(table).where(which).values(**values))


def _back(connection: Connection, column: Column[Any], by: timedelta) -> ColumnElement[Any]:
    """Return a column's instant so much earlier, as the database stores it."""
    if is_sqlite(connection):
        seconds = f"{-by.total_seconds():.3f} seconds"
        # SQLite writes milliseconds; what is stored has microseconds.
        return type_coerce(
            func.strftime("%Y-%m-%d %H:%M:%f", column, seconds).concat("000"), UTCDateTime
        )
    return type_coerce(type_coerce(column, DateTime) - literal(by, Interval), UTCDateTime)


def _plain(at: datetime) -> ColumnElement[Any]:
    return literal(at, UTCDateTime)


def _columns(names: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[Table, Column[Any]]]:
    for name, columns in names.items():
        table = tables.metadata.tables[name]
        yield from ((table, table.c[column]) for column in columns)


def _past_columns() -> Iterator[tuple[str, tuple[str, ...]]]:
    for name in sorted({*HAPPENED, *KEYS}):
        yield name, (*HAPPENED.get(name, ()), *KEYS.get(name, ()))


def _most(instants: Iterator[datetime | None]) -> datetime | None:
    return max((at for at in instants if at is not None), default=None)
