"""How good an order of papers was, by what its reader said of them afterwards.

Measures only: which papers were ranked, and when, is for the pipeline to know.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
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


PRIOR = 10
"""The mixture is a Beta distribution of these two parameters: sharpest near 40 and 60 %."""

DOUBT = 0.05
"""How often, at most, a ranker that is no worse is ever called worse, however often one looks."""


def shared_wins(first: int, second: int) -> Interval:
    """Return the share of wins that the second has, with an interval that holds at all times.

    A Beta-binomial confidence sequence (Robbins 1970): the shares that a mixture likelihood ratio
    does not rule out. Of all intervals of a comparison, however many are looked at and whenever it
    is stopped, one misses the true share in at most 5 % of comparisons (Johari et al. 2022). That
    holds for 50 % also where readers differ, if their mean is 50 % on each day: for each share
    mixed, the likelihoods of a day's wins multiply to no more than that of their mean.
    """
    count = first + second
    if not count:
        return Interval(value=0.5, low=0.0, high=1.0)
    mixed = _log_beta(PRIOR + second, PRIOR + first) - _log_beta(PRIOR, PRIOR)
    bound = mixed + math.log(DOUBT)

    def is_in(share: float) -> bool:
        return _log_power(share, second) + _log_power(1 - share, first) > bound

    value = second / count
    return Interval(value=value, low=_border(value, 0.0, is_in), high=_border(value, 1.0, is_in))


def _border(inside: float, outside: float, is_in: Callable[[float], bool]) -> float:
    """Return the last share towards ``outside`` that is in, by halving."""
    if is_in(outside):
        return outside
    for _ in range(24):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if is_in(middle) else (inside, middle)
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_power(base: float, exponent: int) -> float:
    if not exponent:
        return 0.0
    return exponent * math.log(base) if base > 0 else -math.inf
