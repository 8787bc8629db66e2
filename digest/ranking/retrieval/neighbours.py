"""The words of the shipped table that are nearest to a word: how a paper may say it instead."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from threading import Lock

import numpy as np
import numpy.typing as npt

from digest.ranking.space import Floats
from digest.ranking.table import WordTable, shipped

COUNT = 100
NEAR_ENOUGH = 0.3
"""Cosine from which a word may stand for another."""

_ROWS = 8192
_KEPT = 20_000

Near = tuple[tuple[int, float], ...]
"""Places in the table with their likeness, nearest first; without the word itself."""


class Neighbours:
    """Nearest words, remembered for the words that were asked for lately."""

    def __init__(self, table: WordTable) -> None:
        self._table = table
        # 18 MB, once a process: unpacking the table for each query would take most of its time.
        self._levels = np.empty((len(table.packed), table.width), dtype=np.int8)
        self._levels[:, ::2] = table.packed >> 4
        self._levels[:, 1::2] = table.packed & 15
        self._levels -= 8
        self._lengths = np.concatenate([
            np.linalg.norm(rows.astype(np.float32), axis=1) for rows in self._blocks()
        ])  # fmt: skip
        self._kept: OrderedDict[str, Near] = OrderedDict()
        self._lock = Lock()

    def of(self, words: Iterable[str]) -> dict[str, Near]:
        """Return the nearest words of each word; none for one that the table does not know."""
        asked = dict.fromkeys(words)
        with self._lock:
            found = {word: self._kept[word] for word in asked if word in self._kept}
        if left := [w for w in asked if w not in found and w in self._table.position]:
            fresh = self._search(left)
            with self._lock:
                self._kept.update(fresh)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            found |= fresh
        return {word: found.get(word, ()) for word in asked}

    def _search(self, words: list[str]) -> dict[str, Near]:
        places = np.array([self._table.position[word] for word in words])
        wanted = self._levels[places].astype(np.float32)
        wanted /= np.maximum(self._lengths[places], 1e-9)[:, None]
        products = np.concatenate([rows.astype(np.float32) @ wanted.T for rows in self._blocks()])
        cosines = products / np.maximum(self._lengths, 1e-9)[:, None]
        cosines[places, np.arange(len(words))] = 0
        return {word: _nearest(cosines[:, n]) for n, word in enumerate(words)}

    def _blocks(self) -> Iterable[npt.NDArray[np.int8]]:
        return (self._levels[n : n + _ROWS] for n in range(0, len(self._levels), _ROWS))


def _nearest(cosines: Floats) -> Near:
    near = np.flatnonzero(cosines >= NEAR_ENOUGH)
    order = near[np.argsort(-cosines[near], kind="stable")][:COUNT]
    return tuple((int(place), float(cosines[place])) for place in order)


@cache
def neighbours() -> Neighbours:
    """Return the nearest words by the shipped table."""
    return Neighbours(shipped())
