"""Search over everything stored: by words, and by nearness in meaning.

Read only. Which papers hold which words is the store's to know, nearness is ``meaning``'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from digest.actions.meaning import Meaning
from digest.actions.reading import Entry, read_papers
from digest.app import App
from digest.model import Paper
from digest.ranking.space import paper_text
from digest.store import browsing
from digest.store.search import MATCH_LIMIT, Filters, parse_query, search

PAGE_SIZE = 25
SIMILAR = 8
LONGEST_QUERY = 300


@dataclass(frozen=True, kw_only=True)
class SearchPage:
    """One page of what was found."""

    query: str
    entries: tuple[Entry, ...] = ()
    total: int = 0
    page: int = 1
    pages: int = 1
    is_loose: bool = False
    """No paper has all the words: these have some of them."""
    is_capped: bool = False
    """There are more than can be told; the newest were put in order."""
    sources: tuple[str, ...] = ()
    near: tuple[Entry, ...] = ()
    """Papers near in meaning to the query that are not among the hits of this page."""


def find(
    app: App,
    text: str,
    *,
    filters: Filters | None = None,
    page: int = 1,
    meaning: Meaning | None = None,
) -> SearchPage:
    """Return one page of papers for what a visitor typed, most relevant first.

    With ``meaning`` the first page also has papers that say the same in other words, unless a
    filter leaves papers out.
    """
    query = " ".join(text[:LONGEST_QUERY].split())
    with app.reading() as connection:
        hits = search(
            connection,
            parse_query(query),
            filters=filters,
            limit=PAGE_SIZE,
            offset=(page - 1) * PAGE_SIZE,
        )
        sources = browsing.source_names(connection)
    near: list[int] = []
    if meaning and query and page == 1 and (filters or Filters()) == Filters():
        near = meaning.near([query], without=hits.ids, limit=SIMILAR)
    return SearchPage(
        query=query,
        entries=tuple(read_papers(app, hits.ids)),
        near=tuple(read_papers(app, near)),
        total=hits.total,
        page=page,
        pages=max(1, -(-hits.total // PAGE_SIZE)),
        is_loose=hits.is_loose,
        is_capped=hits.total >= MATCH_LIMIT,
        sources=tuple(sources),
    )


def similar(app: App, paper: Paper, meaning: Meaning) -> tuple[Entry, ...]:
    """Return the stored papers nearest in meaning to this one, nearest first."""
    near = meaning.near([paper_text(paper)], without=[paper.row_id], limit=SIMILAR)
    return tuple(read_papers(app, near))
