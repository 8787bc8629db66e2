"""Make two stored papers one, and two again: what moves, what is copied, what is logged.

Which papers are the same is decided elsewhere (``papers.identity``, or the owner).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    delete,
    exists,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from digest.errors import UsageError
from digest.store import ledger
from digest.store.database import is_sqlite
from digest.store.tables import (
    feedback,
    merges,
    paper_ids,
    paper_links,
    papers,
    records,
    sightings,
    signals,
    versions,
)
from digest.store.types import UTCDateTime

_MOVED: Mapping[Table, tuple[str, ...]] = {
    paper_ids: ("scheme", "value"),
    records: ("source", "native_id"),
    sightings: ("source", "announced_on"),
    versions: ("scheme", "number"),
    signals: ("kind", "observed_at"),
    feedback: ("subscriber_id", "kind"),
}
"""Rows that go over to the kept paper, and what tells one paper's rows apart."""


def merge(
    connection: Connection,
    *,
    kept: int,
    absorbed: int,
    reason: str,
    evidence: Mapping[str, Any],
    now: datetime,
) -> int:
    """Let one paper take in another; return the merge's id, for `undo`.

    Everything moves but what the kept paper has already. Who was shown either was shown both: the
    ledger looks it up.
    The kept paper's own fields are composed anew by the caller.
    """
    moved = {
        table.name: _move(connection, table, key, source=absorbed, target=kept)
        for table, key in _MOVED.items()
    }
    _move_links(connection, absorbed, kept)
    row = connection.execute(
        select(papers.c.first_seen_at, papers.c.new_at, papers.c.announced_on).where(
            papers.c.id == absorbed
        )
    ).one()
    ours = connection.execute(
        select(papers.c.first_seen_at, papers.c.new_at, papers.c.announced_on).where(
            papers.c.id == kept
        )
    ).one()
    connection.execute(
        update(papers)
        .where(papers.c.id == kept)
        .values(
            first_seen_at=min(row.first_seen_at, ours.first_seen_at),
            new_at=min(filter(None, (row.new_at, ours.new_at)), default=None),
            announced_on=min(filter(None, (row.announced_on, ours.announced_on)), default=None),
        )
    )
    connection.execute(
        update(papers)
        .where((papers.c.id == absorbed) | (papers.c.merged_into == absorbed))
        .values(merged_into=kept)
    )
    before = {"new_at": ours.new_at and ours.new_at.isoformat()}
    inserted = connection.execute(
        insert(merges)
        .values(
            kept_id=kept,
            absorbed_id=absorbed,
            reason=reason,
            evidence={**evidence, "moved": moved, "before": before},
            at=now,
        )
        .returning(merges.c.id)
    )
    return int(inserted.scalar_one())


def undo(connection: Connection, merge_id: int, *, now: datetime) -> tuple[int, int]:
    """Take a merge apart; return the two papers, to be composed anew by the caller.

    They are marked as different, so that no record joins them again. Who was shown the merged
    paper was shown both. Raises UsageError where there is no such merge, or it was followed by
    another that has to be undone first.
    """
    row = connection.execute(select(merges).where(merges.c.id == merge_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no merge {merge_id}: `digest papers show` names a paper's")
    if row.undone_at is not None:
        raise UsageError(f"merge {merge_id} was taken apart already, on {row.undone_at:%Y-%m-%d}")
    _refuse_if_built_upon(connection, row)
    kept, absorbed = int(row.kept_id), int(row.absorbed_id)
    for table, key in _MOVED.items():
        moved = row.evidence["moved"].get(table.name, [])
        _move_back(connection, table, key, moved, source=kept, target=absorbed)
    before = row.evidence.get("before", {}).get("new_at")
    one = select(papers.c.id).where(papers.c.merged_into == kept)
    ledger.share(connection, [kept, *connection.scalars(one)], [kept, absorbed])
    connection.execute(update(papers).where(papers.c.id == absorbed).values(merged_into=None))
    earlier = select(merges.c.absorbed_id).where(
        merges.c.kept_id == absorbed, merges.c.undone_at.is_(None)
    )
    connection.execute(
        update(papers)
        .where(papers.c.merged_into == kept, papers.c.id.in_(earlier))
        .values(merged_into=absorbed)
    )
    connection.execute(
        update(papers)
        .where(papers.c.id == kept)
        .values(new_at=datetime.fromisoformat(before) if before else None)
    )
    link(connection, kept, absorbed, "different", now=now)
    connection.execute(update(merges).where(merges.c.id == merge_id).values(undone_at=now))
    return kept, absorbed


def link(connection: Connection, one: int, other: int, kind: str, *, now: datetime) -> None:
    """Link two papers; ``preprint-of`` goes from the preprint to the publication."""
    if one == other:
        return
    if kind != "preprint-of":
        one, other = sorted((one, other))
    make = sqlite_insert if is_sqlite(connection) else postgresql_insert
    connection.execute(
        make(paper_links)
        .values(paper_id=one, other_id=other, kind=kind, at=now)
        .on_conflict_do_nothing()
    )


def _refuse_if_built_upon(connection: Connection, row: Any) -> None:
    later = connection.scalar(
        select(merges.c.id).where(
            merges.c.id > row.id,
            merges.c.undone_at.is_(None),
            merges.c.absorbed_id == row.kept_id,
        )
    )
    if later is not None:
        raise UsageError(f"merge {row.id} was followed by merge {later}: split that one first")


def _move(
    connection: Connection, table: Table, key: tuple[str, ...], *, source: int, target: int
) -> list[list[Any]]:
    """Move the rows that the target has no like of; return their keys."""
    theirs = table.alias()
    like = exists().where(
        theirs.c.paper_id == target, *(theirs.c[name] == table.c[name] for name in key)
    )
    columns = [table.c[name] for name in key]
    condition = (table.c.paper_id == source) & ~like
    found = connection.execute(select(*columns).where(condition)).all()
    if found:
        connection.execute(update(table).where(condition).values(paper_id=target))
    return [[_plain(value) for value in row] for row in found]


def _move_back(
    connection: Connection,
    table: Table,
    key: tuple[str, ...],
    moved: list[list[Any]],
    *,
    source: int,
    target: int,
) -> None:
    columns = [table.c[name] for name in key]
    for start in range(0, len(moved), 500):
        rows = [
            tuple(_typed(column, value) for column, value in zip(columns, row, strict=True))
            for row in moved[start : start + 500]
        ]
        connection.execute(
            update(table)
            .where(table.c.paper_id == source, tuple_(*columns).in_(rows))
            .values(paper_id=target)
        )


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _typed(column: Any, value: Any) -> Any:
    if isinstance(column.type, UTCDateTime):
        return datetime.fromisoformat(value)
    kind = column.type.python_type
    return kind.fromisoformat(value) if hasattr(kind, "fromisoformat") else value


def _move_links(connection: Connection, source: int, target: int) -> None:
    """Point links at the target; one between the two says nothing any more."""
    links = connection.execute(
        select(paper_links).where(
            (paper_links.c.paper_id == source) | (paper_links.c.other_id == source)
        )
    ).all()
    connection.execute(
        delete(paper_links).where(
            (paper_links.c.paper_id == source) | (paper_links.c.other_id == source)
        )
    )
    for row in links:
        one, other = (target if ref == source else ref for ref in (row.paper_id, row.other_id))
        link(connection, one, other, row.kind, now=row.at)
