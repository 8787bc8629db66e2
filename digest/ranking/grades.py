"""Order a reader's papers by grades from elsewhere, such as a language model's. Pure.

Grades change the order only. What a floor, a mute, a required term or a quota keeps out stays out,
and papers with equal grades keep the ranker's order.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from digest.model import Grade
from digest.ranking.window import Flags

NOT_WANTED = 0
"""The lowest grade: such a paper only fills a place that nothing else can."""

UNGRADED = 1
"""A paper without a grade stands among those of this grade, by its score."""

BEST = 3


def regraded(
    steps: npt.NDArray[np.uint16],
    lowest: int,
    highest: int,
    position_of: Mapping[int, int],
    grades: Mapping[int, Grade],
) -> npt.NDArray[np.uint16]:
    """Return one reader's scores, in steps, with those from ``lowest`` on ordered by grade first.

    Each grade gets a quarter of the steps from ``lowest`` to ``highest``. No score crosses
    ``lowest``, the reader's floor. ``grades`` are by row id.
    """
    tiers = np.full(len(steps), UNGRADED, dtype=np.float64)
    for row_id, grade in grades.items():
        if row_id in position_of:
            tiers[position_of[row_id]] = grade.value
    room = max(highest - lowest, 1)
    # A few steps are left between two grades, so that rounding makes no tie of them.
    within = (steps.astype(np.float64) - lowest) / (room + 8)
    moved = np.floor(lowest + (tiers + within) * room / (BEST + 1))
    return np.where(steps >= lowest, moved, steps).astype(np.uint16)


def not_wanted(size: int, position_of: Mapping[int, int], grades: Mapping[int, Grade]) -> Flags:
    """Tell which of a window's papers have the lowest grade."""
    flags = np.zeros(size, dtype=bool)
    flags[
        [
            position_of[row_id]
            for row_id, grade in grades.items()
            if grade.value == NOT_WANTED and row_id in position_of
        ]
    ] = True
    return flags
