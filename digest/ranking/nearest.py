"""Name the papers that a reader liked and that one paper is nearest to. Scores no edition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from digest.model import Interest, Paper, PaperKey
from digest.ranking import Candidates
from digest.ranking.background import unlearned
from digest.ranking.likeness import NEAR, likenesses, sureness
from digest.ranking.tastes import Rated, Taste
from digest.ranking.window import Window

_TELLING = 0.05
"""A paper that says less is not near."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """A liked paper, and what it would say for the other one if it were the only one liked."""

    key: PaperKey
    title: str
    interest: str
    strength: float
    """In [0, 1]."""


def nearest_liked(
    paper: Paper, tastes: Sequence[Taste], beside: Candidates, *, now: datetime, count: int = 3
) -> tuple[Near, ...]:
    """Return the liked papers nearest to a paper, the nearest first; by words and word vectors.

    ``beside`` are the papers of the window: they say which words are common.
    """
    others = tuple(other for other in beside.papers if other.row_id != paper.row_id)
    candidates = Candidates(
        papers=(paper, *others),
        window_start_at=beside.window_start_at,
        window_end_at=beside.window_end_at,
    )
    window = Window(candidates, now, beside.background or unlearned())
    pairs = {r.paper.key: (taste, r.paper) for taste in tastes for r in taste.rated}
    if not pairs:
        return ()
    liked = window.liked({key: one for key, (_, one) in pairs.items()})
    at = window.position_of[paper.row_id]
    alone = [
        Taste(interest=Interest(name=key), rated=(Rated(pairs[key][1], 1.0),)) for key in pairs
    ]
    near = likenesses(window, liked, alone)[:, at]
    strength = dict(zip(pairs, sureness(near / np.float32(NEAR)).tolist(), strict=True))
    order = sorted(pairs, key=lambda key: (-strength[key], key))
    return tuple(
        Near(
            key=key,
            title=pairs[key][1].title,
            interest=pairs[key][0].interest.name,
            strength=round(strength[key], 4),
        )
        for key in order[:count]
        if key != paper.key and strength[key] >= _TELLING
    )
