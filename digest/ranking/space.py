"""Turn texts into vectors of words whose products say how alike the texts are.

Knows words only by their weight; what a reader wants stands in ``interests``.
"""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from digest.model import Paper
from digest.ranking.words import content_words

Floats = npt.NDArray[np.float32]

_STRANGE = 4096
"""Columns shared by features that no paper of the window has: they only add to a row's length."""

_SKETCH = 256
"""Numbers of a sketch: lengths come out within about 4 %."""

_RARE = 30
"""Near duplicates share features that at most so many papers of a window have."""

_TELLING = 12
"""Texts of fewer features say too little to be called the same."""


def paper_text(paper: Paper) -> str:
    """Return what a paper says of its subject; the title first."""
    return f"{paper.title}. {paper.abstract or paper.summary} {' '.join(paper.keywords)}"


def paper_words(paper: Paper) -> tuple[str, ...]:
    """Return the words that are compared: those of ``paper_text``, a title's twice."""
    found = content_words(paper_text(paper))  # known already where the paper taught, too
    return content_words(paper.title) + found if paper.abstract or paper.summary else found


class Space:
    """TF-IDF over words and pairs of words, with weights from a sample of texts."""

    def __init__(
        self,
        texts: Sequence[Sequence[str]],
        frequencies: Mapping[str, int] | None = None,
        count: int = 0,
    ) -> None:
        """Weigh features by these texts and by ``count`` others that were counted before.

        Texts are split into content words, here and below.
        """
        bags = [Counter(paper_features(text)) for text in texts]
        counts = Counter(itertools.chain.from_iterable(bags))
        self._column = {feature: n for n, feature in enumerate(sorted(counts))}
        before = frequencies or {}
        frequency = np.array([counts[f] + before.get(f, 0) for f in self._column], dtype=float)
        total = len(texts) + count + 1
        rarest = np.full(_STRANGE, np.log(total / 0.5) + 1)
        common = np.log(total / (frequency + 0.5)) + 1
        self._idf = np.concatenate([common, rarest]).astype(np.float32)
        share = np.concatenate([(frequency + 0.5) / total, np.zeros(_STRANGE)])
        self._usual = (np.sqrt(share) * self._idf).astype(np.float32)
        places = np.arange(len(self._idf), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        signs = np.where(places >> np.uint64(40) & np.uint64(1), 1, -1).astype(np.float32)
        buckets = (places >> np.uint64(41)) % np.uint64(_SKETCH)
        self._signs = sparse.csr_array(
            (signs, buckets.astype(np.int64), np.arange(len(signs) + 1)),
            shape=(len(signs), _SKETCH),
        )
        self.known = len(self._column)
        """How many of the columns stand for features of the sample; the first ones."""
        at = self._column.__getitem__
        self.sample = self._rows((map(at, bag), bag.values()) for bag in bags)
        """The rows of these texts."""
        lengths = [np.linalg.norm(self._idf[[*map(at, bag)]]) for bag in bags if bag]
        self._usual /= np.float32(np.median(lengths)) if lengths else np.float32(1)

    def vectors(self, texts: Sequence[Sequence[str]]) -> sparse.csr_array:
        """Return one unit row per text; a zero row where a text has no word."""
        bags = map(self._bag, texts)
        return self._rows((bag, bag.values()) for bag in bags)

    def _bag(self, text: Sequence[str]) -> dict[int, int]:
        """Return the columns of a text's features, and how often each stands there."""
        found: dict[int, int] = {}
        for feature in paper_features(text):
            column = self._column.get(feature)
            if column is None:
                column = self._strange(feature)
            found[column] = found.get(column, 0) + 1
        return found

    def _rows(self, bags: Iterable[tuple[Iterable[int], Iterable[int]]]) -> sparse.csr_array:
        """Return unit rows; of each the columns, and how often their features stand there."""
        indptr, columns, repeats = [0], list[int](), list[int]()
        for found, counts in bags:
            columns.extend(found)
            repeats.extend(counts)
            indptr.append(len(columns))
        where = np.array(columns, dtype=np.int64)
        weights = (1 + np.log(np.array(repeats, dtype=np.float32))) * self._idf[where]
        shape = (len(indptr) - 1, len(self._idf))
        rows = sparse.csr_array((weights, where, np.array(indptr)), shape=shape)
        return unit_rows(rows)

    def sketches(self, rows: sparse.csr_array) -> Floats:
        """Return short dense rows whose products are near those of the rows (count sketch).

        Charikar, Chen and Farach-Colton 2002, doi:10.1007/3-540-45465-9_59.
        """
        return np.asarray((rows @ self._signs).todense(), dtype=np.float32)

    def usual(self, rows: sparse.csr_array) -> Floats:
        """Return sketches whose length is the usual product (root of the mean square) with a text.

        A feature counts by how many texts hold it, as if features came independently. Sketches
        may be added, as the rows may.
        """
        usual = sparse.diags_array(self._usual, dtype=np.float32).tocsr()
        return self.sketches(sparse.csr_array(rows @ usual))

    def _strange(self, feature: str) -> int:
        """Return the column of a feature that the sample does not have."""
        # crc32 and not hash(): the same text has the same row in every process.
        return self.known + zlib.crc32(feature.encode()) % _STRANGE


def unit_rows(rows: sparse.csr_array) -> sparse.csr_array:
    """Return rows of length one; rows of zeros stay."""
    lengths = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    scale = 1 / np.where(lengths > 0, lengths, 1)
    found = rows.copy()
    found.data = found.data * np.repeat(scale, np.diff(found.indptr)).astype(found.data.dtype)
    return found


def unit(rows: npt.NDArray[np.floating]) -> Floats:
    """Return dense rows of length one; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def near_duplicates(rows: sparse.csr_array, above: float) -> dict[int, frozenset[int]]:
    """Return the positions of the unit rows whose product with a row is above a cosine."""
    by_column = rows.tocsc()
    counts = np.diff(by_column.indptr)
    rare = by_column[:, (counts > 1) & (counts <= _RARE)].tocsr()
    # Texts that say the same share their rare features; only such pairs are looked at in full.
    pairs = sparse.triu(rare @ rare.T, k=1).tocoo()
    sizes = np.diff(rows.indptr)
    close = (pairs.data > above / 4) & (np.minimum(sizes[pairs.row], sizes[pairs.col]) >= _TELLING)
    left, right = pairs.row[close], pairs.col[close]
    if not len(left):
        return {}
    cosine = np.asarray(rows[left].multiply(rows[right]).sum(axis=1)).ravel()
    found: dict[int, set[int]] = {}
    for a, b in zip(left[cosine > above].tolist(), right[cosine > above].tolist(), strict=True):
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return {position: frozenset(others) for position, others in found.items()}


def paper_features(found: Sequence[str]) -> list[str]:
    """Return content words and their neighbouring pairs."""
    return [*found] + [f"{a} {b}" for a, b in itertools.pairwise(found)]
