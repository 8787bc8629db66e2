"""Score a window's papers against many named interests at once: one row an interest.

Every kind of evidence is a strength in [0, 1]; together they are one (noisy or), so that
evidence adds up, nothing saturates, and no part can be drowned by another. Strengths are kept as
log(1 - strength), whose sum that is. Chooses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from digest.model import Interest, TermMode
from digest.ranking.likeness import likenesses
from digest.ranking.people import PersonMatch
from digest.ranking.space import Floats
from digest.ranking.tastes import Taste
from digest.ranking.terms import Place
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

_NEAR = 0.36
"""Nearness that makes a paper half sure."""

_LOGS = {place: math.log1p(-strength) for place, strength in TERM_STRENGTH.items()}

_BEND = 4
"""How sharply nearness becomes sure: odds grow with its fourth power, and never saturate."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Scores of many tastes; one row a taste, one column a paper."""

    window: Window
    tastes: Sequence[Taste]
    score: Floats
    likeness: Floats
    """What the rated papers and the reader's own words say, as log(1 - strength)."""
    barred: Mapping[int, Flags]
    """By row: what a must or must-not term rules out of the interest."""
    liked: Liked
    rows_of: dict[int, Positions] = field(default_factory=dict)
    """Rows of ``liked`` that speak for a taste, where they were asked for."""
    terms_of: dict[int, list[tuple[Mapping[int, Place], float, str]]] = field(default_factory=dict)

    def matched(self, row: int, position: int) -> list[str]:
        """Return the terms that stand in a paper, the strongest first."""
        found = [
            ((1 - TERM_STRENGTH[place]) ** weight, text)
            for places, weight, text in self._terms(row)
            if (place := places.get(position)) is not None
        ]
        return [text for _, text in sorted(found)]

    def _terms(self, row: int) -> list[tuple[Mapping[int, Place], float, str]]:
        """Return where each wanted term stands, its weight and its text; looked up once."""
        found = self.terms_of.get(row)
        if found is None:
            found = self.terms_of[row] = [
                (self.window.index.find(term), term.weight, term.text)
                for term in self.tastes[row].interest.terms
                if term.mode is not TermMode.MUST_NOT
            ]
        return found

    def authors(self, row: int, position: int) -> list[PersonMatch]:
        """Return the followed authors of a paper, certain ones first."""
        followed = self.tastes[row].interest.authors
        if not followed:
            return []
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
        if not self.tastes[row].rated:
            return 0
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
        people = {m.is_certain for m in self.authors(row, position)}
        logs = [
            _LOGS[place] * weight
            for places, weight, _ in self._terms(row)
            if (place := places.get(position)) is not None
        ]
        return {
            "terms": -math.expm1(sum(logs)),
            "likeness": -math.expm1(self.likeness[row, position]),
            "authors": (AUTHOR if max(people) else MAYBE_AUTHOR) if people else 0.0,
            "institutions": INSTITUTION if self.institutions(row, position) else 0.0,
            "categories": CATEGORY if self.category(row, position) else 0.0,
        }


def score(window: Window, tastes: Sequence[Taste]) -> Sheet:
    """Score every paper of the window for every taste."""
    liked = window.liked({r.paper.key: r.paper for taste in tastes for r in taste.rated})
    sureness = (np.maximum(likenesses(window, liked, tastes), 0) / _NEAR) ** _BEND
    likeness = np.asarray(-np.log1p(sureness), dtype=np.float32)
    logs = likeness.copy()
    barred: dict[int, Flags] = {}
    for row, taste in enumerate(tastes):
        _add_named(window, taste.interest, logs[row])
        if (flags := _barred(window, taste.interest)) is not None:
            barred[row] = flags
    scores = -np.expm1(logs)
    for row, flags in barred.items():
        scores[row, flags] = 0.0
    return Sheet(
        window=window, tastes=tastes, score=scores, likeness=likeness,
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
