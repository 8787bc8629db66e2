"""Token buckets that all processes share and restarts remember.

Used for whoever limits us: sources' providers, relays, recipients' domains. The caller names the
bucket and its rate; what to do with a wait is the caller's business.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

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
    state = connection.scalar(select(buckets.c.state).where(buckets.c.name == name)) or {}
    at = state.get("refused_at")
    is_row = at is not None and now - datetime.fromisoformat(at) < FORGET_REFUSALS
    count = (int(state.get("refusals", 0)) if is_row else 0) + 1
    connection.execute(
        update(buckets)
        .where(buckets.c.name == name)
        .values(state={**state, "refusals": count, "refused_at": now.isoformat()})
    )
    return count


def unblock(connection: Connection, name: str) -> None:
    """Lift a block."""
    connection.execute(update(buckets).where(buckets.c.name == name).values(blocked_until=None))


def blocked_until(connection: Connection, name: str) -> datetime | None:
    """Return until when a bucket is blocked; the instant may have passed."""
    return connection.scalar(select(buckets.c.blocked_until).where(buckets.c.name == name))


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
