"""A paper's row in the store, made of its records: read them, compose, bind.

How several records become one paper is decided in ``papers.merge``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property, lru_cache
from typing import NamedTuple

from sqlalchemy import Connection, select

from digest.model import PaperKey, Record
from digest.papers.content import author_documents, encode, from_document, link_documents
from digest.papers.identity import best_key, title_hash
from digest.papers.merge import Composed, Said, compose
from digest.papers.verdict import Before
from digest.store._bulk import Row, among, day, stamp, update_many
from digest.store.tables import paper_ids, papers, records, sources, versions
from digest.text.keys import title_key

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

    @cached_property
    def days(self) -> tuple[str | None, str | None, str | None]:
        """Return the bound values of announced_on, first_seen_at, new_at."""
        return day(self.announced_on), stamp(self.first_seen_at), stamp(self.new_at)


class Worked(NamedTuple):
    """What is worked out of a paper's text."""

    title_hash: int | None
    fingerprint: str
    is_withdrawn: bool
    provenance: Mapping[str, str]


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
    worked = Worked(title_number, composed.fingerprint, composed.withdrawn, composed.provenance)
    return bind_paper(paper_id, best_key(ids), composed, worked, standing)


def bind_paper(
    paper_id: int,
    key: PaperKey,
    fields: Composed | Record,
    worked: Worked,
    standing: Standing,
) -> Row:
    """Return a bound row of `PAPER_COLUMNS`, of a paper's records or of the only one it has."""
    return (
        key,
        fields.title,
        worked.title_hash,
        fields.abstract,
        fields.summary,
        encode(author_documents(fields.authors)) if fields.authors else "[]",
        encode(fields.categories) if fields.categories else "[]",
        encode(fields.keywords) if fields.keywords else "[]",
        fields.url,
        encode(link_documents(fields.links)) if fields.links else "[]",
        fields.comment,
        fields.venue,
        stamp(fields.published_at),
        *standing.days,
        fields.version,
        worked.fingerprint,
        standing.revisions,
        "1" if worked.is_withdrawn else "0",
        _provenance(tuple(worked.provenance.items())),
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
        number = title_hash(title_key(source.title))
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
