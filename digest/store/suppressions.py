"""Addresses that must not be mailed, known by an HMAC that outlives the subscriber.

Asking happens in one place, the marker update of ``marking.mark``; here they are added, looked
up and lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from digest.store.database import is_sqlite
from digest.store.tables import suppressions

REASONS = ("unsubscribed", "hard", "complaint", "bomb", "manual")
"""Weakest first: a stronger reason replaces a weaker one, never the other way."""
LIFTED_BY_OPT_IN = ("unsubscribed", "hard")
"""A new double opt-in lifts these; the others only the owner lifts."""


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """One address that is not mailed, and why."""

    address_hmac: str
    reason: str
    at: datetime
    detail: str = ""


def add(connection: Connection, rows: Sequence[Suppression]) -> None:
    """Suppress addresses from now on; deliveries already claimed stop at their marker."""
    found = lookup(connection, [row.address_hmac for row in rows])
    chosen: dict[str, Suppression] = {}
    for row in rows:
        known = chosen.get(row.address_hmac) or found.get(row.address_hmac)
        if known is None or REASONS.index(row.reason) > REASONS.index(known.reason):
            chosen[row.address_hmac] = row
    if not chosen:
        return
    dialect = sqlite if is_sqlite(connection) else postgresql
    statement = dialect.insert(suppressions)
    statement = statement.on_conflict_do_update(
        index_elements=["address_hmac"],
        set_={name: statement.excluded[name] for name in ("reason", "at", "detail")},
    )
    connection.execute(
        statement,
        [
            {
                "address_hmac": row.address_hmac,
                "reason": row.reason,
                "at": row.at,
                "detail": row.detail,
            }
            for row in chosen.values()
        ],
    )


def lookup(connection: Connection, hmacs: Sequence[str]) -> dict[str, Suppression]:
    """Return the suppressions among these addresses, by HMAC."""
    found: dict[str, Suppression] = {}
    for start in range(0, len(hmacs), 500):
        query = select(suppressions).where(
            suppressions.c.address_hmac.in_(hmacs[start : start + 500])
        )
        for row in connection.execute(query).mappings():
            found[row["address_hmac"]] = Suppression(**row)
    return found


def lift(connection: Connection, address_hmac: str, *, by_owner: bool = False) -> bool:
    """Let an address be mailed again; tell whether a suppression went.

    A reader's own opt-in lifts ``unsubscribed`` and ``hard`` alone.
    """
    query = delete(suppressions).where(suppressions.c.address_hmac == address_hmac)
    if not by_owner:
        query = query.where(suppressions.c.reason.in_(LIFTED_BY_OPT_IN))
    return connection.execute(query).rowcount > 0


def count_by_reason(connection: Connection) -> dict[str, int]:
    """Return how many addresses each reason suppresses; a reason without any has 0."""
    rows = connection.execute(
        select(suppressions.c.reason, func.count()).group_by(suppressions.c.reason)
    )
    found = {row[0]: row[1] for row in rows}
    return {reason: found.get(reason, 0) for reason in REASONS}
