"""Choose the picks of a block of readers at once, as ``choose`` does for each by itself.

Where no quota, no group of authors, no near duplicate and no interest without a pick can change
what the shares of earlier papers leave, the choice is a few operations on arrays; ``choose``
decides for the other readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from digest.ranking import Reader
from digest.ranking.choose import (
    ON_TOPIC,
    STEPS,
    Chosen,
    Limits,
    Scored,
    choose,
    explorers,
    most_carried,
    most_late,
    most_of_group,
    seed_of,
)
from digest.ranking.space import Floats
from digest.ranking.tastes import Taste
from digest.ranking.window import Flags, Positions, Window

_MANY_TASTES = 8

_VALUES = np.arange(STEPS + 1, dtype=np.uint16) / np.float32(STEPS)
"""The score of each step."""


@dataclass(frozen=True)
class Seat:
    """A reader in a block, with what teaches each interest."""

    reader: Reader
    tastes: tuple[Taste, ...]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How every paper stands with every reader of a block: one row a reader."""

    window: Window
    seats: Sequence[Seat]
    seed: int
    steps: npt.NDArray[np.uint16]
    interest: Floats
    order: Positions
    """Positions, best first; equal ones in the order of their keys."""
    may: Flags
    """What may be picked at all."""
    eligible: Positions
    """So many of the first in ``order`` may be."""
    best: Mapping[int, Positions]
    """By reader of several interests: which one claims each paper."""
    carried: Sequence[Flags]

    def scored(self, number: int) -> Scored:
        """Return how the papers stand with one reader."""
        window, seat = self.window, self.seats[number]
        interests = seat.reader.profile.interests
        names = {name for interest in interests for name in interest.authors}
        return Scored(
            order=self.order[number, : self.eligible[number]],
            score=self.steps[number] / np.float32(STEPS),
            interest=self.interest[number],
            trend=window.trend,
            best=self.best.get(number),
            names=[taste.interest.name for taste in seat.tastes],
            carried=self.carried[number],
            late=window.late,
            groups=window.groups,
            followed=frozenset(p for name in names for p in window.people(name)),
            duplicates=window.duplicates,
        )

    def limits(self, number: int) -> Limits:
        """Return how this reader's edition may look."""
        reader = self.seats[number].reader
        profile = reader.profile
        return Limits(
            floor=profile.min_score,
            cap=profile.max_papers,
            quotas={i.name: i.quota for i in profile.interests if i.quota is not None},
            exploration=profile.exploration,
            seed=seed_of(self.seed, reader.subscription_id),
        )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """One reader's picks: positions, best first, and which of them were explored."""

    positions: Sequence[int]
    explored: Collection[int] = ()


def chosen(standing: Standing, number: int) -> Chosen:
    """Return what ``choose`` decides for one reader, with why others were refused."""
    return choose(standing.scored(number), standing.limits(number))


def pick_all(standing: Standing) -> list[Picked]:
    """Return each reader's picks, in order."""
    window, order = standing.window, standing.order
    profiles = [seat.reader.profile for seat in standing.seats]
    floors = np.array([profile.min_score for profile in profiles], dtype=np.float32)
    lowest = np.searchsorted(_VALUES, floors).astype(np.uint16)[:, None]
    caps = [profile.max_papers for profile in profiles]
    passing = np.count_nonzero((standing.steps >= lowest) & standing.may, axis=1)
    outside = [
        explorers(standing.scored(number), standing.limits(number), int(passing[number]))
        if profile.exploration and 0 < passing[number] < standing.eligible[number]
        else []
        for number, profile in enumerate(profiles)
    ]
    room = np.array(caps) - [len(found) for found in outside]
    width = min(len(window), 2 * int(room.max(initial=1)))
    top = order[:, :width]
    passes = np.arange(width) < passing[:, None]
    taken = passes & _within_shares(standing, top, caps)
    taken &= taken.cumsum(axis=1) <= room[:, None]
    slow = (taken.sum(axis=1) < room) & (passing > width)
    slow |= [any(i.quota is not None for i in profile.interests) for profile in profiles]
    slow |= _are_crowded(window, top, taken, caps)
    slow |= _miss_first(standing, top, passes, taken, passing)
    found = []
    for number, (is_slow, explored) in enumerate(zip(slow.tolist(), outside, strict=True)):
        if is_slow:
            whole = chosen(standing, number)
            found.append(Picked(positions=whole.positions, explored=whole.explored))
            continue
        positions = top[number, taken[number]].tolist()
        if explored:
            steps = standing.steps[number]
            positions = sorted([*positions, *explored], key=lambda p: (-int(steps[p]), p))
        found.append(Picked(positions=positions, explored=explored))
    return found


def _within_shares(standing: Standing, top: Positions, caps: Sequence[int]) -> Flags:
    """Tell what the shares of late and of carried papers leave, taken in this order."""
    flags: dict[int, Flags] = {id(one): one for one in standing.carried}
    if not any(one.any() for one in flags.values()):
        return np.ones(top.shape, dtype=bool)
    places = {key: n for n, key in enumerate(flags)}
    which = np.array([places[id(one)] for one in standing.carried], dtype=np.intp)
    carried = np.stack(list(flags.values()))[which[:, None], top]
    late = standing.window.late[top]
    too_late = late & (late.cumsum(axis=1) > _column(most_late, caps))
    counted = carried & ~too_late
    kept: Flags = counted & (counted.cumsum(axis=1) <= _column(most_carried, caps))
    return kept | ~carried


def _column(most: Callable[[int], int], caps: Sequence[int]) -> Positions:
    return np.array([most(cap) for cap in caps], dtype=np.intp)[:, None]


def _are_crowded(window: Window, top: Positions, taken: Flags, caps: Sequence[int]) -> Flags:
    """Tell who may have taken too many of one group, or near duplicates."""
    reader, place = np.nonzero(taken)
    positions = top[reader, place]
    crowded = np.zeros(len(top), dtype=bool)
    for labels, most in (
        (window.crowds, _column(most_of_group, caps)[:, 0]),
        (window.duplicate_groups, np.ones(len(caps), dtype=np.intp)),
    ):
        told = labels[positions]
        pick, column = np.nonzero(told >= 0)
        if not len(pick):
            continue
        pairs = reader[pick] * (int(labels.max()) + 1) + told[pick, column]
        pairs, counts = np.unique(pairs, return_counts=True)
        whose = pairs // (int(labels.max()) + 1)
        crowded[whose[counts > most[whose]]] = True
    return crowded


def _miss_first(
    standing: Standing, top: Positions, passes: Flags, taken: Flags, passing: Positions
) -> Flags:
    """Tell who did not take the best paper of an interest that has one.

    Where all are taken in any case, it is the same to have taken them first: the shares are a
    laminar matroid, whose best set has no other order.
    """
    counts = np.array([len(seat.tastes) for seat in standing.seats], dtype=np.intp)
    missed = counts > _MANY_TASTES
    lines = np.arange(len(top))
    on_topic = passes & (standing.interest[lines[:, None], top] >= ON_TOPIC)
    best = np.zeros(top.shape, dtype=np.intp)
    for number, claims in standing.best.items():
        best[number] = claims[top[number]]
    for taste in range(min(int(counts.max(initial=0)), _MANY_TASTES)):
        mine = on_topic & (best == taste)
        has = mine.any(axis=1)
        missed |= has & ~taken[lines, mine.argmax(axis=1)]
        unsure = (counts > taste) & ~has & (passing > top.shape[1])
        for number in np.flatnonzero(unsure).tolist():
            rest = standing.order[number, top.shape[1] : passing[number]]
            further = standing.interest[number, rest] >= ON_TOPIC
            if number in standing.best:
                further &= standing.best[number][rest] == taste
            missed[number] |= further.any()
    return missed
