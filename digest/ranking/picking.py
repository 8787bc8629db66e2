"""Choose the picks of a block of readers at once, as ``choose`` does for each by itself.

Where no quota, no group of authors, no near duplicate and no interest without a pick can change
what the shares of earlier papers leave, the choice is a few operations on arrays; ``choose``
decides for the other readers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from digest.ranking import Reader
from digest.ranking.choose import (
    ON_TOPIC,
    STEPS,
    WORTH,
    Chosen,
    Limits,
    Scored,
    Steps,
    choose,
    drawn,
    most_carried,
    most_late,
    most_of_group,
    seed_of,
    worth_a_look,
)
from digest.ranking.space import Floats
from digest.ranking.tastes import Rated, Taste
from digest.ranking.window import Flags, Positions, Window

_MANY_TASTES = 8

_LOOKS = (2, 12, 10**6)
"""How many of the best papers are looked at, in times of what an edition holds."""

_VALUES = np.arange(STEPS + 1, dtype=np.uint16) / np.float32(STEPS)
"""The score of each step."""

_STRONG = int(np.searchsorted(_VALUES, np.float32(WORTH)))


@dataclass(frozen=True)
class Seat:
    """A reader in a block, with what teaches each interest."""

    reader: Reader
    tastes: tuple[Taste, ...]
    away: tuple[Rated, ...] = ()
    """Every paper that the reader wants fewer like."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How every paper stands with every reader of a block: one row a reader."""

    window: Window
    seats: Sequence[Seat]
    seed: int
    steps: Steps
    interest: Floats
    trend: Floats
    """One row for everybody, or one each where somebody's marks lower it."""
    floors: Sequence[float]
    """The score that a paper needs, by reader."""
    order: Positions
    """Positions, best first; equal ones in the order of their keys."""
    may: Flags
    """What may be picked at all."""
    eligible: Positions
    """So many of the first in ``order`` may be."""
    best: Mapping[int, Positions]
    """By reader of several interests: which one claims each paper."""
    carried: Sequence[Flags]
    not_wanted: Mapping[int, Flags] = field(default_factory=dict)
    """By reader who has grades: the papers of the lowest one."""

    def trend_of(self, number: int) -> Floats:
        """Return the trend of each paper as it counts for one reader."""
        found: Floats = self.trend[number if len(self.trend) > 1 else 0]
        return found

    def scored(self, number: int) -> Scored:
        """Return how the papers stand with one reader."""
        window, seat = self.window, self.seats[number]
        interests = seat.reader.profile.interests
        names = {name for interest in interests for name in interest.authors}
        return Scored(
            order=self.order[number, : self.eligible[number]],
            score=self.steps[number] / np.float32(STEPS),
            interest=self.interest[number],
            trend=self.trend_of(number),
            best=self.best.get(number),
            names=[taste.interest.name for taste in seat.tastes],
            carried=self.carried[number],
            late=window.late,
            not_wanted=self.not_wanted.get(number),
            groups=window.groups,
            followed=frozenset(p for name in names for p in window.people(name)),
            duplicates=window.duplicates,
        )

    def limits(self, number: int) -> Limits:
        """Return how this reader's edition may look."""
        reader = self.seats[number].reader
        profile = reader.profile
        return Limits(
            floor=self.floors[number],
            cap=profile.max_papers,
            quotas={i.name: i.quota for i in profile.interests if i.quota is not None},
            exploration=profile.exploration,
            seed=seed_of(self.seed, reader.subscription_id),
        )


class Picked(NamedTuple):
    """One reader's picks: positions, best first, and which were explored or over a limit."""

    positions: Sequence[int]
    explored: Collection[int] = ()
    beyond: Mapping[int, str] = MappingProxyType({})


def chosen(standing: Standing, number: int) -> Chosen:
    """Return what ``choose`` decides for one reader, with why others were refused."""
    return choose(standing.scored(number), standing.limits(number))


@lru_cache(maxsize=1024)
def first_step(floor: float) -> int:
    """Return the lowest step whose score reaches a floor."""
    return int(np.searchsorted(_VALUES, np.float32(floor)))


def pick_all(standing: Standing) -> list[Picked]:
    """Return each reader's picks, in order."""
    profiles = [seat.reader.profile for seat in standing.seats]
    lowest = np.array([[first_step(floor)] for floor in standing.floors], dtype=np.uint16)
    passes = (standing.steps >= lowest) & standing.may
    passing = np.count_nonzero(passes, axis=1)
    new = passing
    if any(one.any() for one in standing.carried):
        flags, which = _flags(standing, np.arange(len(profiles)))
        new = np.count_nonzero(passes & ~flags[which], axis=1)
    outside = _explored(standing, standing.steps < lowest, passing)
    room = np.array([profile.max_papers for profile in profiles]) - list(map(len, outside))
    picked: dict[int, list[int]] = {}
    waiting = np.arange(len(profiles))
    # Where earlier papers crowd the best ones, more are looked at to find enough that are new.
    for times in _LOOKS:
        if len(waiting):
            width = times * int(room.max(initial=1))
            settled, waiting = _taken(standing, waiting, (passing, new), room, width)
            picked |= settled
    found = []
    for number, explored in enumerate(outside):
        if number not in picked:
            whole = chosen(standing, number)
            found.append(Picked(whole.positions, whole.explored, whole.beyond))
            continue
        positions = picked[number]
        if explored:
            steps = standing.steps[number]
            positions = sorted([*positions, *explored], key=lambda p: (-int(steps[p]), p))
        found.append(Picked(positions=positions, explored=explored))
    return found


def _explored(standing: Standing, fails: Flags, passing: Positions) -> list[list[int]]:
    """Return each reader's picks from outside their interests."""
    strange = standing.may & fails & worth_a_look(standing.interest, standing.trend)
    has_some: list[bool] = np.any(strange, axis=1).tolist()
    found: list[list[int]] = []
    for number, seat in enumerate(standing.seats):
        if not (has_some[number] and seat.reader.profile.exploration and seat.tastes):
            found.append([])
            continue
        outside = np.flatnonzero(strange[number] & ~standing.carried[number])
        limits = standing.limits(number)
        strong = int(((standing.steps[number] >= _STRONG) & standing.may[number]).sum())
        strong = min(strong, int(passing[number]))
        trend = standing.trend_of(number)
        found.append(drawn(outside, trend, limits, int(passing[number]), strong))
    return found


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The best papers of some readers; one row a reader, one column a place in their order."""

    standing: Standing
    readers: Positions
    top: Positions
    passes: Flags
    """Which pass the reader's floor."""
    passing: Positions
    """How many pass in all."""
    new: Positions
    """How many of those are not carried over."""

    def most(self, share: Callable[[int], int]) -> Positions:
        """Return what a reader may have at most of something; one row a reader."""
        seats = self.standing.seats
        caps = [share(seats[number].reader.profile.max_papers) for number in self.readers]
        return np.array(caps, dtype=np.intp)[:, None]


def _taken(
    standing: Standing,
    readers: Positions,
    counts: tuple[Positions, Positions],
    room: Positions,
    width: int,
) -> tuple[dict[int, list[int]], Positions]:
    """Return the picks of readers whose best papers settle them, and who needs more papers.

    ``counts`` are how many pass each reader's floor, and how many of those are new. Who is in
    neither has to be looked at alone.
    """
    passing, new = counts
    top = standing.order[readers, :width]
    passes = np.arange(top.shape[1]) < passing[readers, None]
    look = _Look(
        standing=standing,
        readers=readers,
        top=top,
        passes=passes,
        passing=passing[readers],
        new=new[readers],
    )
    taken = passes & _within_shares(look)
    taken &= taken.cumsum(axis=1) <= room[readers, None]
    short = (taken.sum(axis=1) < room[readers]) & (look.passing > top.shape[1])
    alone = (
        _have_quotas(look)
        | _have_grades(look)
        | _are_crowded(look, taken)
        | _miss_first(look, taken)
    )
    lines = ~(short | alone)
    # All at once, then cut: a look into an array costs more than one into a list.
    positions = iter(top[lines][taken[lines]].tolist())
    sizes = taken[lines].sum(axis=1).tolist()
    settled = {
        number: list(islice(positions, size))
        for number, size in zip(readers[lines].tolist(), sizes, strict=True)
    }
    return settled, readers[short]


def _have_quotas(look: _Look) -> Flags:
    profiles = (look.standing.seats[number].reader.profile for number in look.readers)
    return np.array([any(i.quota is not None for i in p.interests) for p in profiles], dtype=bool)


def _have_grades(look: _Look) -> Flags:
    graded = look.standing.not_wanted
    return np.array([number in graded for number in look.readers.tolist()], dtype=bool)


def _within_shares(look: _Look) -> Flags:
    """Tell what the shares of late and of carried papers leave, taken in this order."""
    standing, top = look.standing, look.top
    if not any(one.any() for one in standing.carried):
        return np.ones(top.shape, dtype=bool)
    flags, which = _flags(standing, look.readers)
    carried = flags[which[:, None], top]
    late = standing.window.late[top]
    in_time = late & (late.cumsum(axis=1) <= look.most(most_late))
    counted = carried & ~late
    caps = [standing.seats[number].reader.profile.max_papers for number in look.readers]
    most = [most_carried(cap, new) for cap, new in zip(caps, look.new.tolist(), strict=True)]
    kept: Flags = counted & (counted.cumsum(axis=1) <= np.array(most, dtype=np.intp)[:, None])
    free: Flags = kept | in_time | ~(carried | late)
    return free


def _flags(standing: Standing, readers: Positions) -> tuple[Flags, Positions]:
    """Return the distinct flags of what is carried over, and which of them is each reader's."""
    flags = {id(one): one for one in standing.carried}
    places = {key: n for n, key in enumerate(flags)}
    which = np.array([places[id(standing.carried[n])] for n in readers], dtype=np.intp)
    return np.stack(list(flags.values())), which


def _are_crowded(look: _Look, taken: Flags) -> Flags:
    """Tell who may have taken too many of one group, or near duplicates."""
    window = look.standing.window
    line, place = np.nonzero(taken)
    positions = look.top[line, place]
    crowded = np.zeros(len(taken), dtype=bool)
    for labels, most in (
        (window.crowds, look.most(most_of_group)[:, 0]),
        (window.duplicate_groups, np.ones(len(taken), dtype=np.intp)),
    ):
        told = labels[positions]
        pick, column = np.nonzero(told >= 0)
        if not len(pick):
            continue
        pairs = line[pick] * (int(labels.max()) + 1) + told[pick, column]
        pairs, counts = np.unique(pairs, return_counts=True)
        whose = pairs // (int(labels.max()) + 1)
        crowded[whose[counts > most[whose]]] = True
    return crowded


def _miss_first(look: _Look, taken: Flags) -> Flags:
    """Tell who did not take the best paper of an interest that has one.

    Where all are taken in any case, it is the same to have taken them first: the shares are a
    laminar matroid, whose best set has no other order.
    """
    standing, top, readers = look.standing, look.top, look.readers
    counts = np.array([len(standing.seats[n].tastes) for n in readers], dtype=np.intp)
    missed = counts > _MANY_TASTES
    lines = np.arange(len(top))
    on_topic = look.passes & (standing.interest[readers[:, None], top] >= ON_TOPIC)
    best = np.zeros(top.shape, dtype=np.intp)
    for line, number in enumerate(readers.tolist()):
        if number in standing.best:
            best[line] = standing.best[number][top[line]]
    for taste in range(min(int(counts.max(initial=0)), _MANY_TASTES)):
        mine = on_topic & (best == taste)
        has = mine.any(axis=1)
        missed |= has & ~taken[lines, mine.argmax(axis=1)]
        unsure = (counts > taste) & ~has & (look.passing > top.shape[1])
        for line in np.flatnonzero(unsure).tolist():
            number = int(readers[line])
            rest = standing.order[number, top.shape[1] : look.passing[line]]
            further = standing.interest[number, rest] >= ON_TOPIC
            if number in standing.best:
                further &= standing.best[number][rest] == taste
            missed[line] |= further.any()
    return missed
