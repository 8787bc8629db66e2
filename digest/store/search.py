"""Which papers hold a phrase, and which pass a filter: FTS5 on SQLite, tsvector on PostgreSQL.

Triggers (migration 0002) keep the index. In which order papers are found is ranking's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
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

_WORDS_LIMIT = 24
_QUOTED = re.compile(r'(-?)"([^"]+)"|(-?)(\S+)')
_WORD = re.compile(r"\w", re.UNICODE)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a visitor typed."""

    wanted: tuple[str, ...] = ()
    """Words and phrases, in order."""
    required: tuple[str, ...] = ()
    """Those in quotation marks: a paper must hold them as they stand."""
    unwanted: tuple[str, ...] = ()
    """Words and phrases after a minus: a paper must not hold them."""


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


def parse_query(text: str) -> Query:
    """Read what was typed; every text is a query, at worst an empty one."""
    wanted: list[str] = []
    required: list[str] = []
    unwanted: list[str] = []
    for match in _QUOTED.finditer(text.replace("\0", " ")):
        minus, words = match[1] or match[3] or "", (match[2] or match[4]).replace('"', " ").strip()
        if _WORD.search(words) and len(wanted) + len(unwanted) < _WORDS_LIMIT:
            (unwanted if minus else wanted).append(words)
            if match[2] and not minus:
                required.append(words)
    return Query(wanted=tuple(wanted), required=tuple(required), unwanted=tuple(unwanted))


def holding(
    connection: Connection, phrases: Collection[str], *, limit: int | None = None
) -> Sequence[int]:
    """Return the row ids of papers that hold all these phrases, newest first."""
    row_id, matches = _matching(connection, phrases, every=True)
    query = select(row_id).where(
        matches,
        # Few papers are merged away: asking which costs less than asking each match.
        row_id.not_in(select(papers.c.id).where(papers.c.merged_into.is_not(None))),
    )
    return connection.scalars(query.order_by(row_id.desc()).limit(limit)).all()


def announced_by(connection: Connection, source: str) -> Sequence[int]:
    """Return the row ids of papers that a source announced."""
    return connection.scalars(
        select(sightings.c.paper_id).where(sightings.c.source == source).distinct()
    ).all()


def with_any(
    connection: Connection, words: Sequence[str], *, first_id: int, last_id: int, limit: int
) -> list[int]:
    """Return the newest papers between two row ids that have any of these words or phrases."""
    wanted = parse_query(" ".join(f'"{one}"' for one in words)).wanted
    if not wanted:
        return []
    row_id, matches = _matching(connection, wanted, every=False)
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


def _matching(
    connection: Connection, phrases: Collection[str], *, every: bool
) -> tuple[ColumnElement[int], ColumnElement[bool]]:
    """Return the row id of the index, and the condition that it holds every phrase, or any."""
    if is_sqlite(connection):
        # Every phrase is a quoted string: no syntax gets through.
        quoted = ('"{}"'.format(phrase.replace('"', " ")) for phrase in phrases)
        asked = (" AND " if every else " OR ").join(quoted)
        row_id: ColumnElement[int] = table("paper_search", column("rowid", Integer)).c.rowid
        return row_id, literal_column("paper_search").op("MATCH")(asked)
    words = table("paper_search", column("paper_id", Integer), column("words"))
    joined, *others = (_tsquery(phrase) for phrase in phrases)
    for other in others:
        joined = joined.op("&&" if every else "||")(other)
    return words.c.paper_id, words.c.words.op("@@")(joined)


def _tsquery(phrase: str) -> ColumnElement[str]:
    return func.phraseto_tsquery(literal_column("'english'"), phrase, type_=TSQUERY)
