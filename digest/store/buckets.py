"""Token buckets that all processes share and restarts remember.

Used for whoever limits us: sources' providers, relays, recipients' domains. The caller names the
bucket and its rate; what to do with a wait is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, or_, select, update

from digest.store.database import is_sqlite
from digest.store.tables import buckets
from digest.store.upserts import insert_ignore

FORGET_REFUSALS = timedelta(hours=12)


def reserve(
    connection: Connection,
    name: str,
    *,
    per_second: float,
    burst: float = 1,
    now: datetime,
    count: float = 1,
) -> datetime:
    """Take tokens now, on credit if need be, and return when the caller may go.

    Callers that reserve one after the other get instants one after the other: each waits for
    its own and nobody is overtaken. Never earlier than ``blocked_until``.
    """
    tokens, blocked_until = _filled(connection, name, per_second, burst, now)
    tokens -= count
    _keep(connection, name, tokens, now)
    at = now + timedelta(seconds=max(0.0, -tokens / per_second))
    return max(at, blocked_until) if blocked_until else at


def take(
    connection: Connection,
    name: str,
    *,
    per_second: float,
    burst: float,
    now: datetime,
    wanted: int,
) -> int:
    """Take up to ``wanted`` tokens of those that are there, and return how many; 0 if blocked."""
    tokens, blocked_until = _filled(connection, name, per_second, burst, now)
    if blocked_until is not None and blocked_until > now:
        return 0
    taken = max(0, min(wanted, int(tokens + 1e-9)))
    _keep(connection, name, tokens - taken, now)
    return taken


@dataclass(frozen=True, kw_only=True)
class Want:
    """One token of one bucket; None where a rate or a daily allowance is not limited."""

    name: str
    per_second: float | None = None
    burst: float = 1
    per_day: int | None = None


def take_all(
    connection: Connection, wants: Iterable[Want], *, now: datetime
) -> tuple[str, datetime] | None:
    """Take one token of each bucket, or of none: then return which is empty, and until when.

    A daily allowance is counted by the hour over the last 24 hours and the one begun: it holds in
    any 24 hours, not only from midnight on.
    """
    taken: list[tuple[Want, float, dict[str, Any]]] = []
    for want in sorted(wants, key=lambda want: want.name):  # one order: nobody waits in a ring
        rate = want.per_second or 1.0
        burst = want.burst if want.per_second else 1.0
        tokens, blocked_until = _filled(connection, want.name, rate, burst, now)
        state = _state(connection, want.name)
        at = now
        if want.per_second and tokens < 1 - 1e-9:
            at += timedelta(seconds=(1 - tokens) / rate)
        if want.per_day is not None and _used(state, now) >= want.per_day:
            at = max(at, _day_free_at(state, now))
        if blocked_until is not None:
            at = max(at, blocked_until)
        if at > now:
            return want.name, at
        taken.append((want, tokens, state))
    for want, tokens, state in taken:
        _keep(connection, want.name, tokens - 1 if want.per_second else tokens, now)
        if want.per_day is not None:
            _count(connection, want.name, state, now)
    return None


def notes(connection: Connection, prefixes: Sequence[str]) -> dict[str, Note]:
    """Return what is noted of the buckets whose names begin so: blocks, and the state."""
    query = select(buckets.c.name, buckets.c.blocked_until, buckets.c.state).where(
        or_(*(buckets.c.name.startswith(prefix, autoescape=True) for prefix in prefixes))
    )
    return {row.name: Note(row.blocked_until, row.state or {}) for row in connection.execute(query)}


class Note(NamedTuple):
    """What is noted of a bucket beside its tokens."""

    blocked_until: datetime | None
    state: Mapping[str, Any]


def note(connection: Connection, name: str, changes: Mapping[str, Any], *, now: datetime) -> None:
    """Note something in a bucket's state."""
    _filled(connection, name, 1, 1, now)
    state = {**_state(connection, name), **changes}
    connection.execute(update(buckets).where(buckets.c.name == name).values(state=state))


def block(connection: Connection, name: str, until: datetime, *, now: datetime) -> None:
    """Let nobody through before this instant; a later block that stands is kept."""
    _filled(connection, name, 1, 1, now)
    connection.execute(
        update(buckets)
        .where(
            buckets.c.name == name,
            (buckets.c.blocked_until.is_(None)) | (buckets.c.blocked_until < until),
        )
        .values(blocked_until=until)
    )


def refused(connection: Connection, name: str, *, now: datetime) -> int:
    """Count one more refusal in a row and return how many there are; half a day forgets."""
    _filled(connection, name, 1, 1, now)
    state = _state(connection, name)
    at = state.get("refused_at")
    is_row = at is not None and now - datetime.fromisoformat(at) < FORGET_REFUSALS
    count = (int(state.get("refusals", 0)) if is_row else 0) + 1
    connection.execute(
        update(buckets)
        .where(buckets.c.name == name)
        .values(state={**state, "refusals": count, "refused_at": now.isoformat()})
    )
    return count


def blocked_until(connection: Connection, name: str) -> datetime | None:
    """Return until when a bucket is blocked; the instant may have passed."""
    return connection.scalar(select(buckets.c.blocked_until).where(buckets.c.name == name))


def _state(connection: Connection, name: str) -> dict[str, Any]:
    return dict(connection.scalar(select(buckets.c.state).where(buckets.c.name == name)) or {})


def _hours(state: Mapping[str, Any], now: datetime) -> dict[str, int]:
    """Return the counts by hour that still matter."""
    first = _hour(now - timedelta(hours=24))
    return {hour: count for hour, count in state.get("hours", {}).items() if hour >= first}


def _hour(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H")


def _used(state: Mapping[str, Any], now: datetime) -> int:
    return sum(_hours(state, now).values())


def _day_free_at(state: Mapping[str, Any], now: datetime) -> datetime:
    oldest = min(_hours(state, now), default=_hour(now))
    return datetime.strptime(oldest, "%Y-%m-%dT%H").replace(tzinfo=UTC) + timedelta(hours=25)


def _count(connection: Connection, name: str, state: dict[str, Any], now: datetime) -> None:
    hours = _hours(state, now)
    hours[_hour(now)] = hours.get(_hour(now), 0) + 1
    connection.execute(
        update(buckets).where(buckets.c.name == name).values(state=state | {"hours": hours})
    )


def _filled(
    connection: Connection, name: str, per_second: float, burst: float, now: datetime
) -> tuple[float, datetime | None]:
    """Return the tokens there are by now; the row is ours until the transaction ends."""
    chosen = select(buckets.c.tokens, buckets.c.updated_at, buckets.c.blocked_until).where(
        buckets.c.name == name
    )
    if not is_sqlite(connection):
        chosen = chosen.with_for_update()
    row = connection.execute(chosen).one_or_none()
    if row is None:
        insert_ignore(connection, buckets, [{"name": name, "tokens": burst, "updated_at": now}])
        row = connection.execute(chosen).one()
    # A clock that was set back gives nothing, and takes nothing away.
    elapsed = max(0.0, (now - row.updated_at).total_seconds())
    return min(burst, row.tokens + elapsed * per_second), row.blocked_until


def _keep(connection: Connection, name: str, tokens: float, now: datetime) -> None:
    connection.execute(
        update(buckets).where(buckets.c.name == name).values(tokens=tokens, updated_at=now)
    )
