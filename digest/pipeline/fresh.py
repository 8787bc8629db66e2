"""Which papers of a window are new to a reader."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from digest.ranking import Candidates


class Fresh:
    """Papers by row id, looked up many at once: each edition asks for all that it leaves out."""

    def __init__(self, row_ids: Collection[int], pool: Candidates) -> None:
        """Tell these from the rest of a window's papers."""
        whole = [paper.row_id for paper in pool.papers]
        self._lowest = min(whole, default=0)
        self._is_fresh = np.zeros(max(whole, default=0) - self._lowest + 1, dtype=bool)
        self._is_fresh[np.array(sorted(row_ids), dtype=np.int64) - self._lowest] = True

    def among(self, row_ids: Sequence[int]) -> npt.NDArray[np.int64]:
        """Return those of the window's papers given that are fresh, in their order."""
        given = np.asarray(row_ids, dtype=np.int64)
        return given[self._is_fresh[given - self._lowest]]
