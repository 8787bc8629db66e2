"""Load what the diff stage needs to know of a batch: a handful of queries, whatever its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import Connection, or_, select

from digest.model import AnnounceType, PaperKey
from digest.papers.content import authors_of
from digest.papers.diff import Memory, Row
from digest.papers.facts import Facts, Name
from digest.papers.identity import Known
from digest.store._bulk import among, ask, unstamp
from digest.store.database import is_sqlite
from digest.store.tables import paper_ids, paper_links, papers, sightings


def recall(connection: Connection, batch: Sequence[Facts]) -> Memory:
    """Return what is stored of these records, of the papers that own their ids or titles."""
    rows = _rows(connection, {facts.name for facts in batch})
    differing = [facts for facts in batch if not _is_same(rows.get(facts.name), facts)]
    doubles = {facts.full_name for facts in differing if facts.name in rows}
    if doubles:
        rows |= _rows(connection, doubles)
        differing = [facts for facts in differing if not _is_same(rows.get(facts.full_name), facts)]
    keys = set(chain.from_iterable([facts.all_ids for facts in differing]))
    owned = owners(connection, keys)
    unowned = keys - owned.keys()
    titled = _titled(connection, {f.title_hash for f in differing if f.title_hash is not None})
    holders = {row.paper_id for row in rows.values()}
    met = {*holders, *owned.values(), *(ref for ref, _ in titled)}
    seen = _sightings(connection, {facts.source for facts in batch}, met)
    again = _to_touch(batch, rows, seen)
    wanted = {*owned.values(), *(ref for ref, _ in titled), *again}
    known = load_known(connection, wanted)
    memory = Memory(
        rows=rows,
        papers=known,
        owners={key: known[ref] for key, ref in owned.items()},
        buried=_buried(connection, unowned),
        sightings=seen,
    )
    for ref, number in titled:
        memory.titles.setdefault(number, []).append(known[ref])
    return memory


def owners(connection: Connection, keys: Iterable[PaperKey]) -> dict[PaperKey, int]:
    """Return the papers that own these ids."""
    query = "SELECT value, paper_id FROM paper_ids WHERE scheme = ? AND value IN ?"
    return {
        f"{scheme}:{value}": paper_id
        for scheme, values in _by_scheme(keys).items()
        for value, paper_id in ask(connection, query, scheme, values)
    }


def _by_scheme(keys: Iterable[PaperKey]) -> Mapping[str, list[str]]:
    by_scheme: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        scheme, _, value = key.partition(":")
        by_scheme[scheme].append(value)
    return by_scheme


def load_known(connection: Connection, ids: Collection[int]) -> dict[int, Known]:
    """Return papers as identity sees them."""
    if not ids:
        return {}
    columns = papers.c
    query = select(
        columns.id,
        columns.title,
        columns.authors,
        columns.published_at,
        columns.announced_on,
        columns.first_seen_at,
        columns.new_at,
    ).where(among(connection, columns.id, ids))
    known = {}
    for row in connection.execute(query).all():
        authors = authors_of(row.authors[:1])
        at = row.published_at or row.announced_on
        known[row.id] = Known(
            ref=row.id,
            title=row.title,
            first_author=authors[0].name if authors else "",
            year=at.year if at else None,
            first_seen_at=row.first_seen_at,
            new_at=row.new_at,
        )
    claims = select(
        paper_ids.c.paper_id, paper_ids.c.scheme, paper_ids.c.value, paper_ids.c.asserted_by
    ).where(among(connection, paper_ids.c.paper_id, ids))
    for paper_id, scheme, value, asserted_by in connection.execute(claims).all():
        known[paper_id].ids[f"{scheme}:{value}"] = asserted_by
    _link(connection, known)
    return known


def _link(connection: Connection, known: dict[int, Known]) -> None:
    """Note who is said to be different, and whose other form was news."""
    links = paper_links.c
    query = select(links.paper_id, links.other_id, links.kind).where(
        links.kind.in_(("different", "preprint-of")),
        or_(
            among(connection, links.paper_id, known),
            among(connection, links.other_id, known),
        ),
    )
    partners: dict[int, set[int]] = defaultdict(set)
    for one, other, kind in connection.execute(query).all():
        for mine, theirs in ((one, other), (other, one)):
            if mine not in known:
                continue
            if kind == "different":
                known[mine].different |= {theirs}
            else:
                known[mine].forms |= {theirs}
                partners[theirs].add(mine)
    if not partners:
        return
    news = select(papers.c.id).where(
        among(connection, papers.c.id, partners), papers.c.new_at.is_not(None)
    )
    for partner in connection.scalars(news):
        for mine in partners[partner]:
            known[mine].is_quiet = True


_GIVEN = {
    "sqlite": "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)",
    "postgresql": "SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS text[]))",
}
"""Pairs of names as a table."""


def _rows(connection: Connection, names: Collection[Name]) -> dict[Name, Row]:
    # CROSS JOIN, for SQLite then keeps to the order: few names first.
    query = (
        f"WITH given (source, native_id) AS ({_GIVEN[connection.dialect.name]}) "  # noqa: S608
        "SELECT r.source, r.native_id, r.paper_id, r.content_hash, r.fingerprint, r.changes, "
        "r.first_seen_at, r.last_seen_at FROM given CROSS JOIN records AS r "
        "WHERE r.source = given.source AND r.native_id = given.native_id"
    )
    sides = [[name[side] for name in names] for side in (0, 1)]
    given = [names] if is_sqlite(connection) else sides
    return {
        (source, native_id): Row(
            paper_id=paper_id,
            content_hash=content_hash,
            fingerprint=fingerprint,
            changes=changes,
            first_seen_at=unstamp(first_seen_at),
            last_seen_at=unstamp(last_seen_at),
        )
        for (
            source, native_id, paper_id, content_hash, fingerprint, changes,
            first_seen_at, last_seen_at,
        ) in ask(connection, query, *given)
    }  # fmt: skip


def _is_same(row: Row | None, facts: Facts) -> bool:
    return row is not None and row.content_hash == facts.content_hash


def _titled(connection: Connection, hashes: Collection[int]) -> list[tuple[int, int]]:
    if not hashes:
        return []
    query = (
        "SELECT id, title_hash FROM papers"
        " WHERE title_hash IS NOT NULL AND title_hash IN ? AND merged_into IS NULL"
    )
    return [(paper_id, number) for paper_id, number in ask(connection, query, hashes)]


def _sightings(
    connection: Connection, names: Collection[str], ids: Collection[int]
) -> dict[tuple[int, str], dict[date, AnnounceType]]:
    found: dict[tuple[int, str], dict[date, AnnounceType]] = defaultdict(dict)
    if not ids:
        return found
    columns = sightings.c
    query = select(
        columns.paper_id, columns.source, columns.announced_on, columns.announce_type
    ).where(among(connection, columns.paper_id, ids))
    if len(names) == 1:
        query = query.where(columns.source == next(iter(names)))
    for paper_id, source, announced_on, announce_type in connection.execute(query).all():
        if source in names:
            found[paper_id, source][announced_on] = AnnounceType(announce_type)
    return found


def _to_touch(
    batch: Sequence[Facts], rows: dict[Name, Row], seen: dict[tuple[int, str], Any]
) -> set[int]:
    """Return papers of repeated records that may have a new sighting, or carry signals."""
    touched = set()
    for facts in batch:
        row = rows.get(facts.name)
        if row is None:
            continue
        if not _is_same(row, facts):  # another paper's, where guids are bad
            row = rows.get(facts.full_name, row)
        known = seen.get((row.paper_id, facts.source), {})
        on = facts.record.announced_on
        repeated = (on is None and known) or known.get(on) == facts.record.announce_type
        if facts.record.signals or not repeated:
            touched.add(row.paper_id)
    return touched


def _buried(connection: Connection, keys: Iterable[PaperKey]) -> frozenset[PaperKey]:
    query = "SELECT value FROM tombstones WHERE scheme = ? AND value IN ?"
    return frozenset(
        f"{scheme}:{value}"
        for scheme, values in _by_scheme(keys).items()
        for (value,) in ask(connection, query, scheme, values)
    )
