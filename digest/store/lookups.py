"""Liked and disliked papers by key: which of them the store has, and when to ask for the others.

Saving a profile queues its papers. Who is asked, and what a failure means, is decided in
``pipeline.lookups``; here are only rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select, update

from digest.model import PaperKey
from digest.store._bulk import among
from digest.store._memory import owners
from digest.store.tables import lookups, tombstones
from digest.store.upserts import insert_ignore


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A key that the store has no paper for."""

    key: PaperKey
    problem: str = ""
    """Why it was not found; empty where nobody was asked yet."""
    next_at: datetime | None = None
    """When it may be asked for again; None where it is not queued."""


def queue(connection: Connection, keys: Iterable[PaperKey], *, now: datetime) -> None:
    """Queue papers to be looked up; those queued before keep their state."""
    insert_ignore(connection, lookups, [{"key": key, "next_at": now} for key in sorted(keys)])


def count_due(connection: Connection, now: datetime) -> int:
    """Return how many papers may be asked for now."""
    return connection.scalar(select(func.count()).where(*_is_due(now))) or 0


def claim(
    connection: Connection, *, now: datetime, until: datetime, limit: int
) -> dict[PaperKey, int]:
    """Claim the keys that are due and that the store does not have; return attempts by key.

    Nobody else asks for them before ``until``. Keys that the store does have are noted as found.
    """
    query = select(lookups.c.key, lookups.c.attempts).where(*_is_due(now))
    due = {row.key: row.attempts for row in connection.execute(query.order_by(lookups.c.next_at))}
    known = match(connection, due)
    claimed = dict([one for one in due.items() if one[0] not in known][:limit])
    if claimed:
        connection.execute(
            update(lookups)
            .where(among(connection, lookups.c.key, list(claimed)))
            .values(next_at=until, attempts=lookups.c.attempts + 1)
        )
    return claimed


def match(connection: Connection, keys: Collection[PaperKey]) -> set[PaperKey]:
    """Note which of these keys the store has by now, and return those."""
    found = owners(connection, keys)
    if found:
        connection.execute(
            update(lookups)
            .where(lookups.c.key == bindparam("wanted"))
            .values(paper_id=bindparam("paper"), problem=""),
            [{"wanted": key, "paper": paper_id} for key, paper_id in found.items()],
        )
    return set(found)


def fail(connection: Connection, failures: Mapping[PaperKey, tuple[str, datetime]]) -> None:
    """Note why keys were not found and when they may be asked for again."""
    if failures:
        connection.execute(
            update(lookups)
            .where(lookups.c.key == bindparam("wanted"))
            .values(problem=bindparam("why"), next_at=bindparam("again")),
            [{"wanted": key, "why": why, "again": at} for key, (why, at) in failures.items()],
        )


def unbury(connection: Connection, keys: Collection[PaperKey]) -> None:
    """Forget that these papers were pruned, so that they can be stored again."""
    by_scheme: dict[str, list[str]] = {}
    for key in keys:
        scheme, _, value = key.partition(":")
        by_scheme.setdefault(scheme, []).append(value)
    for scheme, values in by_scheme.items():
        connection.execute(
            delete(tombstones).where(
                tombstones.c.scheme == scheme, among(connection, tombstones.c.value, values)
            )
        )


def missing(connection: Connection, keys: Collection[PaperKey]) -> tuple[Missing, ...]:
    """Return those of these keys that the store has no paper for, in order."""
    left = sorted(set(keys) - set(owners(connection, keys)))
    query = select(lookups).where(among(connection, lookups.c.key, left))
    known = {row.key: row for row in connection.execute(query)} if left else {}
    return tuple(
        Missing(key=key, problem=known[key].problem, next_at=known[key].next_at)
        if key in known
        else Missing(key=key)
        for key in left
    )


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return lookups.c.paper_id.is_(None), lookups.c.next_at <= now
