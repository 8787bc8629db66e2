"""Load what the diff stage needs to know of a batch: a handful of queries, whatever its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from digest.model import AnnounceType, PaperKey
from digest.papers.content import authors_of
from digest.papers.diff import Memory, Row
from digest.papers.facts import Facts, Name
from digest.papers.identity import Known
from digest.store._bulk import among, pairs
from digest.store.tables import paper_ids, paper_links, papers, records, sightings, tombstones


def recall(connection: Connection, batch: Sequence[Facts]) -> Memory:
    """Return what is stored of these records, of the papers that own their ids or titles."""
    rows = _rows(connection, {facts.name for facts in batch})
    differing = [facts for facts in batch if not _is_same(rows.get(facts.name), facts)]
    doubles = {facts.full_name for facts in differing if facts.name in rows}
    if doubles:
        rows |= _rows(connection, doubles)
        differing = [facts for facts in differing if not _is_same(rows.get(facts.full_name), facts)]
    keys = {key for facts in differing for key in facts.all_ids}
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
    by_scheme: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        scheme, _, value = key.partition(":")
        by_scheme[scheme].append(value)
    found = {}
    for scheme, values in by_scheme.items():
        query = select(paper_ids.c.value, paper_ids.c.paper_id).where(
            paper_ids.c.scheme == scheme, among(connection, paper_ids.c.value, values)
        )
        for value, paper_id in connection.execute(query).all():  # one by one costs more
            found[f"{scheme}:{value}"] = paper_id
    return found


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


def _rows(connection: Connection, names: Collection[Name]) -> dict[Name, Row]:
    wanted = pairs(connection, names)
    query = select(
        records.c.source,
        records.c.native_id,
        records.c.paper_id,
        records.c.content_hash,
        records.c.fingerprint,
        records.c.changes,
        records.c.first_seen_at,
        records.c.last_seen_at,
    ).where(records.c.source == wanted.c.one, records.c.native_id == wanted.c.two)
    return {
        (row.source, row.native_id): Row(
            paper_id=row.paper_id,
            content_hash=row.content_hash,
            fingerprint=row.fingerprint,
            changes=row.changes,
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
        )
        for row in connection.execute(query).all()
    }


def _is_same(row: Row | None, facts: Facts) -> bool:
    return row is not None and row.content_hash == facts.content_hash


def _titled(connection: Connection, hashes: Collection[int]) -> list[tuple[int, int]]:
    if not hashes:
        return []
    query = select(papers.c.id, papers.c.title_hash).where(
        and_(papers.c.title_hash.is_not(None), papers.c.merged_into.is_(None)),
        among(connection, papers.c.title_hash, hashes),
    )
    return [(row.id, row.title_hash) for row in connection.execute(query).all()]


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
        known = seen.get((row.paper_id, facts.source), {})
        on = facts.record.announced_on
        repeated = (on is None and known) or known.get(on) == facts.record.announce_type
        if facts.record.signals or not repeated:
            touched.add(row.paper_id)
    return touched


def _buried(connection: Connection, keys: Collection[PaperKey]) -> frozenset[PaperKey]:
    by_scheme: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        scheme, _, value = key.partition(":")
        by_scheme[scheme].append(value)
    return frozenset(
        f"{scheme}:{value}"
        for scheme, values in by_scheme.items()
        for value in connection.scalars(
            select(tombstones.c.value).where(
                tombstones.c.scheme == scheme, among(connection, tombstones.c.value, values)
            )
        )
    )
