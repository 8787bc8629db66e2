"""Tell what is taking off: from the history of signals to a heat in [0, 1].

Never a raw count: values are compared at equal age, within their own kind, on a log scale with a
bound, so that neither one old famous paper nor one source's habits decide. A kind that stops
being observed (its source died) leaves the others' scale as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from digest.model import Observation, Paper

Floats = npt.NDArray[np.float64]

WINDOWS_DAYS = (1, 7, 30)
"""Over how many days a gain is looked at; a short window weighs more."""

_WINDOW_WEIGHTS = {1: 0.5, 7: 0.35, 30: 0.15}

_KIND_WEIGHTS = {
    "hf_upvotes": 1.0,
    "local_votes": 0.9,
    "hn_points": 0.8,
    "github_stars": 0.7,
    "hf_comments": 0.06,
    "hn_comments": 0.06,
    "citations": 0.4,
}
_OTHER_WEIGHT = 0.5

# What a kind looks like before a window has shown it: median and spread of log(1 + gain). A
# window's own figures replace it as they come in, so a day of three papers is not a scale.
_PRIOR = {
    "hf_upvotes": (math.log1p(6), 1.0),
    "hf_comments": (math.log1p(1), 0.6),
    "github_stars": (math.log1p(20), 1.5),
    "hn_points": (math.log1p(10), 1.3),
    "hn_comments": (math.log1p(3), 1.0),
    "citations": (math.log1p(1), 0.8),
    "local_votes": (math.log1p(1), 0.7),
}
PROMISE = 0.1
"""The most heat that a paper has for what it says alone."""

HOPE = 0.2
"""How far what a paper says moves its votes (both as logarithms): votes soon say it themselves."""

TOOK_OFF = 0.45
"""An older paper took off from this heat on: in votes, nearly one spread above the usual."""

_PRIOR_COUNT = 20.0
_MOST_OF_ONE = 5
"""So many papers of one first author say what is usual in a window."""

_MIN_SPREAD = 0.35


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How much a signal of a paper grew between two observations."""

    kind: str
    value: float
    """The latest value."""
    gain: float
    """What was added since ``since_at``; the value itself where nothing earlier is known."""
    since_at: datetime | None
    """When the earlier value was observed; None where the paper was first seen later."""
    observed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Heat:
    """One paper's trend: a score in [0, 1], by kind, and the gain that says it best."""

    score: float = 0.0
    by_kind: Mapping[str, float]
    gains: tuple[Gain, ...] = ()


def heats(
    papers: Sequence[Paper],
    observations: Mapping[int, Sequence[Observation]],
    now: datetime,
    *,
    promise: Sequence[float] | npt.NDArray[np.floating] = (),
) -> list[Heat]:
    """Return each paper's heat, in order; 0 for papers of which nothing is known.

    ``promise`` says of each paper how much it may be talked of (log of votes beyond usual).
    """
    hopes = list(map(float, promise)) or [0.0] * len(papers)
    series = [_by_kind(observations.get(paper.row_id, ()), now) for paper in papers]
    kinds = sorted({kind for found in series for kind in found})
    by_kind: list[dict[str, float]] = [{} for _ in papers]
    for kind in kinds:
        positions = [i for i, found in enumerate(series) if kind in found]
        strengths = np.array(
            [
                _strength(series[i][kind], _age_hours(papers[i], now), now) + HOPE * hopes[i]
                for i in positions
            ]
        )
        scale = strengths[_apart([papers[i] for i in positions], strengths)]
        for i, heat in zip(positions, _calibrated(kind, strengths, scale), strict=True):
            by_kind[i][kind] = float(heat)
    return [
        Heat(
            score=_combined(found, hopes[i]),
            by_kind=found,
            gains=tuple(gain_since(kind, s) for kind, s in sorted(series[i].items())),
        )
        for i, found in enumerate(by_kind)
    ]


def _apart(papers: Sequence[Paper], strengths: Floats) -> list[int]:
    """Return the places of papers that make a scale: who floods a window counts a few times.

    Of a first author's papers some of all strengths stand for the rest.
    """
    groups: dict[str, list[int]] = {}
    for place in np.argsort(strengths, kind="stable").tolist():
        authors = papers[place].authors
        name = authors[0].name.casefold() if authors else str(place)
        groups.setdefault(name, []).append(place)
    kept = []
    for places in groups.values():
        count = min(_MOST_OF_ONE, len(places))
        kept += [places[(2 * n + 1) * len(places) // (2 * count)] for n in range(count)]
    # Where hardly anybody else is there, the one group is what is usual.
    return kept if len(kept) >= _PRIOR_COUNT else list(range(len(papers)))


def late_heats(
    late: Sequence[Paper],
    usual: Sequence[Paper],
    observations: Mapping[int, Sequence[Observation]],
    start: datetime,
    now: datetime,
) -> list[Heat]:
    """Return, for papers from before a window, how they took off in it; in order.

    What each gained between ``start`` and ``now`` is measured by what the window's own papers,
    ``usual``, gained in their first days: no allowance for age, so a trickle is none.
    """
    old = [_by_kind(observations.get(paper.row_id, ()), now) for paper in late]
    new = [_by_kind(observations.get(paper.row_id, ()), now) for paper in usual]
    by_kind: list[dict[str, float]] = [{} for _ in late]
    for kind in sorted({kind for found in old for kind in found}):
        positions = [i for i, found in enumerate(old) if kind in found]
        gained = np.array([math.log1p(_gained(old[i][kind], start)) for i in positions])
        scale = [math.log1p(max(found[kind][-1].value, 0.0)) for found in new if kind in found]
        for i, heat in zip(positions, _calibrated(kind, gained, np.array(scale)), strict=True):
            by_kind[i][kind] = float(heat)
    return [
        Heat(
            score=_combined(found, 0.0),
            by_kind=found,
            gains=tuple(_gain_over(kind, s, start) for kind, s in sorted(old[i].items())),
        )
        for i, found in enumerate(by_kind)
    ]


def _gained(series: Sequence[Observation], start: datetime) -> float:
    """Return the growth since an instant, between two observations as if it were even."""
    base = series[0].value
    if series[0].observed_at <= start:
        base = _value_at(series, start, 0.0, 0)
    return max(series[-1].value - base, 0.0)


def _gain_over(kind: str, series: Sequence[Observation], start: datetime) -> Gain:
    """Return the gain over the last observation before a window, or else the first in it."""
    base = next((o for o in reversed(series) if o.observed_at <= start), series[0])
    return Gain(
        kind=kind,
        value=series[-1].value,
        gain=series[-1].value - base.value,
        since_at=base.observed_at,
        observed_at=series[-1].observed_at,
    )


def weight_of(kind: str) -> float:
    """Return what a kind of signal weighs beside others; in [0, 1]."""
    return _KIND_WEIGHTS.get(kind, _OTHER_WEIGHT)


def growth(age_hours: float) -> float:
    """Return what share of a week's votes a paper of this age has, relative to 12 hours.

    Upvotes were seen to grow by 29 % from 12 to 24 hours, and to 1.75 times in 4 to 10 days.
    """
    if age_hours <= 12:
        return 0.35 + 0.65 * max(age_hours, 0.0) / 12
    return 1 + 0.75 * (1 - math.exp(-(age_hours - 12) / 40))


def gain_since(kind: str, series: Sequence[Observation], hours: float = 20) -> Gain:
    """Return the gain over the last observation that is at least ``hours`` old."""
    latest = series[-1]
    earlier = [o for o in series if o.observed_at <= latest.observed_at - timedelta(hours=hours)]
    base = earlier[-1] if earlier else None
    return Gain(
        kind=kind,
        value=latest.value,
        gain=latest.value - (base.value if base else 0.0),
        since_at=base.observed_at if base else None,
        observed_at=latest.observed_at,
    )


def _by_kind(observations: Sequence[Observation], now: datetime) -> dict[str, list[Observation]]:
    found: dict[str, list[Observation]] = {}
    for observation in observations:
        if observation.observed_at <= now and math.isfinite(observation.value):
            found.setdefault(observation.kind, []).append(observation)
    return found


def _age_hours(paper: Paper, now: datetime) -> float:
    born = paper.published_at or paper.first_seen_at
    return max((now - min(born, paper.first_seen_at)) / timedelta(hours=1), 1.0)


def _strength(series: Sequence[Observation], age_hours: float, now: datetime) -> float:
    """Return log(1 + gain) over the windows, as if every paper were twelve hours old."""
    total = weight = 0.0
    latest = series[-1]
    silent = max((now - latest.observed_at) / timedelta(hours=1), 0.0)
    age = max(age_hours - silent, 1.0)
    for days in WINDOWS_DAYS:
        start = latest.observed_at - timedelta(days=days)
        base = _value_at(series, start, age, days)
        span = growth(age) - (growth(age - 24 * days) if age > 24 * days else 0.0)
        gain = max(latest.value - base, 0.0) / max(span, 0.08)
        total += _WINDOW_WEIGHTS[days] * math.log1p(gain)
        weight += _WINDOW_WEIGHTS[days]
    return total / weight


def _value_at(series: Sequence[Observation], at: datetime, age: float, days: int) -> float:
    """Return the value at an instant: observed, interpolated, or as growth would have it."""
    before = [o for o in series if o.observed_at <= at]
    if before:
        left, right = before[-1], series[min(len(before), len(series) - 1)]
        span = (right.observed_at - left.observed_at) / timedelta(hours=1)
        share = (at - left.observed_at) / timedelta(hours=1) / span if span > 0 else 0.0
        return left.value + (right.value - left.value) * share
    if age <= 24 * days:
        return 0.0
    # Older than the window but not watched back then: assume the usual curve, claim no more.
    first = series[0]
    return min(first.value, series[-1].value * growth(age - 24 * days) / growth(age))


def _calibrated(kind: str, strengths: Floats, seen: Floats) -> Floats:
    """Return strengths from 0 to 1, where 0.5 is one spread above the median of those ``seen``."""
    middle, spread = _PRIOR.get(kind, (math.log1p(5), 1.0))
    if len(seen):
        share = len(seen) / (len(seen) + _PRIOR_COUNT)
        median = float(np.median(seen))
        seen_spread = 1.4826 * float(np.median(np.abs(seen - median)))
        middle = (1 - share) * middle + share * median
        spread = (1 - share) * spread + share * seen_spread
    spread = max(spread, _MIN_SPREAD)
    scaled = np.clip((strengths - middle) / spread, -6, 6)
    return np.asarray(1 / (1 + np.exp(-1.4 * (scaled - 1))))


def _combined(by_kind: Mapping[str, float], hope: float) -> float:
    """Return the chance that at least one kind means it (noisy or): agreement helps."""
    left = 1 - PROMISE * min(max(hope, 0.0), 1.0)
    for kind, heat in by_kind.items():
        left *= 1 - weight_of(kind) * heat
    return 1 - left
