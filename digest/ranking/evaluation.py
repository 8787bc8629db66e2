"""How good an order of papers was, by what its reader said of them afterwards.

Measures only: which papers were ranked, and when, is for the pipeline to know.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

DEPTH = 10
"""Ranks that a reader looks at: NDCG and recall are cut there."""

RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One order, measured."""

    ndcg: float
    """Normalised discounted cumulative gain at 10, in [0, 1] (Järvelin and Kekäläinen 2002)."""
    recall: float
    """Share of the relevant papers among the first 10."""
    first: int
    """Rank of the first relevant paper, from 1; one past the end where none is in the order."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean (or median) and the 95 % bootstrap interval around it."""

    value: float
    low: float
    high: float


def measure(order: Sequence[int], relevant: Collection[int]) -> Measured:
    """Measure an order of row ids, best first, against a set that is not empty."""
    wanted = set(relevant)
    gains = [paper in wanted for paper in order]
    discounts = 1 / np.log2(np.arange(2, DEPTH + 2))
    top = np.array(gains[:DEPTH], dtype=float)
    ideal = discounts[: min(len(wanted), DEPTH)].sum()
    return Measured(
        ndcg=float((top * discounts[: len(top)]).sum() / ideal),
        recall=float(top.sum() / len(wanted)),
        first=gains.index(True) + 1 if any(gains) else len(order) + 1,
    )


def interval(values: Sequence[float], *, seed: int, median: bool = False) -> Interval:
    """Return the middle of one value a session, with its percentile bootstrap interval.

    Sessions are drawn with replacement (Efron 1979), 2,000 times, by the seed.
    """
    found = np.asarray(values, dtype=float)
    middle = np.median if median else np.mean
    draws = np.random.default_rng(seed).integers(len(found), size=(RESAMPLES, len(found)))
    low, high = np.percentile(middle(found[draws], axis=1), [2.5, 97.5])
    return Interval(value=float(middle(found)), low=float(low), high=float(high))
