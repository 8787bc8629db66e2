"""Choose one reader's picks from scored papers: floor, cap, quotas, diversity, exploration.

Pure and seeded: the same input gives the same picks, ties are broken by key. Scores nothing and
words no reasons.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from digest.ranking.space import Floats
from digest.ranking.window import Flags, Positions

TRENDING, EXPLORATION, CARRIED_OVER = "trending", "exploration", "carried-over"
"""Sections of picks that no interest claims."""

ON_TOPIC = 0.15
"""From this interest score on, a paper belongs to the interest rather than to the trend."""

NEARBY, MOVING = 0.6 * ON_TOPIC, 0.3
"""From this interest and this trend on, a paper from outside is near an interest, and moves."""

OUTSTANDING = 0.9
"""From this trend on, a paper is talked of as few are."""

WORTH = 0.3
"""A pick of at least this score gives up its place to none from outside the interests."""

AGING = 0.8
"""What each day leaves of the score of a paper that came in an earlier edition's window."""

CLEARLY = 0.4
"""By so much in score a paper is clearly better: a quota and the rule on authors yield to it."""

STEPS = 50_000
"""Scores are told apart in so many steps: what differs less is a tie, broken by key, so that
neither the processor nor the other readers of a batch decide an order."""


Steps = npt.NDArray[np.uint16]
"""Scores as whole steps."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The candidates as one reader's ranker sees them; arrays in the order of the papers."""

    order: Positions
    """Eligible positions, best first; equal ones in the order of their keys."""
    score: Floats
    """In whole steps of 1 / STEPS."""
    interest: Floats
    trend: Floats
    best: Positions | None
    """Which interest claims each paper (position in ``names``); None means the first."""
    names: Sequence[str]
    carried: Flags
    """Papers first seen before this edition's window."""
    late: Flags
    """Those of them that took off in the window: a small share, under their own headings."""
    groups: Sequence[Sequence[str]]
    """Whose papers they are: more than a few of one group are too many."""
    not_wanted: Flags | None = None
    """Papers that a judge called not wanted; None where nobody judged."""
    followed: Collection[int] = frozenset()
    """Positions of papers by a followed author: never too many of one group."""
    duplicates: Mapping[int, Collection[int]] = field(default_factory=dict)
    """Positions that say nearly the same as a position."""


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
    """Positions picked, best first; and why some others were not."""

    positions: tuple[int, ...]
    explored: frozenset[int]
    """Those from outside the interests."""
    beyond: Mapping[int, str]
    """Those that a limit yielded to, and which: ``quota`` or ``diversity``."""
    refused: Mapping[int, str]
    """``quota``, ``diversity``, ``carried``, ``late``.

    Of the rest those that pass the floor met the cap.
    """


def choose(scored: Scored, limits: Limits) -> Chosen:
    """Pick at most ``cap`` papers."""
    passing = int((scored.score[scored.order] >= limits.floor).sum())
    above = scored.order[:passing]
    new = int((~scored.carried[above]).sum())
    basket = _Basket(scored, limits, new)
    explored = explorers(scored, limits, passing)
    room = limits.cap - len(explored)
    # Each interest that has something gets its best paper before any gets its second: a small
    # interest is not drowned by a big one.
    for position in _firsts(scored, _wanted(scored, above)):
        if len(basket.taken) < room:
            basket.offer(position)
    for position in map(int, above):
        if len(basket.taken) >= room:
            break
        if position not in basket.taken:
            basket.offer(position)
    # Grades come from outside: they order papers and lift no limit.
    may_yield = scored.not_wanted is None and len(basket.taken) >= room
    beyond = basket.yielded() if may_yield else {}
    # Steps, then keys (positions are in the order of keys), as in ``order``.
    picked = sorted([*basket.taken, *explored], key=lambda p: (-float(scored.score[p]), p))
    return Chosen(
        positions=tuple(picked),
        explored=frozenset(explored),
        beyond=beyond,
        refused=basket.refused,
    )


def most_carried(cap: int, new: int) -> int:
    """Return how many papers from before the window an edition holds at most, beside late ones.

    One in seven where ``new`` ones pass the floor in plenty; where they do not fill the edition,
    what they leave, but no more than half of it for a single new one.
    """
    return max(cap // 7, min(cap - new, (cap + 1) // 2) if new else cap, 1)


def most_late(cap: int) -> int:
    """Return how many papers that took off late an edition holds at most."""
    return max(1, cap // 5)


def most_of_group(cap: int) -> int:
    """Return from how many papers of one group on there are enough."""
    return max(2, cap // 4)


def in_steps(score: Floats) -> Steps:
    """Return scores in [0, 1] as whole steps."""
    return np.asarray(np.rint(np.clip(score, 0, 1) * STEPS), dtype=np.uint16)


def aged(score: Floats, days: Floats) -> Floats:
    """Return the scores of papers carried over for so many days: today's comes before equals."""
    return np.asarray(score * np.float32(AGING) ** days, dtype=np.float32)


def mixed(interest: Floats, trend: Floats, weight: Floats | float) -> Floats:
    """Mix both scores on their common scale from 0 to 1.

    The trend's share is the square of its weight: by default it orders what is about equally
    relevant, and lifts no paper over one that is more relevant by a tenth; a weight of 1 asks for
    the trend alone. Nor does it lift a paper that has nothing to do with the interests: its share
    grows with the interest up to twice the on-topic line.
    """
    share = np.square(weight)
    # In place: each array more is written through the cache.
    gate = interest / (2 * ON_TOPIC)
    gate = np.minimum(gate, 1.0, out=gate)
    gate *= 1 - share
    gate += share
    gate *= share
    gate *= trend
    gate += (1 - share) * interest
    return np.asarray(gate, dtype=np.float32)


def seed_of(*parts: object) -> int:
    """Return a number that is the same for the same parts on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


class _Basket:
    """What was taken so far, and the rules that refuse more of the same."""

    def __init__(self, scored: Scored, limits: Limits, new: int) -> None:
        self.taken: dict[int, None] = {}
        self.refused: dict[int, str] = {}
        self._scored = scored
        self._quotas = limits.quotas
        self._most_carried = most_carried(limits.cap, new)
        self._most_late = most_late(limits.cap)
        self._late = 0
        self._most_of_group = most_of_group(limits.cap)
        self._per_name: dict[str, int] = {}
        self._per_person: dict[str, int] = {}
        self._spent: set[str] = set()
        """People of whom there are papers enough."""
        self._carried = 0
        self._has_carried = bool(scored.carried.any())

    def offer(self, position: int) -> None:
        """Take the paper, or note why not."""
        if cause := self._cause(position):
            self.refused[position] = cause
            return
        self.taken[position] = None
        if self._quotas:
            name = self._name(position)
            self._per_name[name] = self._per_name.get(name, 0) + 1
        if self._has_carried and self._scored.carried[position]:
            is_late = bool(self._scored.late[position])
            self._late += is_late
            self._carried += not is_late
        for person in self._scored.groups[position]:
            count = self._per_person[person] = self._per_person.get(person, 0) + 1
            if count >= self._most_of_group:
                self._spent.add(person)

    def yielded(self) -> dict[int, str]:
        """Let each limit yield once, to a paper that is clearly better than the last one taken.

        Returns the papers that came so, and the limits' names; of the same text comes one only.
        """
        scored, found = self._scored, dict[int, str]()
        spent: set[str] = set()
        for position, cause in sorted(self.refused.items(), key=lambda item: self._rank(item[0])):
            limits = {self._name(position)} if cause == "quota" else {*scored.groups[position]}
            again = self.taken.keys() & set(scored.duplicates.get(position, ()))
            if cause not in ("quota", "diversity") or again or not spent.isdisjoint(limits):
                continue
            last = max(self.taken.keys() - found.keys(), key=self._rank, default=position)
            if scored.score[position] - scored.score[last] < CLEARLY:
                break
            del self.taken[last], self.refused[position]
            self.taken[position] = None
            found[position] = cause
            spent |= limits
        return found

    def _rank(self, position: int) -> tuple[float, int]:
        return -float(self._scored.score[position]), position

    def _name(self, position: int) -> str:
        scored = self._scored
        if not scored.names or scored.interest[position] < ON_TOPIC:
            return TRENDING
        return scored.names[0 if scored.best is None else int(scored.best[position])]

    def _cause(self, position: int) -> str:
        scored = self._scored
        if not self._spent.isdisjoint(scored.groups[position]) and position not in scored.followed:
            return "diversity"
        if position in scored.duplicates and not self.taken.keys().isdisjoint(
            scored.duplicates[position]
        ):
            return "diversity"
        if self._quotas:
            name = self._name(position)
            if name in self._quotas and self._per_name.get(name, 0) >= self._quotas[name]:
                return "quota"
        if scored.late[position]:
            return "late" if self._late >= self._most_late else ""
        is_full = self._carried >= self._most_carried
        return "carried" if is_full and scored.carried[position] else ""


def _wanted(scored: Scored, positions: Positions) -> Positions:
    return positions if scored.not_wanted is None else positions[~scored.not_wanted[positions]]


def _firsts(scored: Scored, above: Positions) -> list[int]:
    on_topic = above[scored.interest[above] >= ON_TOPIC]
    if scored.best is None:
        return list(map(int, on_topic[:1]))
    _, places = np.unique(scored.best[on_topic], return_index=True)
    places.sort()
    return list(map(int, on_topic[places]))


def explorers(scored: Scored, limits: Limits, passing: int) -> list[int]:
    """Return the papers from outside the interests: a share of the picks, never padding."""
    if not scored.names:
        return []
    below = _wanted(scored, scored.order[passing:])
    outside = below[worth_a_look(scored.interest, scored.trend)[below] & ~scored.carried[below]]
    strong = int((scored.score[scored.order[:passing]] >= WORTH).sum())
    return drawn(np.sort(outside), scored.trend, limits, passing, strong)


def worth_a_look(interest: Floats, trend: Floats) -> Flags:
    """Tell which papers outside the interests are near them and moving, or outstanding."""
    near = (interest >= NEARBY) & (trend >= MOVING)
    found: Flags = (interest < ON_TOPIC) & (near | (trend >= OUTSTANDING))
    return found


def drawn(
    outside: Positions, trend: Floats, limits: Limits, passing: int, strong: int
) -> list[int]:
    """Return the share of the papers outside the interests.

    So many pass the floor, and so many are ``strong``: those keep their places.
    """
    expected = min(passing, limits.cap) * limits.exploration
    count = int(expected) + (limits.seed % 2**32 < (expected - int(expected)) * 2**32)
    count = min(count, len(outside), limits.cap - max(1, min(strong, limits.cap)))
    if count <= 0:
        return []
    # What moves others is the best guess of what may surprise this reader. Drawn without
    # replacement by sorting u^(1/weight) (Efraimidis and Spirakis 2006,
    # doi:10.1016/j.ipl.2005.11.003).
    weights = 1e-3 + trend[outside].astype(np.float64) ** 2
    keys = np.log(_draws(limits.seed, outside)) / weights
    if count == 1:  # nearly always, and found in one look
        return [int(outside[keys.argmax()])]
    return sorted(map(int, outside[np.argpartition(-keys, count - 1)[:count]]))


_SPREAD, _MIX_ONE, _MIX_TWO = map(
    np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
_30, _27, _31, _11 = map(np.uint64, (30, 27, 31, 11))


def _draws(seed: int, positions: Positions) -> npt.NDArray[np.float64]:
    """Return a number in (0, 1) per position: SplitMix64 of seed and position.

    A generator of NumPy costs more to set up than all else that is drawn for a reader.
    """
    state = positions.astype(np.uint64)
    state *= _SPREAD
    state += np.uint64(seed)
    state ^= state >> _30
    state *= _MIX_ONE
    state ^= state >> _27
    state *= _MIX_TWO
    state ^= state >> _31
    state >>= _11
    found = state.astype(np.float64)
    found += 0.5
    found /= 2.0**53
    return found
