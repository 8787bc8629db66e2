"""Say of picks what made their scores: the strengths by name, and a sentence made of them.

"matches kernel fusion and 3 papers you liked; 57 votes since yesterday". All picks of a block of
readers at once; the same words are put together once. Scores nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from digest.model import Paper
from digest.ranking.interests import Sheet
from digest.ranking.space import Floats
from digest.ranking.window import Flags, Positions, Window
from digest.text.counting import counted

LIKE_SHOWS = 0.2
"""A liked paper is named as near from this cosine on."""

LIKENESS_SHOWS = 0.1
"""Nearness is told of from this strength on."""

COMMUNITY_SHOWS = 0.1
"""What similar readers liked is told of from this strength on."""

_MOST_TERMS = 3
"""Terms named in one sentence."""

_WIDTHS = (8, 64, 10**6)
"""Tastes of about as many terms are looked at together: one with hundreds costs only itself."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """What made the scores of pairs of taste and paper; arrays in their order."""

    sheet: Sheet
    rows: Positions
    """The tastes; -1 for a reader without interests."""
    positions: Positions
    terms: Floats
    likeness: Floats
    authors: Floats
    institutions: Floats
    categories: Floats
    community: Floats
    near: Positions
    """How many liked papers are near."""
    leading: Positions
    """The strongest terms that stand in the paper (three a line), -1 for none."""

    def parts(self) -> dict[str, npt.NDArray[np.floating]]:
        """Return the strengths by name, rounded; 0 for those that say nothing."""
        trend = self.sheet.window.trend_parts
        columns: dict[str, npt.NDArray[Any]]
        columns = {name: strengths[self.positions] for name, strengths in trend.items()}
        columns |= {
            "terms": self.terms,
            "likeness": self.likeness,
            "authors": self.authors,
            "institutions": self.institutions,
            "categories": self.categories,
            "community": self.community,
            "near likes": self.near,
        }
        return {
            name: np.round(column.astype(np.float64), 4)
            for name, column in columns.items()
            if column.any()
        }

    def sentences(self, *, explored: Flags, carried: Flags, now: datetime) -> list[str]:
        """Return one sentence of true parts for each; never empty.

        ``explored`` ones come from outside the interests, ``carried`` ones from an earlier day.
        """
        heads = np.array(self._heads(), dtype=object)
        heads[explored] = "from outside your interests"
        found: list[str] = (heads + _tails(self.sheet.window)[self.positions]).tolist()
        for place in np.flatnonzero(carried).tolist():
            found[place] += _age(self.sheet.window.papers[self.positions[place]], now)
        if not all(heads):
            found = [text.removeprefix("; ") or "new today" for text in found]
        return found

    def _heads(self) -> list[str]:
        """Return what each owes to the interest; empty where that is nothing."""
        plain = (self.authors == 0) & (self.institutions == 0)
        plain &= self.community < COMMUNITY_SHOWS
        plain &= (self.leading[:, 0] >= 0) | (self.near > 0)
        texts = self.sheet.asked.texts
        columns = (self.rows, *self.leading.T, np.where(plain, self.near, -1))
        heads = []
        for place, (row, one, two, three, near) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            if near:  # also those that are not plain
                heads.append(self._worded(place))
            elif two < 0:
                heads.append(f"matches {texts[row][one]}")
            elif three < 0:
                heads.append(f"matches {texts[row][one]} and {texts[row][two]}")
            else:
                named = texts[row]
                heads.append(f"matches {named[one]}, {named[two]} and {named[three]}")
        return heads

    def _worded(self, place: int) -> str:
        row, position = int(self.rows[place]), int(self.positions[place])
        if row < 0:
            return ""
        told = []
        if self.authors[place] and (matches := self.sheet.authors(row, position)[:2]):
            names = _listed([m.printed for m in matches])
            sure = all(m.is_certain for m in matches)
            told.append(f"by {names}, whom you follow" if sure else f"by {names}, perhaps followed")
        texts = self.sheet.asked.texts[row]
        matched = [texts[n] for n in self.leading[place].tolist() if n >= 0]
        if near := int(self.near[place]):
            matched.append(f"{counted(near, 'paper')} you liked")
        if matched:
            told.append(f"matches {_listed(matched)}")
        if self.institutions[place]:
            told.append(f"from {_listed(list(self.sheet.institutions(row, position)[:2]))}")
        if not told and self.likeness[place] >= LIKENESS_SHOWS:
            told.append(f"near in meaning to {self.sheet.tastes[row].interest.name}")
        if self.community[place] >= COMMUNITY_SHOWS:
            told.append(self.sheet.borrowed_words(row, position))
        if not told and (category := self.sheet.category(row, position)):
            told.append(f"in {category}")
        return ", ".join(told)


def account(sheet: Sheet, rows: Positions, positions: Positions) -> Account:
    """Return what made the scores of these pairs of taste (-1: none) and paper."""
    mine = np.flatnonzero(rows >= 0)
    row, position = rows[mine], positions[mine]
    asked = sheet.asked

    def spread(strengths: Floats) -> Floats:
        whole = np.zeros(len(rows), dtype=np.float32)
        whole[mine] = strengths
        return whole

    terms = np.zeros(len(mine), dtype=np.float32)
    leading = np.full((len(rows), _MOST_TERMS), -1, dtype=np.intp)
    for places in _by_width(asked.counts[row]):
        left = asked.of_terms(row[places], position[places])
        terms[places] = 1 - left.prod(axis=1)
        order = np.argsort(left, axis=1, kind="stable")[:, :_MOST_TERMS]
        stands = np.take_along_axis(left, order, axis=1) < 1
        leading[mine[places][:, None], np.arange(order.shape[1])] = np.where(stands, order, -1)
    near = np.zeros(len(rows), dtype=np.intp)
    # Where nobody likes anything there is nothing to count.
    for places in _by_row(row) if sheet.liked.rows else ():
        found = sheet.near_likes(int(row[places[0]]), position[places], LIKE_SHOWS)
        if found is not None:
            near[mine[places]] = found
    return Account(
        sheet=sheet,
        rows=rows,
        positions=positions,
        terms=spread(terms),
        likeness=spread(1 - sheet.apart[row, position]),
        authors=spread(1 - asked.table[asked.authors[row], position]),
        institutions=spread(1 - asked.table[asked.institutions[row], position]),
        categories=spread(1 - asked.table[asked.categories[row], position]),
        community=spread(
            np.zeros(len(mine), dtype=np.float32)
            if sheet.shared is None
            else 1 - sheet.shared[row, position]
        ),
        near=near,
        leading=leading,
    )


def _by_width(counts: Positions) -> Iterator[Positions]:
    """Yield the places of tastes that have terms, those of about as many together."""
    low = 0
    for high in _WIDTHS:
        places = np.flatnonzero((counts > low) & (counts <= high))
        if len(places):
            yield places
        low = high


def _by_row(rows: Positions) -> list[Positions]:
    """Return the places of each taste's pairs."""
    if not len(rows):
        return []
    order = np.argsort(rows, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows[order])) + 1)


def _tails(window: Window) -> npt.NDArray[np.object_]:
    """Return how each paper's trend ends a sentence."""
    told = [
        f"; {_took_off(paper, gain) if late else gain}" if gain else ""
        for paper, gain, late in zip(window.papers, window.gains, window.late, strict=True)
    ]
    return np.array(told, dtype=object)


def _took_off(paper: Paper, gain: str) -> str:
    """Say that an older paper took off: "took off since it came out on April 3: 120 votes ..."."""
    day = paper.announced_on or paper.first_seen_at.date()
    return f"took off since it came out on {day:%B} {day.day}: {gain}"


def _age(paper: Paper, now: datetime) -> str:
    days = (now.date() - paper.first_seen_at.date()).days
    found = f"{counted(days, 'day')} ago" if days > 0 else "earlier today"
    return f"; found {found}, not shown to you yet"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
