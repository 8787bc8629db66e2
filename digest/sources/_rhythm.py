"""How often a source has something new, and whether its silence is longer than that explains. Pure.

For sources without a calendar of their own: a feed that answers 200 with the same entries for
weeks looks like a quiet week to everybody. What it had on each of the last days is remembered,
up to the last day with anything, and the silence since is held against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from statistics import median
from typing import Any

from digest.sources import _calendar as calendar

MOST_DAYS = 56
FEWEST_DAYS = 21
FEWEST_ACTIVE = 8
"""Days with something new; of fewer, nobody can say what is usual."""
SHRINKAGE = 2.0
"""How many days' worth of the general rate each weekday's own rate is mixed with."""
UNLIKELY = 0.001
LONGER = 1.5
"""A silence must also be this much longer than any before it: people take holidays."""
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """What a source had, day by day."""

    last_on: date | None = None
    """The last day with anything new."""
    counts: tuple[int, ...] = ()
    """New records of each day up to ``last_on``, that one last."""


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A silence that the days before it do not explain."""

    since: date
    usual: int
    """New records of an ordinary day with any."""
    days_a_week: float

    def __str__(self) -> str:
        often = f"on {self.days_a_week:.0f} days of a week"
        if self.days_a_week < 1.5:
            often = f"every {7 / self.days_a_week:.0f} days"
        return f"nothing new since {self.since:%Y-%m-%d}, though usually about {self.usual} {often}"


def after_poll(rhythm: Rhythm, fresh: int, *, on: date) -> Rhythm:
    """Return the rhythm after a good poll that brought this many records never seen before."""
    if not fresh:
        return rhythm
    if rhythm.last_on is None:  # all that a feed has kept: one day's worth says as much
        return Rhythm(last_on=on, counts=(1,))
    *before, last = rhythm.counts
    gap = (on - rhythm.last_on).days
    if gap <= 0:
        return replace(rhythm, counts=(*before, last + fresh))
    counts = (*rhythm.counts, *[0] * min(gap - 1, MOST_DAYS), fresh)
    return Rhythm(last_on=on, counts=counts[-MOST_DAYS:])


def silence(rhythm: Rhythm, *, on: date) -> Silence | None:
    """Return the silence up to the day before ``on``, where it is not to be expected."""
    counts, last_on = rhythm.counts, rhythm.last_on
    if last_on is None or len(counts) < FEWEST_DAYS or on <= last_on + DAY:
        return None
    active = [count for count in counts if count]
    if len(active) < FEWEST_ACTIVE:
        return None
    quiet = [last_on + number * DAY for number in range(1, (on - last_on).days)]
    if len(quiet) <= LONGER * _longest_gap(counts):
        return None
    chance = _chances(counts, last_on)
    likelihood = 1.0
    for day in quiet:
        if not _is_off(day):
            likelihood *= 1 - chance[day.weekday()]
    if likelihood >= UNLIKELY:
        return None
    return Silence(
        since=last_on, usual=round(median(active)), days_a_week=7 * len(active) / len(counts)
    )


def to_document(rhythm: Rhythm) -> dict[str, Any]:
    """Return the rhythm as a JSON value."""
    if rhythm.last_on is None:
        return {}
    return {"last_on": rhythm.last_on.isoformat(), "counts": list(rhythm.counts)}


def from_document(document: Mapping[str, Any]) -> Rhythm:
    """Read a rhythm back."""
    if not document:
        return Rhythm()
    last_on = date.fromisoformat(document["last_on"])
    return Rhythm(last_on=last_on, counts=tuple(document["counts"]))


def _chances(counts: tuple[int, ...], last_on: date) -> list[float]:
    """Return how likely something new is on each day of the week, never quite 0 or 1."""
    general = sum(1 for count in counts if count) / (len(counts) + 1)
    days, hits = [0] * 7, [0] * 7
    for ago, count in enumerate(reversed(counts)):
        weekday = (last_on - ago * DAY).weekday()
        days[weekday] += 1
        hits[weekday] += count > 0
    return [
        (hit + SHRINKAGE * general) / (seen + SHRINKAGE)
        for hit, seen in zip(hits, days, strict=True)
    ]


def _is_off(day: date) -> bool:
    """Tell a day on which nothing is to be expected: most offices are closed between the years."""
    between = (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1)
    return between or calendar.is_holiday(day)


def _longest_gap(counts: tuple[int, ...]) -> int:
    longest = current = 0
    for count in counts:
        current = 0 if count else current + 1
        longest = max(longest, current)
    return longest
