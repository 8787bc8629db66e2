"""Guess from what a paper says how much it will be talked of, before anybody has.

Least squares in closed form on papers whose votes are known by now. A guess is small beside any
vote: it only breaks the silence. Knows no reader.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from digest.model import Paper
from digest.ranking.background import Background
from digest.ranking.space import Floats

_SHRINK = 3.0
"""So many papers of average votes are added along each direction: few papers teach little."""

FEWEST = 100
"""From fewer papers nothing is learnt."""


@dataclass(frozen=True)
class Promise:
    """What kind of paper is talked of more than the others of its day."""

    direction: Floats

    def of(self, background: Background, papers: Sequence[Paper]) -> Floats:
        """Return one number per paper, log of votes beyond the day's usual (about -1 to 1)."""
        return background.papers(papers) @ self.direction


def learn_promise(
    background: Background,
    papers: Sequence[Paper],
    votes: Sequence[float],
    days: Sequence[Hashable],
) -> Promise | None:
    """Learn from papers that have had their votes; each is compared with those of its day.

    Returns None where they are too few to teach anything.
    """
    if len(papers) < FEWEST:
        return None
    logs = np.log1p(np.array(votes, dtype=np.float64))
    _, day = np.unique([str(d) for d in days], return_inverse=True)
    usual = np.bincount(day, weights=logs) / np.bincount(day)
    beyond = logs - usual[day]
    rows = background.papers(papers).astype(np.float64)
    gram = rows.T @ rows + _SHRINK * np.eye(rows.shape[1])
    return Promise(np.linalg.solve(gram, rows.T @ beyond).astype(np.float32))
