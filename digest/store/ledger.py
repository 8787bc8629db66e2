"""The ledger of what was shown to whom: the once-only promise.

A row has the papers of one edition. Who was shown a paper that was merged was shown the paper
that took it in: that is looked up when asked, so that a merge writes nothing here. Whoever makes
editions holds their subscribers (``due.block``, ``due.hold``; SQLite's one write lock)
from asking here until entering: two planners never show one paper each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    String,
    cast,
    exists,
    func,
    insert,
    literal,
    select,
)

from digest.store._bulk import among, insert_many
from digest.store.tables import papers, shown, subscribers


def enter(connection: Connection, rows: Iterable[tuple[int, int, Sequence[int]]]) -> None:
    """Enter (subscriber, edition, its papers)."""
    insert_many(
        connection,
        shown,
        ("subscriber_id", "highest_id", "edition_id", "paper_ids"),
        [
            (subscriber, max(picked), edition, f",{','.join(map(str, picked))},")
            for subscriber, edition, picked in rows
            if picked
        ],
    )


def shown_to(
    connection: Connection, subscriber_ids: Collection[int], paper_ids: Collection[int]
) -> dict[int, frozenset[int]]:
    """Return which of these papers each subscriber was shown; absent where none."""
    wanted = set(paper_ids)
    if not wanted or not subscriber_ids:
        return {}
    kept = merged(connection, wanted)
    named = wanted | kept.keys()
    query = select(shown.c.subscriber_id, shown.c.paper_ids).where(
        among(connection, shown.c.subscriber_id, list(subscriber_ids)),
        shown.c.highest_id >= min(named),
    )
    # One paper has several names where one that is asked for was merged meanwhile.
    names: dict[int, set[int]] = {}
    for row_id in wanted:
        names.setdefault(kept.get(row_id, row_id), set()).add(row_id)
    seen: dict[int, set[int]] = {}
    for subscriber, ids in connection.execute(query):
        for row_id in named.intersection(read_ids(ids)):
            seen.setdefault(subscriber, set()).update(names[kept.get(row_id, row_id)])
    return {subscriber: frozenset(ids) for subscriber, ids in seen.items()}


def edition_showing(connection: Connection, subscriber_id: int, paper_id: int) -> int | None:
    """Return the row id of the edition that showed a paper to a subscriber, or None."""
    named = {paper_id, *merged(connection, {paper_id})}
    query = select(shown.c.edition_id, shown.c.paper_ids).where(
        shown.c.subscriber_id == subscriber_id, shown.c.highest_id >= min(named)
    )
    for edition_id, ids in connection.execute(query):
        if not named.isdisjoint(read_ids(ids)):
            return int(edition_id)
    return None


def read_ids(paper_ids: str) -> list[int]:
    """Return the papers of a row, as it holds them."""
    found: list[int] = orjson.loads(f"[{paper_ids[1:-1]}]")
    return found


def showed(paper_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a row of the ledger has a paper, or one that it took in."""
    part = papers.alias()
    return _holds(paper_id) | exists().where(part.c.merged_into == paper_id, _holds(part.c.id))


def share(connection: Connection, among_ids: Collection[int], targets: Collection[int]) -> None:
    """Count each target as shown to whom any of these papers was shown, as they are parted."""
    for target in targets:
        for source in set(among_ids) - {target}:
            rows = (
                select(
                    subscribers.c.id,
                    literal(target),
                    func.max(shown.c.edition_id),
                    literal(f",{target},"),
                )
                # By subscriber: the ledger's key begins with them.
                .join(shown, shown.c.subscriber_id == subscribers.c.id)
                .where(_holds(literal(source, Integer)))
                .group_by(subscribers.c.id)
            )
            columns = ["subscriber_id", "highest_id", "edition_id", "paper_ids"]
            known = shown.alias("known")
            is_known = (
                select(known.c.edition_id)
                .where(
                    known.c.subscriber_id == subscribers.c.id,
                    known.c.highest_id >= target,
                    known.c.paper_ids.like(f"%,{target},%"),
                )
                .exists()
            )
            connection.execute(insert(shown).from_select(columns, rows.where(~is_known)))


def merged(connection: Connection, wanted: Collection[int]) -> dict[int, int]:
    """Return all that these papers took in, or went into with others: which one has each now."""
    columns = papers.c
    ids = list(wanted)
    gone = select(columns.merged_into).where(
        among(connection, columns.id, ids), columns.merged_into.is_not(None)
    )
    heads = {*wanted, *connection.scalars(gone)}
    query = select(columns.id, columns.merged_into).where(
        among(connection, columns.merged_into, heads)
    )
    found = {row[0]: row[1] for row in connection.execute(query)}
    return found | {head: head for head in found.values()}


def _holds(paper_id: ColumnElement[int]) -> ColumnElement[bool]:
    mark = literal("%,") + cast(paper_id, String) + literal(",%")
    return (shown.c.highest_id >= paper_id) & shown.c.paper_ids.like(mark)
