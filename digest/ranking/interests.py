"""Score candidates against one named interest: each kind of evidence on its own, then together.

Every part is a strength in [0, 1]; together they are one (noisy or), so that evidence adds up,
nothing saturates, and no part can be drowned by another. Chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from digest.model import Feedback, FeedbackKind, Interest, Paper, TermMode
from digest.ranking.people import PersonMatch, match_authors, match_institutions
from digest.ranking.space import Space, paper_text
from digest.ranking.terms import Place, TermIndex, in_category

Floats = npt.NDArray[np.float64]

_TERM_STRENGTH = {Place.TITLE: 0.62, Place.TEXT: 0.42}
_AUTHOR, _MAYBE_AUTHOR, _INSTITUTION, _CATEGORY = 0.8, 0.3, 0.35, 0.22
HALF_LIFE_DAYS = 180.0
"""Feedback this old counts half."""


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A paper that a reader liked (positive weight) or not."""

    paper: Paper
    weight: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What speaks for each candidate in one interest; arrays in the candidates' order."""

    interest: Interest
    score: Floats
    parts: Mapping[str, Floats]
    """Strengths in [0, 1] by name: terms, likes, text, authors, institutions, categories."""
    terms: Mapping[int, tuple[str, ...]]
    authors: Mapping[int, tuple[PersonMatch, ...]]
    institutions: Mapping[int, tuple[str, ...]]
    categories: Mapping[int, str]
    liked: tuple[Rated, ...] = ()
    likeness: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Cosine of each liked paper (row) with each candidate (column)."""
    barred: Mapping[int, str] = field(default_factory=dict)
    """Positions that a must or must-not term rules out of this interest."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """A window's papers, prepared once for all readers."""

    papers: tuple[Paper, ...]
    index: TermIndex
    space: Space
    vectors: object


def rated_papers(
    interest: Interest,
    feedback: Sequence[Feedback],
    known: Mapping[str, Paper],
    now: datetime,
) -> tuple[Rated, ...]:
    """Return the papers that teach an interest: its own lists, and what was said in mails."""
    by_id = {paper.row_id: paper for paper in known.values() if paper.row_id}
    weights: dict[str, tuple[Paper, float]] = {}
    for keys, weight in ((interest.liked, 1.0), (interest.disliked, -1.0)):
        for key in keys:
            if (paper := known.get(key)) is not None:
                weights[key] = (paper, weight)
    for item in feedback:
        rated = by_id.get(item.paper_id)
        if rated is None or item.kind is FeedbackKind.SEEN:
            continue
        sign = {FeedbackKind.MORE: 1.0, FeedbackKind.SAVED: 1.2, FeedbackKind.LESS: -1.0}
        age = max((now - item.at) / timedelta(days=1), 0.0)
        weights[rated.key] = (rated, sign[item.kind] * 0.5 ** (age / HALF_LIFE_DAYS))
    return tuple(Rated(paper=paper, weight=weight) for paper, weight in weights.values())


def evidence(pool: Pool, interest: Interest, rated: Sequence[Rated]) -> Evidence:
    """Score every candidate for one interest."""
    count = len(pool.papers)
    terms, found, barred = _terms(pool, interest)
    people = {
        i: tuple(matches)
        for i, paper in enumerate(pool.papers)
        if interest.authors and (matches := match_authors(paper, interest.authors))
    }
    places = {
        i: tuple(names)
        for i, paper in enumerate(pool.papers)
        if interest.institutions and (names := match_institutions(paper, interest.institutions))
    }
    categories = _categories(pool.papers, interest.categories)
    liked = tuple(r for r in rated if r.weight > 0)
    likes, likeness = _likes(pool, rated)
    parts = {
        "terms": terms,
        "likes": likes,
        "text": _closeness(pool, interest.text),
        "authors": _spread(
            count, {i: _AUTHOR if m[0].is_certain else _MAYBE_AUTHOR for i, m in people.items()}
        ),
        "institutions": _spread(count, dict.fromkeys(places, _INSTITUTION)),
        "categories": _spread(count, dict.fromkeys(categories, _CATEGORY)),
    }
    score = 1 - np.prod([1 - part for part in parts.values()], axis=0)
    score[list(barred)] = 0.0
    return Evidence(
        interest=interest, score=score, parts=parts, terms=found, authors=people,
        institutions=places, categories=categories, liked=liked, likeness=likeness, barred=barred,
    )  # fmt: skip


def _terms(
    pool: Pool, interest: Interest
) -> tuple[Floats, dict[int, tuple[str, ...]], dict[int, str]]:
    left = np.ones(len(pool.papers))
    found: dict[int, list[tuple[float, str]]] = {}
    barred: dict[int, str] = {}
    for term in interest.terms:
        hits = pool.index.find(term)
        if term.mode is TermMode.MUST_NOT:
            barred |= dict.fromkeys(hits, "must-not")
            continue
        if term.mode is TermMode.MUST:
            missing = set(range(len(pool.papers))) - set(hits)
            barred |= {i: "must" for i in missing if i not in barred}
        for position, place in hits.items():
            strength = 1 - (1 - _TERM_STRENGTH[place]) ** term.weight
            left[position] *= 1 - strength
            found.setdefault(position, []).append((strength, term.text))
    told = {
        i: tuple(text for _, text in sorted(items, key=lambda item: (-item[0], item[1])))
        for i, items in found.items()
    }
    return 1 - left, told, barred


def _categories(papers: Sequence[Paper], wanted: Sequence[str]) -> dict[int, str]:
    return {
        i: hit
        for i, paper in enumerate(papers)
        if wanted
        and (
            hit := next((c for c in paper.categories if any(in_category(c, w) for w in wanted)), "")
        )
    }


def _likes(pool: Pool, rated: Sequence[Rated]) -> tuple[Floats, Floats]:
    if not rated:
        return np.zeros(len(pool.papers)), np.zeros((0, len(pool.papers)))
    rows = pool.space.vectors([paper_text(r.paper) for r in rated])
    cosines = np.asarray((pool.vectors @ rows.T).todense()).T  # type: ignore[operator]
    weights = np.array([r.weight for r in rated])
    positive = cosines[weights > 0] * np.minimum(weights[weights > 0], 1.0)[:, None]
    nearest = np.sort(positive, axis=0)[-3:].mean(axis=0) if len(positive) else 0.0
    away = cosines[weights < 0].max(axis=0, initial=0.0) if (weights < 0).any() else 0.0
    return _strength(np.asarray(nearest - 0.7 * away)), cosines[weights > 0]


def _closeness(pool: Pool, text: str) -> Floats:
    if not text.strip():
        return np.zeros(len(pool.papers))
    row = pool.space.vectors([text])
    return _strength(np.asarray((pool.vectors @ row.T).todense())[:, 0])  # type: ignore[operator]


def _strength(cosine: Floats) -> Floats:
    """Return how sure a cosine of TF-IDF rows makes us: unrelated papers stay under 0.1."""
    return np.asarray(1 - np.exp(-((np.maximum(cosine, 0.0) / 0.22) ** 2)))


def _spread(count: int, strengths: Mapping[int, float]) -> Floats:
    values = np.zeros(count)
    for position, strength in strengths.items():
        values[position] = strength
    return values
