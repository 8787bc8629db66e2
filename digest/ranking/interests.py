"""Score a window's papers against many named interests at once: one row an interest.

Every kind of evidence is a strength in [0, 1]; together they are one (noisy or), so that
evidence adds up, nothing saturates, and no part can be drowned by another. Strengths are kept as
log(1 - strength), whose sum that is. Chooses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from scipy import sparse

from digest.model import Feedback, FeedbackKind, Interest, Paper, TermMode
from digest.ranking.people import PersonMatch
from digest.ranking.space import Floats
from digest.ranking.window import (
    AUTHOR,
    CATEGORY,
    INSTITUTION,
    MAYBE_AUTHOR,
    TERM_STRENGTH,
    Flags,
    Hits,
    Liked,
    Positions,
    Window,
)

HALF_LIFE_DAYS = 180.0
"""Feedback this old counts half."""

_AWAY = 0.7
"""How much a disliked paper pushes away, beside what a liked one draws."""

_SAID = {FeedbackKind.MORE: 1.0, FeedbackKind.SAVED: 1.2, FeedbackKind.LESS: -1.0}


@dataclass(frozen=True, kw_only=True)
class Rated:
    """A paper that a reader liked (positive weight) or not."""

    paper: Paper
    weight: float


@dataclass(frozen=True, kw_only=True)
class Taste:
    """One interest of one reader, with the papers that teach it."""

    interest: Interest
    rated: tuple[Rated, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Scores of many tastes; one row a taste, one column a paper."""

    window: Window
    tastes: Sequence[Taste]
    score: Floats
    likes: Floats
    text: Floats
    """What the rated papers and the free text say, as log(1 - strength)."""
    barred: Mapping[int, Flags]
    """By row: what a must or must-not term rules out of the interest."""
    liked: Liked
    rows_of: dict[int, Positions] = field(default_factory=dict)
    """Rows of ``liked`` that speak for a taste, where they were asked for."""

    def matched(self, row: int, position: int) -> list[str]:
        """Return the terms that stand in a paper, the strongest first."""
        found = [
            ((1 - TERM_STRENGTH[place]) ** term.weight, term.text)
            for term in self.tastes[row].interest.terms
            if term.mode is not TermMode.MUST_NOT
            and (place := self.window.index.find(term).get(position)) is not None
        ]
        return [text for _, text in sorted(found)]

    def authors(self, row: int, position: int) -> list[PersonMatch]:
        """Return the followed authors of a paper, certain ones first."""
        followed = self.tastes[row].interest.authors
        found = [m for f in followed if (m := self.window.people(f).get(position)) is not None]
        return sorted(found, key=lambda match: not match.is_certain)

    def institutions(self, row: int, position: int) -> tuple[str, ...]:
        """Return the followed institutions of a paper."""
        wanted = self.tastes[row].interest.institutions
        return self.window.institutions(wanted).get(position, ()) if wanted else ()

    def category(self, row: int, position: int) -> str:
        """Return the paper's category that the interest wants, or an empty string."""
        wanted = self.tastes[row].interest.categories
        return self.window.categories(wanted).get(position, "") if wanted else ""

    def near_likes(self, row: int, position: int, above: float) -> int:
        """Return how many liked papers are this near to a paper."""
        rows = self._liked_rows(row)
        return int((self.liked.likeness[rows, position] >= above).sum()) if len(rows) else 0

    def _liked_rows(self, row: int) -> Positions:
        if row not in self.rows_of:
            keys = [r.paper.key for r in self.tastes[row].rated if r.weight > 0]
            self.rows_of[row] = np.array([self.liked.rows[key] for key in keys], dtype=np.intp)
        return self.rows_of[row]

    def bar(self, row: int, position: int) -> str:
        """Return ``must-not`` or ``must``: why the interest rules a paper out."""
        terms = self.tastes[row].interest.terms
        forbidden = [t for t in terms if t.mode is TermMode.MUST_NOT]
        held = any(position in self.window.index.find(t) for t in forbidden)
        return "must-not" if held else "must"

    def parts(self, row: int, position: int) -> dict[str, float]:
        """Return the strengths that make a paper's score, by name."""
        interest = self.tastes[row].interest
        people = {m.is_certain for m in self.authors(row, position)}
        logs = [
            math.log1p(-TERM_STRENGTH[place]) * t.weight
            for t in interest.terms
            if t.mode is not TermMode.MUST_NOT
            and (place := self.window.index.find(t).get(position)) is not None
        ]
        return {
            "terms": -math.expm1(sum(logs)),
            "likes": -math.expm1(self.likes[row, position]),
            "text": -math.expm1(self.text[row, position]),
            "authors": (AUTHOR if max(people) else MAYBE_AUTHOR) if people else 0.0,
            "institutions": INSTITUTION if self.institutions(row, position) else 0.0,
            "categories": CATEGORY if self.category(row, position) else 0.0,
        }


def rated_papers(
    interest: Interest,
    feedback: Sequence[Feedback],
    known: Mapping[str, Paper],
    by_id: Mapping[int, Paper],
    now: datetime,
) -> tuple[Rated, ...]:
    """Return the papers that teach an interest: its own lists, and what was said in mails."""
    weights: dict[str, tuple[Paper, float]] = {}
    for keys, weight in ((interest.liked, 1.0), (interest.disliked, -1.0)):
        for key in keys:
            if (paper := known.get(key)) is not None:
                weights[key] = (paper, weight)
    for item in feedback:
        rated = by_id.get(item.paper_id)
        if rated is None or item.kind is FeedbackKind.SEEN:
            continue
        age = max((now - item.at) / timedelta(days=1), 0.0)
        weights[rated.key] = (rated, _SAID[item.kind] * 0.5 ** (age / HALF_LIFE_DAYS))
    return tuple(Rated(paper=paper, weight=weight) for paper, weight in weights.values())


def score(window: Window, tastes: Sequence[Taste]) -> Sheet:
    """Score every paper of the window for every taste."""
    liked = window.liked({r.paper.key: r.paper for taste in tastes for r in taste.rated})
    likes = _likes(liked, tastes)
    text = _texts(window, tastes)
    logs = likes + text
    barred: dict[int, Flags] = {}
    for row, taste in enumerate(tastes):
        _add_named(window, taste.interest, logs[row])
        if (flags := _barred(window, taste.interest)) is not None:
            barred[row] = flags
    scores = -np.expm1(logs)
    for row, flags in barred.items():
        scores[row, flags] = 0.0
    return Sheet(
        window=window, tastes=tastes, score=scores, likes=likes, text=text,
        barred=barred, liked=liked,
    )  # fmt: skip


def _add_named(window: Window, interest: Interest, logs: Floats) -> None:
    """Add what is asked for by name: terms, authors, institutions, categories."""
    for term in interest.terms:
        if term.mode is not TermMode.MUST_NOT:
            hits = window.term(term)
            logs[hits.positions] += term.weight * hits.logs
    if interest.authors:
        logs += _strongest(len(window), [window.author(name) for name in interest.authors])
    if interest.institutions:
        hits = window.constant("institutions", interest.institutions, INSTITUTION)
        logs[hits.positions] += hits.logs
    if interest.categories:
        hits = window.constant("categories", interest.categories, CATEGORY)
        logs[hits.positions] += hits.logs


def _strongest(count: int, several: Sequence[Hits]) -> Floats:
    best = np.zeros(count, dtype=np.float32)
    for hits in several:
        best[hits.positions] = np.minimum(best[hits.positions], hits.logs)
    return best


def _barred(window: Window, interest: Interest) -> Flags | None:
    barred: Flags | None = None
    for term in interest.terms:
        if term.mode is TermMode.SHOULD:
            continue
        held = np.zeros(len(window), dtype=bool)
        held[window.term(term).positions] = True
        against = held if term.mode is TermMode.MUST_NOT else ~held
        barred = against if barred is None else barred | against
    return barred


def _likes(liked: Liked, tastes: Sequence[Taste]) -> Floats:
    """Return log(1 - strength) of what rated papers say: nearness to the middle of the liked."""
    width = liked.likeness.shape[1]
    found = np.zeros((len(tastes), width), dtype=np.float32)
    taught = [row for row, taste in enumerate(tastes) if taste.rated]
    if not taught:
        return found
    weights = _weights(liked, [tastes[row] for row in taught])
    middle = weights @ liked.words
    length = np.sqrt(np.asarray(middle.multiply(middle).sum(axis=1)).ravel())
    cosine = (weights @ liked.likeness) / np.where(length > 0, length, 1)[:, None]
    found[taught] = _sureness(np.asarray(cosine, dtype=np.float32))
    return found


def _weights(liked: Liked, tastes: Sequence[Taste]) -> sparse.csr_array:
    """Return one row per taste: how much each rated paper counts."""
    columns = [liked.rows[r.paper.key] for taste in tastes for r in taste.rated]
    values = [r.weight if r.weight > 0 else _AWAY * r.weight for t in tastes for r in t.rated]
    indptr = np.concatenate([[0], np.cumsum([len(taste.rated) for taste in tastes])])
    shape = (len(tastes), len(liked.rows))
    return sparse.csr_array((np.array(values, dtype=np.float32), columns, indptr), shape=shape)


def _texts(window: Window, tastes: Sequence[Taste]) -> Floats:
    found = np.zeros((len(tastes), len(window)), dtype=np.float32)
    said = [row for row, taste in enumerate(tastes) if taste.interest.text.strip()]
    if said:
        texts = [tastes[row].interest.text for row in said]
        found[said] = _sureness(window.likeness(window.space.vectors(texts)))
    return found


def _sureness(cosine: Floats) -> Floats:
    """Return log(1 - strength) of a cosine of TF-IDF rows: unrelated papers stay under 0.1."""
    return np.asarray(-((np.maximum(cosine, 0.0) / 0.22) ** 2), dtype=np.float32)
