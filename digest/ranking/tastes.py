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

MOST_MARKS = 50
"""So many of the latest papers that a reader wants fewer like count."""

_LIKED = {FeedbackKind.MORE: 1.0, FeedbackKind.SAVED: 1.2}


class Rated(NamedTuple):
    """A paper that a reader spoke of, and how much that counts (positive)."""

    paper: Paper
    weight: float
    by_mark: bool = False
    """Told of a paper in a mail or on a page, rather than in the profile."""


@dataclass(frozen=True, kw_only=True)
class Taste:
    """One interest of one reader, with the papers that teach it."""

    interest: Interest
    rated: tuple[Rated, ...] = ()
    """Papers that the reader liked."""
    away: tuple[Rated, ...] = ()
    """Papers that the reader wants fewer like."""
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


def taste_of(interest: Interest, marks: Sequence[Feedback], known: Known, now: datetime) -> Taste:
    """Return what teaches an interest: its own lists, and these marks of the reader.

    A liked paper may be one to avoid as well: each says its own.
    """
    rated = known.liked(interest.liked)
    if not marks and not interest.disliked:
        return Taste(interest=interest, rated=rated)
    liked = {one.paper.key: one for one in rated}
    disliked = known.liked(interest.disliked)[-MOST_MARKS:]
    away = {one.paper.key: one for one in disliked}
    for mark in marks:
        paper = known.by_id.get(mark.paper_id)
        if paper is None:
            continue
        if mark.kind in _LIKED:
            liked.setdefault(paper.key, _marked(mark, paper, now))
            away.pop(paper.key, None)
        elif mark.kind is FeedbackKind.LESS:
            away.setdefault(paper.key, _marked(mark, paper, now))
    return Taste(interest=interest, rated=tuple(liked.values()), away=tuple(away.values()))


def _marked(mark: Feedback, paper: Paper, now: datetime) -> Rated:
    age = max((now - mark.at) / timedelta(days=1), 0.0)
    weight = _LIKED.get(mark.kind, 1.0) * 0.5 ** (age / HALF_LIFE_DAYS)
    return Rated(paper, weight, by_mark=True)


def tastes_of(reader: Reader, known: Known, now: datetime) -> tuple[Taste, ...]:
    """Return what teaches each interest of a reader, in order; their feedback may be one more.

    A mark teaches the interest that it names. One that names none of the profile's is for the
    whole profile: a liked paper teaches an interest of its own, which can drown no other, and
    one to avoid counts in every interest.
    """
    interests = reader.profile.interests
    if not reader.feedback:
        return tuple(taste_of(interest, (), known, now) for interest in interests)
    names = {interest.name for interest in interests}
    less = _latest_less(reader)
    likes = [mark for mark in reader.feedback if mark.kind in _LIKED]
    loose = [mark for mark in less if mark.interest not in names]
    found = []
    for interest in interests:
        mine = [m for m in (*likes, *less) if m.interest == interest.name]
        found.append(taste_of(interest, (*mine, *loose), known, now))
    if any(mark.interest not in names for mark in likes):
        mine = [mark for mark in likes if mark.interest not in names]
        extra = taste_of(Interest(name=FEEDBACK_INTEREST), (*mine, *less), known, now)
        if extra.rated:
            found.append(extra)
    return tuple(found)


def avoided_by(
    reader: Reader, tastes: Sequence[Taste], known: Known, now: datetime
) -> tuple[Rated, ...]:
    """Return every paper that a reader wants fewer like, each once, in whatever interest."""
    away = {one.paper.key: one for taste in tastes for one in taste.away}
    if not tastes and reader.feedback:
        nothing = Interest(name=FEEDBACK_INTEREST)
        away = {o.paper.key: o for o in taste_of(nothing, _latest_less(reader), known, now).away}
    return tuple(away.values())


def _latest_less(reader: Reader) -> list[Feedback]:
    less = [mark for mark in reader.feedback if mark.kind is FeedbackKind.LESS]
    return sorted(less, key=lambda mark: mark.at)[-MOST_MARKS:]
