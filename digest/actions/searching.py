"""Search over everything stored: by words, and by nearness in meaning to the best hits.

Read only. Which papers hold which words is the store's to know, nearness is ranking's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from digest.actions.reading import Entry, read_papers
from digest.app import App
from digest.model import Paper
from digest.ranking.space import Space, paper_text
from digest.ranking.words import content_words
from digest.store import browsing
from digest.store.search import MATCH_LIMIT, Filters, parse_query, search, search_any

PAGE_SIZE = 25
SIMILAR = 8
NEAREST_OF = 150
"""How many papers that share words are compared in full."""
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
    """Papers near in meaning to the best hits that do not have the words themselves."""


def find(app: App, text: str, *, filters: Filters | None = None, page: int = 1) -> SearchPage:
    """Return one page of papers for what a visitor typed, most relevant first."""
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
        best = list(browsing.load(connection, hits.ids[:5]).values()) if page == 1 else []
        near = _nearest(connection, best, without=set(hits.ids))
    return SearchPage(
        query=query,
        entries=tuple(read_papers(app, hits.ids)),
        near=tuple(read_papers(app, near[:SIMILAR])) if hits.total < PAGE_SIZE else (),
        total=hits.total,
        page=page,
        pages=max(1, -(-hits.total // PAGE_SIZE)),
        is_loose=hits.is_loose,
        is_capped=hits.total >= MATCH_LIMIT,
        sources=tuple(sources),
    )


def similar(app: App, paper: Paper) -> tuple[Entry, ...]:
    """Return the stored papers nearest in meaning to this one, nearest first."""
    with app.reading() as connection:
        found = _nearest(connection, [paper], without={paper.row_id})
    return tuple(read_papers(app, found[:SIMILAR]))


def _nearest(connection: Connection, anchors: Sequence[Paper], *, without: set[int]) -> list[int]:
    """Return row ids by likeness to the anchors; those that share no word are far.

    The words that tell most come from the titles; the texts of all that share one are compared.
    """
    if not anchors:
        return []
    shared = search_any(connection, _telling_words(anchors), limit=NEAREST_OF)
    papers = browsing.load(connection, [row_id for row_id in shared if row_id not in without])
    if not papers:
        return []
    texts = [paper_text(paper) for paper in (*anchors, *papers.values())]
    vectors = Space(texts).vectors(texts)
    centre = np.asarray(vectors[: len(anchors)].sum(axis=0)).ravel()
    likeness = vectors[len(anchors) :] @ centre
    order = np.argsort(-likeness, kind="stable")
    row_ids = list(papers)
    return [row_ids[place] for place in order if likeness[place] > 0]


def _telling_words(anchors: Sequence[Paper]) -> list[str]:
    """Return words of the titles, those that the abstracts repeat first."""
    titles = dict.fromkeys(word for a in anchors for word in content_words(a.title))
    said = Counter(word for a in anchors for word in content_words(a.abstract))
    return sorted(titles, key=lambda word: -said[word])[:12]
