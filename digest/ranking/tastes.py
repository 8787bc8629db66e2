"""What teaches an interest: the papers that a reader likes or not, and since when.

Scores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from digest.model import Feedback, FeedbackKind, Interest, Paper
from digest.ranking import Reader

FEEDBACK_INTEREST = "papers you liked"
"""Feedback that names no interest teaches one of its own: it can drown no other."""

HALF_LIFE_DAYS = 180.0
"""Feedback this old counts half."""

_SAID = {FeedbackKind.MORE: 1.0, FeedbackKind.SAVED: 1.2, FeedbackKind.LESS: -1.0}


class Rated(NamedTuple):
    """A paper that a reader liked (positive weight) or not."""

    paper: Paper
    weight: float


@dataclass(frozen=True, kw_only=True)
class Taste:
    """One interest of one reader, with the papers that teach it."""

    interest: Interest
    rated: tuple[Rated, ...] = ()
    borrowed: tuple[Rated, ...] = ()
    """What readers with similar likes liked too, where this reader takes part."""


class Known:
    """The papers that readers may have rated, looked up by key and by row id.

    One serves all readers that share a mapping: a paper that somebody likes is said once.
    """

    def __init__(self, papers: Mapping[str, Paper]) -> None:
        self.papers = papers
        self._liked: dict[str, Rated] = {}

    @cached_property
    def by_id(self) -> Mapping[int, Paper]:
        """Papers by row id."""
        return {paper.row_id: paper for paper in self.papers.values() if paper.row_id}

    def liked(self, keys: Sequence[str]) -> tuple[Rated, ...]:
        """Return the known ones of these papers as liked ones, each once."""
        found = {}
        for key in keys:
            rated = self._liked.get(key)
            if rated is None:
                if (paper := self.papers.get(key)) is None:
                    continue
                rated = self._liked[key] = Rated(paper, 1.0)
            found[rated.paper.key] = rated
        return tuple(found.values())


def rated_papers(
    interest: Interest, feedback: Sequence[Feedback], known: Known, now: datetime
) -> tuple[Rated, ...]:
    """Return the papers that teach an interest: its own lists, and what was said in mails."""
    if not feedback and not interest.disliked:
        return known.liked(interest.liked)
    weights: dict[str, tuple[Paper, float]] = {}
    for keys, weight in ((interest.liked, 1.0), (interest.disliked, -1.0)):
        for key in keys:
            if (paper := known.papers.get(key)) is not None:
                weights[paper.key] = (paper, weight)
    for item in feedback:
        rated = known.by_id.get(item.paper_id)
        if rated is None or item.kind is FeedbackKind.SEEN:
            continue
        age = max((now - item.at) / timedelta(days=1), 0.0)
        weights[rated.key] = (rated, _SAID[item.kind] * 0.5 ** (age / HALF_LIFE_DAYS))
    return tuple(Rated(paper, weight) for paper, weight in weights.values())


def tastes_of(reader: Reader, known: Known, now: datetime) -> tuple[Taste, ...]:
    """Return what teaches each interest of a reader, in order; their feedback may be one more."""
    interests = reader.profile.interests
    names = {interest.name for interest in interests} if reader.feedback else set()
    found = []
    for interest in interests:
        said = [f for f in reader.feedback if f.interest == interest.name]
        rated = rated_papers(interest, said, known, now)
        found.append(Taste(interest=interest, rated=rated))
    if loose := [f for f in reader.feedback if f.interest not in names]:
        extra = Interest(name=FEEDBACK_INTEREST)
        rated = rated_papers(extra, loose, known, now)
        if any(r.weight > 0 for r in rated):
            found.append(Taste(interest=extra, rated=rated))
    return tuple(found)
