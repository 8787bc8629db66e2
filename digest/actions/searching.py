"""Search over everything stored: one order, by words and meaning, wherever it is asked for.

Read only. How well a paper answers a query is ``ranking.retrieval``'s to say; which papers hold a
phrase or were announced by a source is the store's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from digest.actions.reading import Entry, read_papers
from digest.actions.search_index import SearchIndex
from digest.app import App
from digest.model import Paper
from digest.ranking.background import unlearned
from digest.ranking.retrieval import query as queries
from digest.ranking.retrieval.index import Index
from digest.ranking.retrieval.query import Reading
from digest.ranking.retrieval.terms import category_term
from digest.ranking.space import Floats, paper_text
from digest.store import browsing
from digest.store.search import Filters, Query, announced_by, holding, parse_query
from digest.text.ids import parse_reference

PAGE_SIZE = 25
SIMILAR = 8
NEAR_ENOUGH = 0.2
"""Cosine from which a paper is similar to another; unrelated ones stay under 0.1."""
LONGEST_QUERY = 300

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A word that no paper holds, and what was searched for instead."""

    typed: str
    meant: str


@dataclass(frozen=True, kw_only=True)
class SearchPage:
    """One page of the papers found."""

    query: str
    entries: tuple[Entry, ...] = ()
    total: int = 0
    page: int = 1
    pages: int = 1
    corrections: tuple[Correction, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Found:
    """Row ids of all papers found, the best first."""

    ids: tuple[int, ...] = ()
    corrections: tuple[tuple[str, str], ...] = ()


def find(
    app: App, index: SearchIndex, text: str, *, filters: Filters | None = None, page: int = 1
) -> SearchPage:
    """Return one page of papers for what a visitor typed, the best first."""
    typed = " ".join(text[:LONGEST_QUERY].split())
    current, query = index.current(), parse_query(typed)
    reading, scores = _scored(index, current, query)
    with app.reading() as connection:
        allowed = _allowed(connection, current, query, filters or Filters())
        found = _named(connection, typed) or _ordered(current, query, reading, scores, allowed)
        sources = browsing.source_names(connection)
    start = (page - 1) * PAGE_SIZE
    return SearchPage(
        query=typed,
        entries=tuple(read_papers(app, found.ids[start : start + PAGE_SIZE])),
        total=len(found.ids),
        page=page,
        pages=max(1, -(-len(found.ids) // PAGE_SIZE)),
        corrections=tuple(Correction(typed=a, meant=b) for a, b in found.corrections),
        sources=tuple(sources),
    )


def similar(app: App, paper: Paper, index: SearchIndex) -> tuple[Entry, ...]:
    """Return the stored papers nearest in meaning to this one, nearest first."""
    current = index.current()
    likeness = current.vectors.likeness(unlearned().encode([paper_text(paper)])[0])
    order = np.argsort(-likeness, kind="stable")[: SIMILAR + 1]
    near = [int(current.ids[n]) for n in order if likeness[n] >= NEAR_ENOUGH]
    return tuple(read_papers(app, [one for one in near if one != paper.row_id][:SIMILAR]))


def _named(connection: Connection, typed: str) -> _Found | None:
    """Return the paper whose id or address was typed; None where it is none that is stored."""
    reference = parse_reference(typed)
    paper = browsing.find(connection, reference.key) if reference else None
    return _Found((paper.row_id,)) if paper else None


def _scored(index: SearchIndex, current: Index, query: Query) -> tuple[Reading, Floats]:
    """Return the query as it is searched for, and a score for every paper."""
    reading = queries.understand(current, query.wanted)
    scores = queries.scores(current, reading)
    if reading.text:
        scores += index.sentences.scores(current.ids, reading.text)
    return reading, scores


def _ordered(
    index: Index, query: Query, reading: Reading, scores: Floats, allowed: Flags
) -> _Found:
    if not query.required:  # a paper that holds what stands in quotation marks is found
        allowed = allowed & (scores >= queries.FOUND_FROM)
    places = np.flatnonzero(allowed)
    order = np.lexsort((-index.ids[places], -scores[places]))
    return _Found(tuple(index.ids[places[order]].tolist()), reading.corrections)


def _allowed(connection: Connection, index: Index, query: Query, filters: Filters) -> Flags:
    """Return which papers pass the filters, hold what they must and nothing that they must not."""
    allowed = np.ones(len(index), dtype=np.bool_)
    if filters.category:
        has_it = np.zeros(len(index), dtype=np.bool_)
        has_it[index.holding(category_term(filters.category))] = True
        allowed &= has_it
    if filters.first_on:
        allowed &= index.days >= filters.first_on.toordinal()
    if filters.last_on:
        allowed &= (index.days <= filters.last_on.toordinal()) & (index.days > 0)
    if filters.source:
        allowed &= np.isin(index.ids, announced_by(connection, filters.source))
    if query.required:
        allowed &= np.isin(index.ids, holding(connection, query.required))
    for phrase in query.unwanted:
        allowed &= ~np.isin(index.ids, holding(connection, [phrase]))
    return allowed
