"""What is wrong with the installation, by subject: told once, and once when it is right again.

Whoever watches something calls ``wrong`` and ``right``, as often as it likes; whether and how
the owner is told is not known here. Subjects are such as ``source:arxiv-lg``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from digest.store.database import is_sqlite
from digest.store.tables import owner_alerts


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One thing that is wrong, or was until ``right_at``."""

    subject: str
    since: datetime
    detail: str = ""
    told_at: datetime | None = None
    right_at: datetime | None = None


def wrong(connection: Connection, subject: str, detail: str, *, now: datetime) -> None:
    """Say that something is wrong, with a sentence for the owner; saying it again is harmless.

    What was right again without the owner having been told goes on as the same trouble.
    """
    dialect = sqlite if is_sqlite(connection) else postgresql
    statement = dialect.insert(owner_alerts).values(subject=subject, since=now, detail=detail)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["subject"], set_={"detail": detail, "right_at": None}
        )
    )


def right(connection: Connection, subject: str, *, now: datetime) -> None:
    """Say that something is right; trouble that the owner never heard of is forgotten."""
    named = owner_alerts.c.subject == subject
    connection.execute(delete(owner_alerts).where(named, owner_alerts.c.told_at.is_(None)))
    connection.execute(
        update(owner_alerts).where(named, owner_alerts.c.right_at.is_(None)).values(right_at=now)
    )


def forget(connection: Connection, subjects: Collection[str]) -> None:
    """Drop what is no trouble any more, without a word to the owner, who knows."""
    connection.execute(delete(owner_alerts).where(owner_alerts.c.subject.in_(subjects)))


def open_alerts(connection: Connection) -> list[Alert]:
    """Return what is wrong now, the oldest trouble first."""
    query = select(owner_alerts).where(owner_alerts.c.right_at.is_(None))
    rows = connection.execute(query.order_by(owner_alerts.c.since, owner_alerts.c.subject))
    return [Alert(**row) for row in rows.mappings()]


def untold(connection: Connection) -> list[Alert]:
    """Return what the owner has not been told: new trouble, and what is right again."""
    query = select(owner_alerts).where(
        or_(owner_alerts.c.told_at.is_(None), owner_alerts.c.right_at.is_not(None))
    )
    rows = connection.execute(query.order_by(owner_alerts.c.since, owner_alerts.c.subject))
    return [Alert(**row) for row in rows.mappings()]


def tell(connection: Connection, alerts: Collection[Alert], *, now: datetime) -> None:
    """Write down that the owner was told of these; what is right again is forgotten with it."""
    for alert in alerts:
        unchanged = and_(
            owner_alerts.c.subject == alert.subject, owner_alerts.c.since == alert.since
        )
        if alert.right_at is None:
            connection.execute(update(owner_alerts).where(unchanged).values(told_at=now))
        else:
            connection.execute(delete(owner_alerts).where(unchanged))
