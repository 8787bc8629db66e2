"""A paper's row in the store, made of its records: read them, compose, bind.

How several records become one paper is decided in ``papers.merge``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

from sqlalchemy import Connection, select

from digest.model import PaperKey
from digest.papers.content import author_documents, encode, from_document, link_documents
from digest.papers.identity import best_key, title_hash, traits_of
from digest.papers.merge import Composed, Said, compose
from digest.papers.verdict import Before
from digest.store._bulk import Row, among, day, stamp, update_many
from digest.store.tables import paper_ids, papers, records, sources, versions

PAPER_COLUMNS = (
    "key",
    "title",
    "title_hash",
    "abstract",
    "summary",
    "authors",
    "categories",
    "keywords",
    "url",
    "links",
    "comment",
    "venue",
    "published_at",
    "announced_on",
    "first_seen_at",
    "new_at",
    "version",
    "fingerprint",
    "revisions",
    "withdrawn",
    "provenance",
    "id",
)
"""As `paper_row` gives them."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What of a paper does not come from its records' text."""

    first_seen_at: datetime
    new_at: datetime | None = None
    announced_on: date | None = None
    revisions: int = 0


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A paper as it is stored, with its records by (source, native id)."""

    before: Before
    standing: Standing
    said: dict[tuple[str, str], Said] = field(default_factory=dict)
    versions: set[tuple[str, int]] = field(default_factory=set)


def paper_row(
    paper_id: int,
    ids: Mapping[PaperKey, str],
    composed: Composed,
    title_number: int | None,
    standing: Standing,
) -> Row:
    """Return a bound row of `PAPER_COLUMNS`."""
    return (
        best_key(ids),
        composed.title,
        title_number,
        composed.abstract,
        composed.summary,
        encode(author_documents(composed.authors)) if composed.authors else "[]",
        encode(composed.categories) if composed.categories else "[]",
        encode(composed.keywords) if composed.keywords else "[]",
        composed.url,
        encode(link_documents(composed.links)) if composed.links else "[]",
        composed.comment,
        composed.venue,
        stamp(composed.published_at),
        day(standing.announced_on),
        stamp(standing.first_seen_at),
        stamp(standing.new_at),
        composed.version,
        composed.fingerprint,
        standing.revisions,
        str(int(composed.withdrawn)),
        _provenance(tuple(composed.provenance.items())),
        paper_id,
    )


@lru_cache(maxsize=4096)
def _provenance(items: tuple[tuple[str, str], ...]) -> str:
    """Return the document; most papers of a source have the very same one."""
    return encode(dict(items))


def recompose(connection: Connection, ids: Collection[int]) -> None:
    """Make papers anew of the records they have now (after a merge or a split)."""
    stored = load_stored(connection, ids, kinds_of(connection))
    claims: dict[int, dict[PaperKey, str]] = {paper_id: {} for paper_id in stored}
    for row in connection.execute(
        select(paper_ids).where(among(connection, paper_ids.c.paper_id, ids))
    ):
        claims[row.paper_id][f"{row.scheme}:{row.value}"] = row.asserted_by
    rows = []
    for paper_id, paper in stored.items():
        if not paper.said or not claims[paper_id]:
            continue
        composed = compose(paper.said.values())
        source = next(
            one.record for one in paper.said.values() if one.record.title == composed.title
        )
        number = title_hash(traits_of(source))
        rows.append(paper_row(paper_id, claims[paper_id], composed, number, paper.standing))
    update_many(connection, papers, PAPER_COLUMNS, rows, key=1)


def kinds_of(connection: Connection) -> dict[str, str]:
    """Return the kind of every source that was ever polled."""
    return {
        row.name: row.kind for row in connection.execute(select(sources.c.name, sources.c.kind))
    }


def load_stored(
    connection: Connection, ids: Collection[int], kinds: Mapping[str, str]
) -> dict[int, Stored]:
    """Return papers with all their records."""
    if not ids:
        return {}
    columns = papers.c
    query = select(
        columns.id,
        columns.version,
        columns.withdrawn,
        columns.fingerprint,
        columns.first_seen_at,
        columns.new_at,
        columns.announced_on,
        columns.revisions,
    ).where(among(connection, columns.id, ids))
    found = {
        row.id: Stored(
            before=Before(
                version=row.version, withdrawn=row.withdrawn, fingerprint=row.fingerprint
            ),
            standing=Standing(
                first_seen_at=row.first_seen_at,
                new_at=row.new_at,
                announced_on=row.announced_on,
                revisions=row.revisions,
            ),
        )
        for row in connection.execute(query)
    }
    contents = select(
        records.c.paper_id, records.c.source, records.c.native_id, records.c.content
    ).where(among(connection, records.c.paper_id, ids))
    for paper_id, source, name, content in connection.execute(contents):
        found[paper_id].said[source, name] = Said(
            record=from_document(source, content), kind=kinds.get(source, "")
        )
    numbers = select(versions.c.paper_id, versions.c.scheme, versions.c.number).where(
        among(connection, versions.c.paper_id, ids)
    )
    for paper_id, scheme, number in connection.execute(numbers):
        found[paper_id].versions.add((scheme, number))
    return found
