"""All papers in memory: which hold a term, and what each means; a score for every one at once.

About 1.6 KB a paper: vectors as 8-bit levels, postings of five bytes a term. Values do not change:
what is new gives a new index, and who is asking keeps the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from digest.ranking.retrieval.contents import WEIGHT_UNIT, Content, Levels, read
from digest.ranking.space import Floats
from digest.ranking.table import shipped

MOST_POSTINGS = 200_000
"""So many papers are looked at for a word of a query: its nearest words come first."""

_ROWS = 4096

Places = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Wanted:
    """One word of a query: how much it weighs, and the terms that stand for it."""

    weight: float
    terms: tuple[tuple[int, float], ...]
    """Numbers of terms with their likeness to the word, the best first."""


@dataclass(frozen=True)
class Vectors:
    """Unit rows as 8-bit levels."""

    levels: Levels
    scales: Floats

    def likeness(self, vector: Floats) -> Floats:
        """Return the product of each row with a vector."""
        found = np.empty(len(self.levels), dtype=np.float32)
        for start in range(0, len(found), _ROWS):
            # In blocks that stay in the processor's cache as floats.
            block = self.levels[start : start + _ROWS].astype(np.float32)
            found[start : start + _ROWS] = block @ vector
        return found * self.scales


@dataclass(frozen=True)
class Index:
    """See the module. Every array about papers has one element a paper, in the order of ``ids``."""

    ids: npt.NDArray[np.int64]
    days: Places
    """Ordinals; ``contents.NO_DAY`` where a paper has none."""
    vectors: Vectors
    starts: npt.NDArray[np.int64]
    """Where the postings of each term begin; one more than there are terms."""
    holders: Places
    """Positions of papers, by term."""
    weights: npt.NDArray[np.uint8]
    numbers: dict[str, int] = field(repr=False)
    """Numbers of the terms that are not in the shipped table; shared, and only grows."""

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, term: str) -> int:
        """Return the number of a term; -1 where no paper ever held it."""
        place = shipped().position.get(term)
        return self.numbers.get(term, -1) if place is None else place

    def count(self, term: str) -> int:
        """Return how many papers hold a term."""
        first, last = self._span(self.number(term))
        return last - first

    def holding(self, term: str) -> Places:
        """Return the positions of the papers that hold a term."""
        first, last = self._span(self.number(term))
        return self.holders[first:last]

    def scores(self, query: Sequence[Wanted]) -> Floats:
        """Return for each paper how much of the query's weight its words carry.

        For a word of the query the best of a paper's terms counts.
        """
        total = np.zeros(len(self), dtype=np.float32)
        best = np.empty(len(self), dtype=np.float32)
        for wanted in query:
            best.fill(0)
            left = MOST_POSTINGS
            for number, likeness in wanted.terms:
                first, last = self._span(number)
                at = self.holders[first:last]
                value = self.weights[first:last] * np.float32(likeness * WEIGHT_UNIT)
                best[at] = np.maximum(best[at], value)
                left -= last - first
                if left < 0:
                    break
            total += best * np.float32(wanted.weight)
        weight = sum(wanted.weight for wanted in query)
        return total / np.float32(weight) if weight else total

    def vocabulary(self) -> Iterator[str]:
        """Yield all terms, those of the shipped table first."""
        yield from shipped().position
        yield from list(self.numbers)

    def updated(self, added: Mapping[int, bytes], removed: Collection[int] = ()) -> Index:
        """Return the index with these papers (again, where it has them) and without others."""
        gone = np.isin(self.ids, np.fromiter((*removed, *added), dtype=np.int64))
        kept = _without(self, gone) if gone.any() else self
        return _with(kept, added) if added else kept

    def _span(self, number: int) -> tuple[int, int]:
        if not 0 <= number < len(self.starts) - 1:
            return 0, 0
        return int(self.starts[number]), int(self.starts[number + 1])


def empty() -> Index:
    """Return an index of no papers."""
    return Index(
        ids=np.zeros(0, dtype=np.int64),
        days=np.zeros(0, dtype=np.int32),
        vectors=vectors_of([]),
        starts=np.zeros(len(shipped().position) + 1, dtype=np.int64),
        holders=np.zeros(0, dtype=np.int32),
        weights=np.zeros(0, dtype=np.uint8),
        numbers={},
    )


def build(papers: Iterable[tuple[int, bytes]]) -> Index:
    """Return the index of papers by row id."""
    return empty().updated(dict(papers))


def vectors_of(papers: Sequence[Content]) -> Vectors:
    """Return the vectors of papers, a row each in their order."""
    levels = [paper.levels for paper in papers]
    return Vectors(
        np.stack(levels) if levels else np.zeros((0, shipped().width), dtype=np.int8),
        np.array([paper.scale for paper in papers], dtype=np.float32),
    )


def _without(index: Index, gone: npt.NDArray[np.bool_]) -> Index:
    moved = (np.cumsum(~gone) - 1).astype(np.int32)
    stays = ~gone[index.holders]
    before = np.concatenate([[0], np.cumsum(stays)])
    return replace(
        index,
        ids=index.ids[~gone],
        days=index.days[~gone],
        vectors=Vectors(index.vectors.levels[~gone], index.vectors.scales[~gone]),
        starts=before[index.starts],
        holders=moved[index.holders[stays]],
        weights=index.weights[stays],
    )


def _with(index: Index, added: Mapping[int, bytes]) -> Index:
    papers = [read(content) for content in added.values()]
    numbers = index.numbers
    fresh = [
        numbers.setdefault(term, len(shipped().position) + len(numbers))
        for paper in papers
        for term in paper.others
    ]
    others = np.array(fresh, dtype=np.int32)
    terms, place = list[npt.NDArray[np.integer]](), 0
    for paper in papers:
        terms += (paper.shipped, others[place : place + len(paper.others)])
        place += len(paper.others)
    counts = [len(paper.weights) for paper in papers]
    holders = np.repeat(np.arange(len(index), len(index) + len(papers), dtype=np.int32), counts)
    term_count = len(shipped().position) + len(numbers)
    known = np.repeat(np.arange(len(index.starts) - 1, dtype=np.int32), np.diff(index.starts))
    by_term = np.concatenate([known, *terms]).astype(np.int32)
    # Stable, and two of its runs are sorted or short: papers stay in order within a term.
    order = np.argsort(by_term, kind="stable")
    fresh_vectors = vectors_of(papers)
    return replace(
        index,
        ids=np.concatenate([index.ids, np.fromiter(added, dtype=np.int64)]),
        days=np.concatenate([index.days, np.array([p.day for p in papers], dtype=np.int32)]),
        vectors=Vectors(
            np.concatenate([index.vectors.levels, fresh_vectors.levels]),
            np.concatenate([index.vectors.scales, fresh_vectors.scales]),
        ),
        starts=np.concatenate([[0], np.cumsum(np.bincount(by_term, minlength=term_count))]),
        holders=np.concatenate([index.holders, holders])[order],
        weights=np.concatenate([index.weights, *(p.weights for p in papers)])[order],
    )
