"""Turn texts into vectors whose products say how alike the texts are.

Knows words only by their weight; what a reader wants stands in ``interests``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from digest.model import Paper
from digest.ranking.words import content_words

Floats = npt.NDArray[np.float64]


def paper_text(paper: Paper) -> str:
    """Return what a paper says of its subject; the title first."""
    return f"{paper.title}. {paper.abstract or paper.summary} {' '.join(paper.keywords)}"


class Space:
    """TF-IDF over words and pairs of words, with weights from a sample of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(set(_features(text)))
        self._total = len(texts)
        self._column = {feature: n for n, feature in enumerate(sorted(counts))}
        frequency = np.array([counts[f] for f in self._column], dtype=float)
        self._idf = np.log((self._total + 1) / (frequency + 0.5)) + 1

    def vectors(self, texts: Sequence[str]) -> sparse.csr_array:
        """Return one unit row per text; a zero row where no word is known."""
        indptr, indices, values = [0], [], []
        for text in texts:
            found: Counter[int] = Counter(
                column
                for feature in _features(text)
                if (column := self._column.get(feature)) is not None
            )
            columns = np.fromiter(found, dtype=np.intp, count=len(found))
            weights = np.array([1 + np.log(n) for n in found.values()]) * self._idf[columns]
            norm = float(np.sqrt((weights**2).sum())) or 1.0
            indices.extend(columns.tolist())
            values.extend((weights / norm).tolist())
            indptr.append(len(indices))
        shape = (len(texts), max(len(self._column), 1))
        return sparse.csr_array((values, indices, indptr), shape=shape)


def _features(text: str) -> list[str]:
    found = content_words(text)
    return found + [f"{a} {b}" for a, b in itertools.pairwise(found)]
