"""What readers who allow it liked together: likes that are borrowed for who has few of their own.

Paper by paper (Sarwar and others 2001, doi:10.1145/371920.372071): two papers are alike where many
readers liked both. Of readers nothing but counts is kept, and a pair of papers that fewer than
``fewest`` of them liked says nothing at all. Knows nobody's name and reads no store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from digest.model import Paper, PaperKey
from digest.ranking.likeness import LEAST, NEAR, sureness
from digest.ranking.space import Floats, unit
from digest.ranking.tastes import Rated, Taste
from digest.ranking.window import Liked, Window

MOST_PAPERS = 3000
"""So many of the papers that most readers liked are compared: memory stays flat."""

MOST_OF_READER = 200
"""So many of a reader's last likes count: nobody floods the others."""

_MOST_BORROWED = 50
_MOST = 0.5
"""The strength of what is borrowed never gets above this."""

_OWN_LIKES = 3.0
"""From so many likes of their own on, a reader needs others less and less."""

_HALF = 0.3
"""Likeness to a reader's likes that makes a paper half sure by itself."""

_SHRINK = 0.01


@dataclass(frozen=True, kw_only=True)
class Together:
    """Papers that enough readers liked together."""

    paper_ids: tuple[int, ...]
    alike: sparse.csr_array
    """Cosine of the readers of two papers; nothing for pairs of too few."""


@dataclass(frozen=True, kw_only=True)
class Community:
    """The papers of ``Together``, in the same order."""

    papers: tuple[Paper, ...]
    alike: sparse.csr_array

    @cached_property
    def _column(self) -> dict[PaperKey, int]:
        return {paper.key: n for n, paper in enumerate(self.papers)}

    def borrowed(self, liked: Collection[PaperKey], known: Iterable[PaperKey]) -> tuple[Rated, ...]:
        """Return what readers of these papers liked too, the surest first.

        Nothing ``known``, which is all that the reader said anything of: so no pair that counts
        here owes anything to the reader.
        """
        alike = self.alike
        found = np.zeros(len(self.papers), dtype=np.float32)
        for key in liked:
            if (row := self._column.get(key)) is not None:
                pair = slice(alike.indptr[row], alike.indptr[row + 1])
                found[alike.indices[pair]] += alike.data[pair]
        found[[self._column[key] for key in known if key in self._column]] = 0
        found /= max(len(liked), 1) ** 0.5
        some = np.flatnonzero(found)
        best = some[np.argsort(-found[some], kind="stable")[:_MOST_BORROWED]]
        return tuple(Rated(self.papers[n], float(found[n])) for n in best.tolist())


def liked_together(likes: Sequence[tuple[int, int]], *, fewest: int) -> Together | None:
    """Return what at least ``fewest`` readers liked together, of pairs of reader and paper.

    A reader's last pairs are their last likes. None where there is nothing.
    """
    reader, liked = np.array(list(dict.fromkeys(likes)) or [(0, 0)], dtype=np.int64).T
    last = _from_the_end(reader) < MOST_OF_READER
    paper_ids, column = np.unique(liked[last], return_inverse=True)
    _, row = np.unique(reader[last], return_inverse=True)
    counts = np.bincount(column)
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_PAPERS])
    kept = kept[counts[kept] >= fewest]
    ones = np.ones(len(row), dtype=np.float32)
    table = sparse.csr_array((ones, (row, column)))[:, kept]
    both = sparse.coo_array(table.T @ table)
    counts_both, (left, right) = both.data, both.coords
    enough = (counts_both >= fewest) & (left != right)
    if not enough.any():
        return None
    left, right = left[enough], right[enough]
    alike = counts_both[enough] / np.sqrt(counts[kept][left] * counts[kept][right])
    shape = (len(kept), len(kept))
    return Together(
        paper_ids=tuple(paper_ids[kept].tolist()),
        alike=sparse.csr_array((alike.astype(np.float32), (left, right)), shape=shape),
    )


def _from_the_end(reader: npt.NDArray[np.int64]) -> npt.NDArray[np.intp]:
    """Return how many of the same reader's pairs come after each."""
    order = np.argsort(reader[::-1], kind="stable")
    grouped = reader[::-1][order]
    starts = np.searchsorted(grouped, grouped)
    found = np.empty(len(reader), dtype=np.intp)
    found[order] = np.arange(len(reader)) - starts
    return found[::-1]


def doubts(window: Window, liked: Liked, tastes: Sequence[Taste]) -> Floats | None:
    """Return what the borrowed likes leave of the doubt, a row a taste; None where none has any.

    A candidate that was liked itself counts, and so does one that is near to what was.
    """
    if not any(taste.borrowed for taste in tastes):
        return None
    columns = [liked.rows[r.paper.key] for taste in tastes for r in taste.borrowed]
    values = np.array([r.weight for taste in tastes for r in taste.borrowed], dtype=np.float32)
    indptr = np.concatenate([[0], np.cumsum([len(taste.borrowed) for taste in tastes])])
    weights = sparse.csr_array((values, columns, indptr), shape=(len(tastes), len(liked.rows)))
    meaning, _ = window.meanings[0]
    direction = unit(unit(weights @ liked.meaning[0]) / (meaning.spectrum + _SHRINK))
    direction /= np.float32(NEAR) * np.maximum(meaning.usual(direction), LEAST)[:, None]
    strength = sureness(direction @ window.meaning[0].T)
    for row, taste in enumerate(tastes):
        for rated in taste.borrowed:
            if (at := window.position_of.get(rated.paper.row_id)) is not None:
                itself = rated.weight / (rated.weight + _HALF)
                strength[row, at] = max(strength[row, at], itself)
    own = np.array([len(taste.rated) for taste in tastes])
    most = _MOST * np.minimum(1.0, np.sqrt(_OWN_LIKES / np.maximum(own, 1)))
    return np.asarray(1 - most[:, None] * strength, dtype=np.float32)
