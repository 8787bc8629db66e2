"""Search everything stored by words: FTS5 on SQLite, full-text search on PostgreSQL.

Triggers (migration 0002) keep the index. Nearness in meaning is not here: it works on vectors.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    cast,
    column,
    exists,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import JSONB, TSQUERY

from digest.store.database import is_sqlite
from digest.store.tables import papers, sightings

MATCH_LIMIT = 2000
"""Of more matches than this, the newest are put in order of relevance: ranking them all would
cost a common word a hundred times what a rare one costs."""

_WORDS_LIMIT = 16
_QUOTED = re.compile(r'(-?)"([^"]+)"|(-?)(\S+)')
_WORD = re.compile(r"\w", re.UNICODE)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a visitor typed: words and phrases wanted, and unwanted ones (``-word``)."""

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which papers count; empty means all."""

    source: str = ""
    category: str = ""
    first_on: date | None = None
    last_on: date | None = None

    def query(self, words: str) -> dict[str, object]:
        """Return the parameters by which an address asks for these words so filtered."""
        return {"q": words, "source": self.source, "category": self.category,
                "from": self.first_on or "", "to": self.last_on or ""}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Hits:
    """Row ids, best first, from the asked offset on; ``total`` is at most MATCH_LIMIT."""

    ids: tuple[int, ...]
    total: int
    is_loose: bool = False
    """No paper has all the words: these have some of them."""


def parse_query(text: str) -> Query:
    """Read what was typed; every text is a query, at worst an empty one."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for match in _QUOTED.finditer(text.replace("\0", " ")):
        minus, words = match[1] or match[3] or "", match[2] or match[4]
        if _WORD.search(words) and len(wanted) + len(unwanted) < _WORDS_LIMIT:
            (unwanted if minus else wanted).append(words.replace('"', " ").strip())
    return Query(wanted=tuple(wanted), unwanted=tuple(unwanted))


def search(
    connection: Connection,
    query: Query,
    *,
    filters: Filters | None = None,
    limit: int = 20,
    offset: int = 0,
) -> Hits:
    """Return papers that have every word, else those that have any, most relevant first."""
    if not query.wanted:
        return Hits(ids=(), total=0)
    for is_loose in (False, True):
        matches = _matches(connection, query, filters or Filters(), is_loose=is_loose)
        ranked = connection.execute(
            select(matches.c.id, func.count().over().label("total"))
            .order_by(matches.c.score, matches.c.id.desc())
            .limit(limit)
            .offset(offset)
        ).all()
        if ranked:
            ids = tuple(row.id for row in ranked)
            return Hits(ids=ids, total=ranked[0].total, is_loose=is_loose)
        if len(query.wanted) == 1 or offset:
            break
    return Hits(ids=(), total=0)


def with_any(
    connection: Connection, words: Sequence[str], *, first_id: int, last_id: int, limit: int
) -> list[int]:
    """Return the newest papers between two row ids that have any of these words or phrases."""
    wanted = parse_query(" ".join(f'"{one}"' for one in words)).wanted
    if not wanted:
        return []
    query = Query(wanted=wanted)
    if is_sqlite(connection):
        found = table("paper_search", column("rowid"))
        row_id = found.c.rowid
        matches = literal_column("paper_search").op("MATCH")(_fts5(query, is_loose=True))
    else:
        found = table("paper_search", column("paper_id"), column("words"))
        row_id = found.c.paper_id
        matches = found.c.words.op("@@")(_tsquery(query, is_loose=True))
    return list(
        connection.scalars(
            select(row_id)
            .where(matches, row_id.between(first_id, last_id))
            .order_by(row_id.desc())
            .limit(limit)
        )
    )


def in_category(connection: Connection, category: str) -> ColumnElement[bool]:
    """Return the condition that a paper is of this category (any of its categories)."""
    if is_sqlite(connection):
        each = func.json_each(papers.c.categories).table_valued("value")
        return exists(select(1).select_from(each).where(each.c.value == category))
    return cast(papers.c.categories, JSONB).contains([category])


def from_source(source: str) -> ColumnElement[bool]:
    """Return the condition that this source announced the paper."""
    return papers.c.id.in_(select(sightings.c.paper_id).where(sightings.c.source == source))


def _matches(connection: Connection, query: Query, filters: Filters, *, is_loose: bool) -> Subquery:
    """Return (id, score) of the newest matches; the lower the score, the better."""
    if is_sqlite(connection):
        words = table("paper_search", column("rowid"), column("rank"))
        row_id = words.c.rowid
        found = select(row_id.label("id"), words.c.rank.label("score")).where(
            literal_column("paper_search").op("MATCH")(_fts5(query, is_loose=is_loose))
        )
    else:
        words = table("paper_search", column("paper_id"), column("words"))
        row_id = words.c.paper_id
        asked = _tsquery(query, is_loose=is_loose)
        found = select(row_id.label("id"), words.c.words).where(words.c.words.op("@@")(asked))
    found = _filtered(connection, found, row_id, filters)
    newest = found.order_by(row_id.desc()).limit(MATCH_LIMIT).subquery()
    if is_sqlite(connection):
        return newest
    # Scored after the limit, so that a common word is not scored for every paper. By the wanted
    # words alone: a negation confuses ts_rank. 1 divides by the logarithm of the length, as bm25
    # would.
    by = _tsquery(Query(wanted=query.wanted), is_loose=is_loose)
    score = (-func.ts_rank(newest.c.words, by, 1)).label("score")
    return select(newest.c.id, score).subquery()


def _filtered(
    connection: Connection, found: Select[Any], row_id: ColumnElement[Any], filters: Filters
) -> Select[Any]:
    # Few papers are merged away: asking which costs less than asking each match.
    found = found.where(row_id.not_in(select(papers.c.id).where(papers.c.merged_into.is_not(None))))
    wanted: list[ColumnElement[bool]] = []
    if filters.category:
        wanted.append(in_category(connection, filters.category))
    if filters.source:
        wanted.append(from_source(filters.source))
    if filters.first_on:
        wanted.append(papers.c.announced_on >= filters.first_on)
    if filters.last_on:
        wanted.append(papers.c.announced_on <= filters.last_on)
    return found.join(papers, papers.c.id == row_id).where(*wanted) if wanted else found


def _fts5(query: Query, *, is_loose: bool) -> str:
    """Return an FTS5 expression in which every word is a quoted string: no syntax gets through."""
    wanted = (" OR " if is_loose else " AND ").join(f'"{words}"' for words in query.wanted)
    unwanted = " OR ".join(f'"{words}"' for words in query.unwanted)
    return f"({wanted}) NOT ({unwanted})" if unwanted else wanted


def _tsquery(query: Query, *, is_loose: bool) -> ColumnElement[Any]:
    def each(words: str) -> ColumnElement[Any]:
        return func.phraseto_tsquery(literal_column("'english'"), words, type_=TSQUERY)

    joined = each(query.wanted[0])
    for words in query.wanted[1:]:
        joined = joined.op("||" if is_loose else "&&")(each(words))
    for words in query.unwanted:
        joined = joined.op("&&")(func.tsquery_not(each(words), type_=TSQUERY))
    return joined
