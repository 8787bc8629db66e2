"""Remove old papers for good, leaving a tombstone for each id: they are never new again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Select, delete, func, insert, literal, or_, select

from digest.store._bulk import among
from digest.store.tables import lookups, paper_ids, papers, records, tombstones
from digest.store.types import UTCDateTime

BATCH = 1000


def prune(connection: Connection, *, before: datetime, now: datetime) -> int:
    """Remove papers first seen, and last seen in any source, before an instant; return how many.

    Papers that a profile likes or dislikes are kept: they teach.
    Papers that were merged go with the paper that took them in. What was shown to whom stays.
    """
    count = 0
    while ids := _due(connection, before):
        _bury(connection, ids, now)
        connection.execute(
            delete(papers).where(
                or_(
                    among(connection, papers.c.merged_into, ids),
                    among(connection, papers.c.id, ids),
                )
            )
        )
        count += len(ids)
    return count


def count_due(connection: Connection, before: datetime) -> int:
    """Count the papers that `prune` would remove."""
    return connection.scalar(_query(before).with_only_columns(func.count())) or 0


def _due(connection: Connection, before: datetime) -> list[int]:
    return list(connection.scalars(_query(before).order_by(papers.c.id).limit(BATCH)))


def _query(before: datetime) -> Select[tuple[int]]:
    still_listed = (
        select(records.c.paper_id)
        .where(records.c.paper_id == papers.c.id, records.c.last_seen_at >= before)
        .exists()
    )
    is_rated = select(lookups.c.key).where(lookups.c.paper_id == papers.c.id).exists()
    return select(papers.c.id).where(
        papers.c.first_seen_at < before, papers.c.merged_into.is_(None), ~still_listed, ~is_rated
    )


def _bury(connection: Connection, ids: list[int], now: datetime) -> None:
    known = (
        select(tombstones.c.scheme)
        .where(tombstones.c.scheme == paper_ids.c.scheme, tombstones.c.value == paper_ids.c.value)
        .exists()
    )
    rows = select(paper_ids.c.scheme, paper_ids.c.value, literal(now, UTCDateTime)).where(
        among(connection, paper_ids.c.paper_id, ids), ~known
    )
    connection.execute(insert(tombstones).from_select(["scheme", "value", "pruned_at"], rows))
