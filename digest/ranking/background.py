"""Learn from papers at large what words mean here, and what all papers share.

Random papers are every reader's shared negatives. Of them only statistics are kept: how many
hold a word, the mean of those that do (a word is moved towards it, which also gives a vector to
names that no table knows), the mean of all, and their second moments. Knows no reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from scipy import sparse

from digest.model import Paper
from digest.ranking.meaning import centred, principal
from digest.ranking.space import Floats, paper_features, paper_text, unit, unit_rows
from digest.ranking.table import WordTable, shipped
from digest.ranking.words import content_words

_PULL = 6.0
"""How far a word moves to its papers, in usual lengths of a word's vector."""

_DOUBT = 3.0
"""A word held by so many papers moves half of the way."""

_PASSES = 2
_PRIOR_PAPERS = 200.0
"""The shipped statistics count like so many papers."""

_UNKNOWN_RARITY = 8.0

_TITLE = np.float32(0.5)
"""What a title counts beside the whole text."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """What papers at large are like; ``learn`` makes one, ``unlearned`` needs no papers."""

    shrink: ClassVar[float] = 0.005

    count: int
    """How many papers it was learnt from."""
    frequencies: Mapping[str, int]
    """How many of them hold a feature (a word or a pair); those of one paper are left out."""
    table: WordTable
    moved: Mapping[str, int]
    """Words that were moved: row in ``vectors``."""
    vectors: Floats
    mean: Floats
    spectrum: Floats
    """Second moments along ``axes``, the principal directions of the papers."""
    axes: Floats
    spread: Floats
    """Factor of the second moments of papers of all fields, in rows along ``axes``."""

    def papers(self, papers: Sequence[Paper]) -> Floats:
        """Return one unit row per paper: its text, and once more its title, which says it best."""
        whole = self.encode([paper_text(paper) for paper in papers])
        return unit(whole + _TITLE * self.encode([paper.title for paper in papers]))

    def usual(self, directions: Floats) -> Floats:
        """Return how far papers at large lie along each direction (root of the mean square).

        The farther of those of all fields and those that were learnt from: a store that holds
        little of a field says little of how far its papers lie apart.
        """
        near = np.square(directions) @ self.spectrum
        broad = np.square(directions @ self.spread).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(near, broad)), dtype=np.float32)

    def texts(self, texts: Sequence[str]) -> Floats:
        """As ``encode``: no text is too short for a word table."""
        return self.encode(texts)

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit row per text along ``axes``, without what all papers share.

        Rows are zero where no word of a text is known.
        """
        return self.encode_words([content_words(text) for text in texts])

    def encode_words(self, texts: Sequence[Sequence[str]]) -> Floats:
        """As ``encode``, of texts already split into content words."""
        bags, words = _bags(texts)
        rarity = self.table.rarities(words, unknown=_UNKNOWN_RARITY)
        vectors = self.table.rows(words)
        at = np.array([self.moved.get(word, -1) for word in words], dtype=np.intp)
        vectors[at >= 0] = self.vectors[at[at >= 0]]
        found = _mixed(bags, vectors, rarity)
        return centred(found, self.mean) @ self.axes


@cache
def unlearned() -> Background:
    """Return what a fresh installation knows: the shipped table and its statistics."""
    table = shipped()
    spectrum, axes = principal(table.gram)
    return Background(
        count=0,
        frequencies={},
        table=table,
        moved={},
        vectors=np.zeros((0, table.width), dtype=np.float32),
        mean=table.mean,
        spectrum=spectrum,
        axes=axes,
        spread=_spread(table, axes),
    )


def learn(papers: Iterable[Paper]) -> Background:
    """Return what these papers are like; any number will do, some thousands are well."""
    table = shipped()
    texts = [content_words(paper_text(paper)) for paper in papers]
    if not texts:
        return unlearned()
    bags, words = _bags(texts)
    held = np.asarray(bags.sum(axis=0)).ravel()
    rarity = table.rarities(words, unknown=_UNKNOWN_RARITY)
    base = table.rows(words)
    lengths = np.linalg.norm(base, axis=1)
    usual = float(np.median(lengths[lengths > 0])) if lengths.any() else 1.0
    pull = (_PULL * usual * held / (held + _DOUBT))[:, None]
    vectors = base
    for _ in range(_PASSES):
        found = _mixed(bags, vectors, rarity)
        apart = centred(found, found.mean(axis=0))
        around = (bags.T @ apart) / held[:, None]
        vectors = np.asarray(base + pull * around, dtype=np.float32)
    found = _mixed(bags, vectors, rarity)
    share = len(texts) / (len(texts) + _PRIOR_PAPERS)
    mean = np.asarray(share * found.mean(axis=0) + (1 - share) * table.mean, dtype=np.float32)
    apart = centred(found, mean)
    gram = share * (apart.T @ apart) / len(texts) + (1 - share) * table.gram
    spectrum, axes = principal(np.asarray(gram, dtype=np.float32))
    return Background(
        count=len(texts),
        frequencies=_frequencies(texts),
        table=table,
        moved={word: n for n, word in enumerate(words)},
        vectors=vectors,
        mean=mean,
        spectrum=spectrum,
        axes=axes,
        spread=_spread(table, axes),
    )


def moments(table: WordTable, texts: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the mean of the texts' unit vectors, and the centred ones' second moments."""
    found = _plain_rows(table, texts)
    mean = found.mean(axis=0)
    apart = centred(found, mean)
    return mean, np.asarray(apart.T @ apart / len(texts), dtype=np.float32)


def weighted_moments(
    table: WordTable, titles: Sequence[str], texts: Sequence[str], weights: Floats
) -> Floats:
    """Return the second moments of papers' rows around their mean, papers counting by weight."""
    whole, title = (_plain_rows(table, some) for some in (texts, titles))
    mean = weights @ whole
    apart = unit(centred(whole, mean) + _TITLE * centred(title, mean))
    return np.asarray((apart * weights[:, None]).T @ apart, dtype=np.float32)


def _plain_rows(table: WordTable, texts: Sequence[str]) -> Floats:
    bags, words = _bags([content_words(text) for text in texts])
    return _mixed(bags, table.rows(words), table.rarities(words, unknown=_UNKNOWN_RARITY))


def _spread(table: WordTable, axes: Floats) -> Floats:
    values, directions = principal(table.broad)
    return np.asarray(axes.T @ (directions * np.sqrt(values)), dtype=np.float32)


def _frequencies(texts: Sequence[Sequence[str]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(paper_features(text)))
    return {feature: count for feature, count in counts.items() if count > 1}


def _bags(texts: Sequence[Sequence[str]]) -> tuple[sparse.csr_array, list[str]]:
    """Return which words (columns) each text holds, and the words."""
    column: dict[str, int] = {}
    indptr, indices = [0], list[int]()
    for text in texts:
        indices.extend(column.setdefault(word, len(column)) for word in dict.fromkeys(text))
        indptr.append(len(indices))
    ones = np.ones(len(indices), dtype=np.float32)
    shape = (len(texts), max(len(column), 1))
    bags = sparse.csr_array((ones, np.array(indices, dtype=np.int64), indptr), shape=shape)
    return bags, list(column) or [""]


def _mixed(bags: sparse.csr_array, vectors: Floats, rarity: Floats) -> Floats:
    """Return the unit rows of texts: means of their words, rare ones weighing more."""
    weighted = unit_rows(bags @ sparse.diags_array(rarity, dtype=np.float32).tocsr())
    return unit(np.asarray(weighted @ vectors))
