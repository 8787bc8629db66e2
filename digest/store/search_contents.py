"""What search keeps of each paper, as bytes: which papers lack it, and what is new since.

A trigger (migration 0005) deletes a paper's bytes when the paper changes. Ids rise with each row,
so a reader that knows the last one reads only what came later. What the bytes mean is not known
here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    exists,
    func,
    select,
)

from digest.store._bulk import among
from digest.store.tables import papers
from digest.store.upserts import insert_ignore

# Like the index of words not in the schema's metadata: dumps leave out what can be made again.
contents = Table(
    "paper_search_contents",
    MetaData(),
    Column("id", BigInteger, primary_key=True),
    Column("paper_id", BigInteger),
    Column("made_with", String),
    Column("content", LargeBinary),
)

_AT_ONCE = 5000


@dataclass(frozen=True, kw_only=True)
class PaperWords:
    """What a paper says of itself, as far as it is searched."""

    paper_id: int
    title: str
    text: str
    more: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    announced_on: date | None


@dataclass(frozen=True)
class Marks:
    """The highest ids; where neither rose, nothing was added."""

    paper: int
    content: int


def marks(connection: Connection) -> Marks:
    """Return the highest ids now: two look-ups, whatever the store holds."""
    return Marks(
        paper=connection.scalar(select(func.max(papers.c.id))) or 0,
        content=connection.scalar(select(func.max(contents.c.id))) or 0,
    )


def missing(connection: Connection, made_with: str) -> list[int]:
    """Return the row ids of papers without content, newest first."""
    has_one = exists().where(contents.c.paper_id == papers.c.id, contents.c.made_with == made_with)
    return list(
        connection.scalars(
            select(papers.c.id)
            .where(~has_one, papers.c.merged_into.is_(None))
            .order_by(papers.c.id.desc())
        )
    )


def held(connection: Connection, made_with: str) -> list[int]:
    """Return the row ids of papers with content."""
    return list(
        connection.scalars(select(contents.c.paper_id).where(contents.c.made_with == made_with))
    )


def words(connection: Connection, ids: Sequence[int], *, lock: bool = False) -> list[PaperWords]:
    """Return what papers say; with ``lock`` they stay as they are until the transaction ends."""
    query = select(
        papers.c.id, papers.c.title, papers.c.abstract, papers.c.summary, papers.c.keywords,
        papers.c.venue, papers.c.authors, papers.c.categories, papers.c.announced_on,
    ).where(among(connection, papers.c.id, ids), papers.c.merged_into.is_(None))  # fmt: skip
    if lock:  # SQLite has one writer at a time
        query = query.with_for_update(read=True)
    return [
        PaperWords(
            paper_id=row.id,
            title=row.title,
            text=row.abstract or row.summary,
            more=" ".join((*row.keywords, row.venue)),
            authors=tuple(author["name"] for author in row.authors),
            categories=tuple(row.categories),
            announced_on=row.announced_on,
        )
        for row in connection.execute(query)
    ]


def keep(connection: Connection, made_with: str, made: Mapping[int, bytes]) -> None:
    """Store content by paper; what is there already stays."""
    rows: list[dict[str, Any]] = [
        {"paper_id": paper_id, "made_with": made_with, "content": content}
        for paper_id, content in made.items()
    ]
    insert_ignore(connection, contents, rows)


def load(connection: Connection, made_with: str, *, after: int) -> dict[int, bytes]:
    """Return content by paper from the rows with higher ids than this one."""
    loaded: dict[int, bytes] = {}
    query = (
        select(contents.c.id, contents.c.paper_id, contents.c.content)
        .where(contents.c.made_with == made_with)
        .order_by(contents.c.id)
        .limit(_AT_ONCE)
    )
    while rows := connection.execute(query.where(contents.c.id > after)).all():
        loaded.update((row.paper_id, row.content) for row in rows)
        after = rows[-1].id
    return loaded


def of_papers(connection: Connection, made_with: str, ids: Sequence[int]) -> dict[int, bytes]:
    """Return content by paper of these papers; those without are absent."""
    query = select(contents.c.paper_id, contents.c.content).where(
        contents.c.made_with == made_with, among(connection, contents.c.paper_id, ids)
    )
    return {row.paper_id: row.content for row in connection.execute(query)} if ids else {}


def forget_others(connection: Connection, made_with: str) -> int:
    """Delete content made in another way; return how much."""
    return connection.execute(delete(contents).where(contents.c.made_with != made_with)).rowcount
