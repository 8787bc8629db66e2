"""Make two stored papers one, and two again: what moves, what is copied, what is logged.

Which papers are the same is decided elsewhere (``papers.identity``, or the owner).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    RowMapping,
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
from digest.store._following import followers
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

_STANDING = ("first_seen_at", "new_at", "announced_on")
"""Of which the kept paper takes the earlier."""


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
    links = _move_links(connection, absorbed, kept)
    theirs, ours = _standing(connection, absorbed), _standing(connection, kept)
    connection.execute(
        update(papers)
        .where(papers.c.id == kept)
        .values({name: _earlier(theirs[name], ours[name]) for name in _STANDING})
    )
    connection.execute(
        update(papers)
        .where((papers.c.id == absorbed) | (papers.c.merged_into == absorbed))
        .values(merged_into=kept)
    )
    before = {name: at and at.isoformat() for name, at in ours.items()}
    inserted = connection.execute(
        insert(merges)
        .values(
            kept_id=kept,
            absorbed_id=absorbed,
            reason=reason,
            evidence={**evidence, "moved": moved, "before": before, "links": links},
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
    late = followers(connection, stays=kept, leaves=absorbed, since=row.at)
    for table, rows in late.items():
        _move_back(connection, table, _MOVED[table], rows, source=kept, target=absorbed)
    _restore_links(connection, row.evidence.get("links", ()), kept=kept, absorbed=absorbed)
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
        update(papers).where(papers.c.id == kept).values(_standing_before(connection, row))
    )
    link(connection, kept, absorbed, "different", now=now)
    connection.execute(update(merges).where(merges.c.id == merge_id).values(undone_at=now))
    return kept, absorbed


def link(connection: Connection, one: int, other: int, kind: str, *, now: datetime) -> bool:
    """Link two papers and tell whether they were not; ``preprint-of`` begins at the preprint."""
    if one == other:
        return False
    if kind != "preprint-of":
        one, other = sorted((one, other))
    make = sqlite_insert if is_sqlite(connection) else postgresql_insert
    done = connection.execute(
        make(paper_links)
        .values(paper_id=one, other_id=other, kind=kind, at=now)
        .on_conflict_do_nothing()
        .returning(paper_links.c.kind)
    )
    return done.one_or_none() is not None


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
    moved: Sequence[Sequence[Any]],
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


def _standing_before(connection: Connection, merge: Any) -> dict[str, Any]:
    """Return what the kept paper had before a merge, but for what has moved on since."""
    theirs, now = _standing(connection, merge.absorbed_id), _standing(connection, merge.kept_id)
    found = dict(now)
    for name, value in merge.evidence["before"].items():
        before = _typed(papers.c[name], value) if value else None
        if now[name] == _earlier(theirs[name], before):
            found[name] = before
    return found


def _earlier(one: Any, other: Any) -> Any:
    return min(filter(None, (one, other)), default=None)


def _standing(connection: Connection, paper_id: int) -> RowMapping:
    query = select(*(papers.c[name] for name in _STANDING)).where(papers.c.id == paper_id)
    return connection.execute(query).mappings().one()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _typed(column: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if isinstance(column.type, UTCDateTime):
        return datetime.fromisoformat(value)
    kind = column.type.python_type
    return kind.fromisoformat(value) if hasattr(kind, "fromisoformat") else value


def _move_links(connection: Connection, source: int, target: int) -> list[dict[str, Any]]:
    """Point links at the target; return them as they were, and whether the target got them new.

    One between the two says nothing any more.
    """
    touching = (paper_links.c.paper_id == source) | (paper_links.c.other_id == source)
    links = connection.execute(select(paper_links).where(touching)).mappings().all()
    connection.execute(delete(paper_links).where(touching))
    moved = []
    for row in links:
        one, other = (
            target if ref == source else ref for ref in (row["paper_id"], row["other_id"])
        )
        is_new = link(connection, one, other, row["kind"], now=row["at"])
        moved.append({**row, "at": _plain(row["at"]), "is_new": is_new})
    return moved


def _restore_links(
    connection: Connection, moved: Sequence[Mapping[str, Any]], *, kept: int, absorbed: int
) -> None:
    """Give a paper back the links that it had; take from the other those it got by the merge."""
    for row in moved:
        one, other, kind = row["paper_id"], row["other_id"], row["kind"]
        if kept in (one, other) and kind == "maybe-same":
            continue  # the owner has just said what they are
        there = connection.scalars(select(papers.c.id).where(papers.c.id.in_((one, other))))
        if len(there.all()) < 2:
            continue  # pruned since
        if row["is_new"]:
            ends = [kept if ref == absorbed else ref for ref in (one, other)]
            first, second = ends if kind == "preprint-of" else sorted(ends)
            connection.execute(
                delete(paper_links).where(
                    paper_links.c.paper_id == first,
                    paper_links.c.other_id == second,
                    paper_links.c.kind == kind,
                )
            )
        link(connection, one, other, kind, now=datetime.fromisoformat(row["at"]))
