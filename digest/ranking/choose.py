"""Choose one reader's picks from scored papers: floor, cap, quotas, diversity, exploration.

Pure and seeded: the same input gives the same picks, ties are broken by key. Scores nothing and
words no reasons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from digest.model import Paper

Floats = npt.NDArray[np.float64]

TRENDING, EXPLORATION, CARRIED_OVER = "trending", "exploration", "carried-over"
"""Sections of picks that no interest claims."""

ON_TOPIC = 0.15
"""From this interest score on, a paper belongs to the interest rather than to the trend."""

NEAR_DUPLICATE = 0.92
"""Papers whose words are this alike (cosine) say the same thing to a reader."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """All candidates as one reader's ranker sees them; arrays in the order of ``papers``."""

    papers: Sequence[Paper]
    score: Floats
    interest: Floats
    trend: Floats
    best: Sequence[int] | npt.NDArray[np.intp]
    """Which interest claims each paper (position in ``names``)."""
    names: Sequence[str]
    causes: Mapping[int, str]
    """Why a position cannot be picked at all: ``seen``, ``muted``, ``must``, ..."""
    carried: frozenset[int] = frozenset()
    """Positions of papers first seen before this edition's window."""
    followed: frozenset[int] = frozenset()
    """Positions of papers by a followed author: never too many of one group."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How an edition of this reader may look."""

    floor: float
    cap: int
    quotas: Mapping[str, int] = field(default_factory=dict)
    exploration: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Positions picked, best first, with their sections; and why each other one was not."""

    positions: tuple[int, ...]
    sections: Mapping[int, str]
    rest: tuple[int, ...]
    """Eligible positions that were not picked, best first."""
    left_out: Mapping[int, str]
    """Of the rest: ``floor``, ``cap``, ``quota``, ``diversity``, ``carried``."""


def choose(scored: Scored, limits: Limits, similarity: Floats | None = None) -> Chosen:
    """Pick at most ``cap`` papers; ``similarity`` (n by n cosines) forbids near duplicates."""
    order = _order(scored)
    above = [p for p in order if scored.score[p] >= limits.floor]
    basket = _Basket(scored, limits, similarity)
    explorers = _explorers(scored, limits, len(above), order)
    room = limits.cap - len(explorers)
    # Each interest that has something gets its best paper before any gets its second: a small
    # interest is not drowned by a big one.
    for position in _firsts(scored, above):
        if len(basket.taken) < room:
            basket.offer(position)
    for position in above:
        if position not in basket.taken and len(basket.taken) < room:
            basket.offer(position)
    sections = {p: basket.section(p) for p in basket.taken}
    for position in explorers:
        if position not in sections:
            sections[position] = EXPLORATION
    rank = {position: n for n, position in enumerate(order)}
    picked = tuple(sorted(sections, key=lambda p: rank[p]))
    rest = tuple(p for p in order if p not in sections)
    left_out = {
        p: basket.refused.get(p) or ("floor" if scored.score[p] < limits.floor else "cap")
        for p in rest
    }
    return Chosen(positions=picked, sections=sections, rest=rest, left_out=left_out)


def mixed(interest: Floats, trend: Floats, weight: float) -> Floats:
    """Mix both scores on their common scale from 0 to 1.

    Trend alone never lifts a paper that has nothing to do with the interests, unless the reader
    asked for trend alone: its share grows with the interest up to twice the on-topic line.
    """
    gate = weight + (1 - weight) * np.clip(interest / (2 * ON_TOPIC), 0.0, 1.0)
    return (1 - weight) * interest + weight * gate * trend


def seed_of(*parts: object) -> int:
    """Return a number that is the same for the same parts on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class _Basket:
    """What was taken so far, and the rules that refuse more of the same."""

    def __init__(self, scored: Scored, limits: Limits, similarity: Floats | None) -> None:
        self.taken: list[int] = []
        self.refused: dict[int, str] = {}
        self._scored = scored
        self._limits = limits
        self._similarity = similarity
        self._per_name: dict[str, int] = {}
        self._per_person: dict[str, int] = {}
        self._carried = 0

    def offer(self, position: int) -> bool:
        """Take the paper, or note why not."""
        cause = self._cause(position)
        if cause:
            self.refused[position] = cause
            return False
        self.refused.pop(position, None)
        self.taken.append(position)
        name = self._name(position)
        self._per_name[name] = self._per_name.get(name, 0) + 1
        self._carried += position in self._scored.carried
        for person in _people(self._scored.papers[position]):
            self._per_person[person] = self._per_person.get(person, 0) + 1
        return True

    def section(self, position: int) -> str:
        """Return under which heading a pick stands."""
        return CARRIED_OVER if position in self._scored.carried else self._name(position)

    def _name(self, position: int) -> str:
        on_topic = self._scored.interest[position] >= ON_TOPIC and self._scored.names
        return self._scored.names[self._scored.best[position]] if on_topic else TRENDING

    def _cause(self, position: int) -> str:
        quota = self._limits.quotas.get(self._name(position))
        if quota is not None and self._per_name.get(self._name(position), 0) >= quota:
            return "quota"
        if position in self._scored.carried and self._carried >= (self._limits.cap + 1) // 2:
            return "carried"
        group_limit = max(2, self._limits.cap // 4)
        if position not in self._scored.followed and any(
            self._per_person.get(person, 0) >= group_limit
            for person in _people(self._scored.papers[position])
        ):
            return "diversity"
        if self._similarity is not None and any(
            self._similarity[position, other] > NEAR_DUPLICATE for other in self.taken
        ):
            return "diversity"
        return ""


def _order(scored: Scored) -> list[int]:
    """Return eligible positions by falling score; equal ones by key."""
    eligible = [p for p in range(len(scored.papers)) if p not in scored.causes]
    keys = [scored.papers[p].key for p in eligible]
    scores = [round(float(scored.score[p]), 9) for p in eligible]
    return [eligible[i] for i in sorted(range(len(eligible)), key=lambda i: (-scores[i], keys[i]))]


def _firsts(scored: Scored, above: Iterable[int]) -> list[int]:
    firsts: dict[int, int] = {}
    for position in above:
        if scored.interest[position] >= ON_TOPIC:
            firsts.setdefault(int(scored.best[position]), position)
    return list(firsts.values())


def _people(paper: Paper) -> tuple[str, ...]:
    """Return the names that make a group: first and last authors of a usual list."""
    names = [author.name.casefold() for author in paper.authors]
    return tuple(dict.fromkeys((*names[:2], *names[-2:])))


def _explorers(
    scored: Scored, limits: Limits, regular: int, order: Sequence[int]
) -> tuple[int, ...]:
    """Return the papers from outside the interests: a share of the picks, never padding."""
    if not limits.exploration or not scored.names or not regular:
        return ()
    rng = np.random.default_rng(limits.seed)
    expected = min(regular, limits.cap) * limits.exploration
    count = int(expected) + int(rng.random() < expected - int(expected))
    outside = [
        p
        for p in order
        if scored.interest[p] < ON_TOPIC
        and scored.score[p] < limits.floor
        and p not in scored.carried
    ]
    if not count or not outside:
        return ()
    # What moves others is the best guess of what may surprise this reader; the small constant
    # gives papers without any signal a chance.
    weights = np.array([0.05 + scored.trend[p] ** 2 for p in outside])
    count = min(count, len(outside), limits.cap - 1)
    if count <= 0:
        return ()
    drawn = rng.choice(len(outside), size=count, replace=False, p=weights / weights.sum())
    return tuple(outside[int(i)] for i in sorted(drawn))
