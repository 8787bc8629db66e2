"""The outbox after a crash, and as time passes: leases that ended, deferrals due, mails too old.

Set-based; whether a lost reply is resent is the owner's choice, passed in.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from digest.model import DeliveryState
from digest.store.tables import attempts, deliveries

_READY, _CLAIMED = DeliveryState.READY.value, DeliveryState.CLAIMED.value
_TRANSMITTING, _UNCERTAIN = DeliveryState.TRANSMITTING.value, DeliveryState.UNCERTAIN.value
_DEFERRED = DeliveryState.DEFERRED.value


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What recovery found: claims given back, and dots whose reply nobody read."""

    released: int
    uncertain: int
    resent: int = 0
    expired: int = 0

    def __add__(self, other: Recovered) -> Recovered:
        return Recovered(
            released=self.released + other.released,
            uncertain=self.uncertain + other.uncertain,
            resent=self.resent + other.resent,
            expired=self.expired + other.expired,
        )


@dataclass(frozen=True, kw_only=True)
class Held:
    """What one sender has claimed and not finished."""

    owner: str
    count: int
    lease_until: datetime
    """When its first lease ends."""


def held(connection: Connection) -> list[Held]:
    """Return what each sender holds, at work or not."""
    rows = connection.execute(
        select(
            deliveries.c.lease_owner.label("owner"),
            func.count().label("count"),
            func.min(deliveries.c.lease_until).label("lease_until"),
        )
        .where(
            deliveries.c.state.in_((_CLAIMED, _TRANSMITTING)), deliveries.c.lease_until.is_not(None)
        )
        .group_by(deliveries.c.lease_owner)
        .order_by(deliveries.c.lease_owner)
    )
    return [Held(**row) for row in rows.mappings()]


def recover(
    connection: Connection,
    *,
    now: datetime,
    dead_owners: Collection[str] = (),
    resend: bool = False,
) -> Recovered:
    """Settle what a dead sender left behind: leases that ended, or whose owner is dead.

    A claimed row goes back to ready: its dot was provably not written. A transmitting row is
    uncertain, never ready by itself; ``resend`` (at-least-once) is the owner's own choice.
    """
    dead = or_(deliveries.c.lease_until <= now, deliveries.c.lease_owner.in_(list(dead_owners)))
    released = connection.execute(
        update(deliveries)
        .where(deliveries.c.state == _CLAIMED, dead)
        .values(state=_READY, lease_owner=None, lease_until=None)
    ).rowcount
    lost = list(
        connection.scalars(
            update(deliveries)
            .where(deliveries.c.state == _TRANSMITTING, dead)
            .values(
                state=_UNCERTAIN,
                cause="crash",
                reply="the sender ended before the reply to the final dot was read",
                attempts=deliveries.c.attempts + 1,
                lease_until=None,
            )
            .returning(deliveries.c.id)
        )
    )
    if lost:
        connection.execute(
            insert(attempts),
            [
                {"delivery_id": row_id, "at": now, "phase": "dot", "outcome": _UNCERTAIN}
                for row_id in lost
            ],
        )
    resent = 0
    if resend:
        resent = connection.execute(
            update(deliveries)
            .where(deliveries.c.state == _UNCERTAIN)
            .values(state=_READY, lease_owner=None)
        ).rowcount
    return Recovered(released=released, uncertain=len(lost) - min(resent, len(lost)), resent=resent)


def revive(connection: Connection, now: datetime) -> int:
    """Make deferred deliveries ready whose time has come."""
    return connection.execute(
        update(deliveries)
        .where(deliveries.c.state == _DEFERRED, deliveries.c.next_attempt_at <= now)
        .values(state=_READY)
    ).rowcount


def expire(connection: Connection, now: datetime) -> int:
    """End deliveries that are too old to be worth sending."""
    return connection.execute(
        update(deliveries)
        .where(
            deliveries.c.state.in_((_READY, _DEFERRED)),
            deliveries.c.expires_at.is_not(None),
            deliveries.c.expires_at <= now,
        )
        .values(state=DeliveryState.EXPIRED.value, cause="age")
    ).rowcount
