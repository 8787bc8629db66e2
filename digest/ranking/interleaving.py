"""Two rankers in one edition: each drafts in turn, and marks tell whose papers were better.

Team draft (Radlinski, Kurup and Joachims 2008): the side with fewer papers adds its best one that
is left; where both have as many, a coin decides, tossed by reader and edition. A paper that both
would add now belongs to neither: its marks would only be noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import numpy as np

from digest.model import Exclusion, FeedbackKind, Pick, PickColumns, Picks
from digest.ranking import Candidates, Choice, Ranker, Reader
from digest.ranking.choose import seed_of

_COINS = 64
"""Tosses in one seed; a longer draft begins with them again."""

_WORTH = {FeedbackKind.MORE: 1, FeedbackKind.SAVED: 1, FeedbackKind.LESS: -1}


class Turn(NamedTuple):
    """One paper of a draft: whose account of it counts, its place there, and whose team it is in.

    ``team`` is 0 or 1, or -1 for a paper that both sides would have added at once.
    """

    side: int
    place: int
    team: int


def drafted(
    lists: tuple[Sequence[int], Sequence[int]],
    sections: tuple[Sequence[str], Sequence[str]],
    seed: int,
) -> list[Turn]:
    """Draft from two orders of row ids, as many papers as the longer one has.

    No section gets more papers than the order that has most of it, so quotas hold.
    """
    counts = [Counter(names) for names in sections]
    room = counts[0] | counts[1]
    taken: set[int] = set()
    places, sizes = [0, 0], [0, 0]
    turns: list[Turn] = []
    tosses = 0
    while len(turns) < max(map(len, lists)):
        for side in (0, 1):
            while places[side] < len(lists[side]) and (
                lists[side][places[side]] in taken or not room[sections[side][places[side]]]
            ):
                places[side] += 1
        able = [side for side in (0, 1) if places[side] < len(lists[side])]
        if not able:
            break
        team = side = able[0]
        if len(able) == 2:
            if lists[0][places[0]] == lists[1][places[1]]:
                team = -1
            elif sizes[0] != sizes[1]:
                team = side = int(sizes[1] < sizes[0])
            else:
                team = side = seed >> tosses % _COINS & 1
                tosses += 1
        place = places[side]
        turns.append(Turn(side, place, team))
        taken.add(lists[side][place])
        room[sections[side][place]] -= 1
        if team >= 0:
            sizes[team] += 1
    return turns


def credit(
    teams: Mapping[int, str], marks: Mapping[int, Collection[FeedbackKind]], rankers: Sequence[str]
) -> int:
    """Return which ranker an edition's marks speak for: -1 the first, 1 the second, 0 neither.

    ``teams`` has the ranker of each pick, ``marks`` what was said of papers, both by row id. A
    liked or saved paper counts for its ranker once, one that is to be less once against it.
    """
    total = 0
    for paper_id, kinds in marks.items():
        if teams.get(paper_id) in rankers:
            worth = {_WORTH.get(kind, 0) for kind in kinds}
            total += sum(worth) * (1 if teams[paper_id] == rankers[1] else -1)
    return (total > 0) - (total < 0)


class Interleaved:
    """The two rankers as one; each pick remembers whose it is (see ``Choice.teams``)."""

    def __init__(self, own: Ranker, own_kind: str, other: Ranker, other_kind: str) -> None:
        """Interleave the ranker that readers have with another; ``kind`` names a team."""
        self.name = own.name
        self._rankers = own, other
        self._kinds = own_kind, other_kind

    def rank(
        self,
        candidates: Candidates,
        readers: Sequence[Reader],
        *,
        now: datetime,
        seed: int,
        explain: bool = False,
    ) -> list[Choice]:
        """Return one Choice per reader, in order."""
        own, other = (
            ranker.rank(candidates, readers, now=now, seed=seed, explain=explain)
            for ranker in self._rankers
        )
        return [
            self._joined(mine, theirs, seed_of("draft", seed, reader.subscription_id))
            for mine, theirs, reader in zip(own, other, readers, strict=True)
        ]

    def _joined(self, mine: Choice, theirs: Choice, seed: int) -> Choice:
        sides = Picks.of(mine.picks), Picks.of(theirs.picks)
        ids = sides[0].columns.paper_ids, sides[1].columns.paper_ids
        names = sides[0].columns.sections, sides[1].columns.sections
        turns = drafted(ids, names, seed)
        taken = [ids[turn.side][turn.place] for turn in turns]
        left = [place for place, row_id in enumerate(ids[0]) if row_id not in set(taken)]
        rest = np.asarray(mine.other_ids, dtype=np.int64)
        rest = rest[~np.isin(rest, taken)]
        return replace(
            mine,
            picks=_merged(sides, turns),
            teams=tuple(self._kinds[turn.team] if turn.team >= 0 else "" for turn in turns),
            other_ids=[*(ids[0][place] for place in left), *rest.tolist()],
            exclusions=_left_out(mine, taken, [sides[0][place] for place in left]),
        )


def _merged(sides: tuple[Picks, Picks], turns: Sequence[Turn]) -> Picks:
    """Return the picks of a draft as columns, each as its side accounts for it."""
    columns = [
        [pair[turn.side][turn.place] for turn in turns]
        for pair in zip(sides[0].columns, sides[1].columns, strict=True)
    ]
    parts = {}
    for name in {**sides[0].parts, **sides[1].parts}:
        told = [side.parts.get(name) for side in sides]
        parts[name] = [
            column[turn.place] if (column := told[turn.side]) is not None else 0.0 for turn in turns
        ]
    return Picks(PickColumns._make(columns), parts)


def _left_out(mine: Choice, taken: Sequence[int], left: Sequence[Pick]) -> tuple[Exclusion, ...]:
    """Return why the rest was left out, also what the other side's papers took the place of."""
    if not mine.exclusions:
        return ()
    kept = [one for one in mine.exclusions if one.paper_id not in set(taken)]
    displaced = [
        Exclusion(
            paper_id=pick.paper_id,
            key=pick.key,
            cause="draft",
            score=pick.score,
            interest_score=pick.interest_score,
            trend_score=pick.trend_score,
            interest=pick.section,
            parts=pick.parts,
        )
        for pick in left
    ]
    return (*displaced, *kept)
