"""What papers that a reader wants fewer like take from the scores of those near them.

A factor for each paper, by the strength of its likeness to each avoided one: it only lowers, only
what is near, and several add up. The fit of what a reader likes does not know of it. Chooses
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from digest.model import Interest, Paper
from digest.ranking.likeness import NEAR, likenesses, sureness
from digest.ranking.space import Floats
from digest.ranking.tastes import Rated, Taste
from digest.ranking.window import Window

_TAKEN = 0.7
"""What a fresh mark takes from the score of the very same paper."""

_CHANCE = 0.05
"""Likeness up to this strength is chance: it takes nothing."""


@dataclass(frozen=True, kw_only=True)
class Avoided:
    """The distinct papers that a block of readers wants fewer like, beside the window's."""

    rows: Mapping[str, int]
    """Row of each paper in the table, by key."""
    strength: Floats
    """In [0, 1]: how like each avoided paper (row) each candidate (column) is."""

    def kept(self, away: Sequence[Rated]) -> Floats:
        """Return what these papers leave of each candidate's score, in [0, 1]."""
        left = np.ones(self.strength.shape[1], dtype=np.float32)
        for rated in away:
            taken = np.float32(_TAKEN * rated.weight)
            left *= 1 - taken * self.strength[self.rows[rated.paper.key]]
        return left

    def nearest(self, away: Sequence[Rated], position: int) -> Paper:
        """Return which of these papers takes the most from a candidate."""
        taken = [one.weight * self.strength[self.rows[one.paper.key], position] for one in away]
        return away[int(np.argmax(taken))].paper


def avoided(window: Window, away: Iterable[Rated]) -> Avoided | None:
    """Return the table of these papers, each once; None where there are none."""
    papers = {rated.paper.key: rated.paper for rated in away}
    if not papers:
        return None
    alone = [
        Taste(interest=Interest(name=key), rated=(Rated(paper, 1.0),))
        for key, paper in papers.items()
    ]
    near = likenesses(window, window.liked(papers), alone)
    strength = (sureness(near / np.float32(NEAR)) - np.float32(_CHANCE)) / np.float32(1 - _CHANCE)
    return Avoided(
        rows={key: row for row, key in enumerate(papers)},
        strength=np.asarray(np.maximum(strength, 0), dtype=np.float32),
    )
