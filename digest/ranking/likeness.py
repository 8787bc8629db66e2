"""Fit each taste to a direction in words and one in meaning, and say how near each paper is.

Both are in closed form and linear in the papers, so that a block of tastes is a few matrix
products. What a nearness is worth stands in ``interests``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from digest.model import Interest, TermMode
from digest.ranking.meaning import Meaning
from digest.ranking.space import Floats, unit
from digest.ranking.tastes import Taste
from digest.ranking.window import Liked, Window
from digest.ranking.words import content_words

NEAR = 3.0
"""Nearness that makes a paper half sure."""

_WORDS = 0.0125
"""What shared words count, squared, beside meaning: common ones are chance, rare ones are not."""

_TOLD = 0.8
"""What a reader's own words count beside the papers that they like."""

_FEW_MARKS = 2.0
"""So many marks draw half as much as liked papers of a profile that has words and none of those:
the first mark does not push aside what the reader said."""

_MANY_LIKES = 15.0
"""Fewer likes than this say little of what is not liked: the fit stays near their middle."""

LEAST, _LEAST_WORDS = 0.01, 0.001
"""Nothing is so unusual that chance alone is smaller than this, in meaning and in words."""

_MUST_NOT = TermMode.MUST_NOT  # looked up for every term of every reader


def likenesses(window: Window, liked: Liked, tastes: Sequence[Taste]) -> Floats:
    """Return how near each paper is to each taste, in words and in meaning (about -3 to 10).

    In units of how near papers at large are to it, so that it means the same for every taste.
    """
    weights = _weights(liked, tastes)
    said = _said(tastes)
    near = _words(window, liked, weights, said)
    np.maximum(near, 0, out=near)
    near *= np.float32(_WORDS) * near
    for place, (meaning, weight) in enumerate(window.meanings):
        direction = _fitted(meaning, weights @ liked.meaning[place], said)
        direction *= (np.float32(weight) / np.maximum(meaning.usual(direction), LEAST))[:, None]
        near += direction @ window.meaning[place].T
    return near


def sureness(near: Floats) -> Floats:
    """Return the strengths of nearness, in units of what makes a paper half sure.

    How sharply it becomes sure: odds grow with its fourth power, and never saturate.
    """
    odds = np.square(np.square(np.maximum(near, 0)))
    return np.asarray(odds / (1 + odds), dtype=np.float32)


@dataclass(frozen=True)
class _Said:
    """What the readers of a block said in words, and how much that counts."""

    texts: Sequence[str]
    share: Floats
    drawn: Floats
    """How much the liked papers count beside the words."""
    likes: Floats
    """How many papers each taste likes."""


def _said(tastes: Sequence[Taste]) -> _Said:
    likes = [sum(r.weight for r in taste.rated) for taste in tastes]
    texts = [_told(taste.interest) for taste in tastes]
    drawn = [
        1.0 if not text or not all(r.by_mark for r in taste.rated) else count / (count + _FEW_MARKS)
        for taste, text, count in zip(tastes, texts, likes, strict=True)
    ]
    share = [
        1 - (1 - _TOLD) * draw if text else 0.0 for draw, text in zip(drawn, texts, strict=True)
    ]
    counts = (np.array(column, dtype=np.float32) for column in (share, drawn, likes))
    return _Said(texts, *counts)


def _fitted(meaning: Meaning, middle: Floats, said: _Said) -> Floats:
    """Return one unit direction per taste: least squares with the background as zeros.

    In closed form (G + lambda I)^-1 c, where G is the background's second moments and c the
    middle of what is liked: along the background's axes a division. The fewer likes, the nearer
    to plain c.
    """
    wanted = said.drawn[:, None] * unit(middle) + said.share[:, None] * meaning.texts(said.texts)
    shrink = meaning.shrink * np.maximum(1.0, _MANY_LIKES / np.maximum(said.likes, 1.0))
    return unit(wanted / (meaning.spectrum + shrink[:, None]))


def _words(window: Window, liked: Liked, weights: sparse.csr_array, said: _Said) -> Floats:
    """Return the product in words of each paper with each taste, in usual products."""
    query = window.space.vectors([content_words(text) for text in said.texts])
    middle = weights @ liked.sketches
    length = np.sqrt((middle * middle).sum(axis=1))
    drawn = (said.drawn / np.where(length > 0, length, 1))[:, None]
    share = said.share * (query.indptr[1:] > query.indptr[:-1])
    chance = drawn * (weights @ liked.usual) + share[:, None] * window.space.usual(query)
    scale = np.sqrt(np.square(chance).sum(axis=1) + _LEAST_WORDS**2)
    found = drawn / scale[:, None] * (weights @ liked.likeness)
    found += (share / scale)[:, None] * window.likeness(query)
    return np.asarray(found, dtype=np.float32)


def _told(interest: Interest) -> str:
    """Return what the reader said in words."""
    terms = [t.text for t in interest.terms if t.mode is not _MUST_NOT]
    return " ".join((*terms, interest.text))


def _weights(liked: Liked, tastes: Sequence[Taste]) -> sparse.csr_array:
    """Return one row per taste: how much each liked paper counts."""
    columns = [liked.rows[r.paper.key] for taste in tastes for r in taste.rated]
    values = [r.weight for taste in tastes for r in taste.rated]
    indptr = np.concatenate([[0], np.cumsum([len(taste.rated) for taste in tastes])])
    shape = (len(tastes), len(liked.rows))
    return sparse.csr_array((np.array(values, dtype=np.float32), columns, indptr), shape=shape)
