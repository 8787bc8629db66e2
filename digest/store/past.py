"""What a past edition was made of, and what has changed since it was composed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, select

from digest.model import DeliveryState
from digest.store._bulk import among
from digest.store.tables import deliveries, editions, events, papers, profiles

CHANGES = ("new-version", "retitled", "withdrawn", "published")


@dataclass(frozen=True, kw_only=True)
class Mailed:
    """One edition's delivery, as far as composing it again needs it."""

    edition_id: int
    delivery_id: int | None
    message_id: str
    state: DeliveryState | None
    composed_at: datetime | None
    imprint: str
    """What was kept of the mail's bytes; empty where it was never sent."""


def of_day(connection: Connection, profile_id: int, day: date) -> list[Mailed]:
    """Return a profile's editions of one day, by subscription."""
    rows = connection.execute(
        select(
            editions.c.id,
            deliveries.c.id.label("delivery_id"),
            deliveries.c.message_id,
            deliveries.c.state,
            deliveries.c.composed_at,
            deliveries.c.content_hash,
        )
        .select_from(editions.outerjoin(deliveries, deliveries.c.edition_id == editions.c.id))
        .where(editions.c.profile_id == profile_id, editions.c.edition_on == day)
        .order_by(editions.c.subscription_id, editions.c.id)
    )
    return [
        Mailed(
            edition_id=row.id,
            delivery_id=row.delivery_id,
            message_id=row.message_id or "",
            state=DeliveryState(row.state) if row.state else None,
            composed_at=row.composed_at,
            imprint=row.content_hash or "",
        )
        for row in rows
    ]


def days_of(connection: Connection, profile_id: int, limit: int = 5) -> list[date]:
    """Return the last days on which a profile had an edition, newest first."""
    return list(
        connection.scalars(
            select(editions.c.edition_on)
            .where(editions.c.profile_id == profile_id)
            .distinct()
            .order_by(editions.c.edition_on.desc())
            .limit(limit)
        )
    )


def changed_papers(
    connection: Connection, paper_ids: Collection[int], since: datetime
) -> dict[str, list[str]]:
    """Return by key how papers have changed since an instant: retitled, withdrawn, ..."""
    rows = connection.execute(
        select(papers.c.key, events.c.kind)
        .join(events, events.c.paper_id == papers.c.id)
        .where(
            among(connection, papers.c.id, paper_ids),
            events.c.at > since,
            events.c.kind.in_(CHANGES),
        )
        .order_by(papers.c.key, events.c.at)
    )
    found: dict[str, list[str]] = {}
    for key, kind in rows:
        found.setdefault(key, []).append(kind)
    return found


def profile_changed_at(connection: Connection, profile_id: int) -> datetime | None:
    """Return when a profile was last changed."""
    found: datetime | None = connection.scalar(
        select(profiles.c.changed_at).where(profiles.c.id == profile_id)
    )
    return found
