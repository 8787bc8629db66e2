"""Say of picks what made their scores: the strengths by name, and a sentence made of them.

'Mentions "kernel fusion"; similar to Fusing kernels, which you liked'. The strongest part comes
first, and nothing is said that is not so. All picks of a block of readers at once. Scores nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from digest.model import Paper
from digest.ranking.interests import Sheet
from digest.ranking.popularity import took_off
from digest.ranking.space import Floats
from digest.ranking.tastes import FEEDBACK_INTEREST, Rated
from digest.ranking.window import Flags, Positions
from digest.text.counting import counted

LIKE_SHOWS = 0.2
"""A liked paper is named as similar from this cosine on."""

SIMILAR = 0.3
"""And from this strength of likeness on."""

CLOSE = 0.5
"""A paper is called close to an interest from this strength on: when it is rather so than not."""

LOOSE = 0.02
"""From this strength on it is loosely related, which is said where there is nothing better."""

COMMUNITY_SHOWS = 0.1
"""What similar readers liked is told of from this strength on."""

FEWER_SHOWS = 0.1
"""That it is like a paper to avoid is told where that takes at least this share of its score."""

_MOST_FACTS = 2
"""Facts told in one sentence."""

_TITLE_SHOWN = 80
"""Letters of a liked paper's title."""

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
    fewer: Floats
    """What papers to avoid took from the score, as a share of it."""
    against: Mapping[int, Paper]
    """By place: the paper that took the most."""
    near: Positions
    """How many liked papers are near."""
    nearest: Positions
    """Row of the nearest of them among the liked; -1 for none."""
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
            "fewer like": self.fewer,
            "near likes": self.near,
        }
        return {
            name: np.round(column.astype(np.float64), 4)
            for name, column in columns.items()
            if column.any()
        }

    def sentences(
        self, *, explored: Flags, elsewhere: Flags, popular: Flags, carried: Flags, now: datetime
    ) -> list[str]:
        """Return one sentence of true parts for each; never empty.

        ``explored`` ones come from outside the interests, ``elsewhere`` ones are off every
        interest, ``popular`` ones owe more to the trend than to an interest, ``carried`` ones
        come from an earlier day.
        """
        window = self.sheet.window
        titles: dict[int, str] = {}
        flags = (explored, explored | elsewhere, popular | (self.rows < 0), carried)
        columns = (self.positions, *flags, self.rows < 0)
        found = []
        for place, (position, strange, off, leads, old, nobody) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            facts = [] if strange or nobody else self._facts(place, titles)
            paper = window.papers[position]
            if window.late[position]:
                rise = took_off(paper, window.heats[position], now)
                if rise:
                    facts.insert(0 if leads or off else 1, rise)
            elif (count := window.popularity[position]) and (leads or off or not facts):
                facts.insert(0, f"popular{' elsewhere' if off and not nobody else ''}: {count}")
            if not (facts or strange or nobody):
                facts = self._weakly(place)
            if not facts:
                facts = [
                    f"{'chosen from outside your interests, ' if strange else ''}{_came(paper)}"
                ]
            del facts[_MOST_FACTS:]
            if place in self.against and self.fewer[place] >= FEWER_SHOWS:
                facts.append(
                    f"you asked for fewer papers like {_shortened(self.against[place].title)}"
                )
            if old:
                facts.append(_age(paper, now))
            text = "; ".join(facts)
            found.append(text[0].upper() + text[1:])
        return found

    @cached_property
    def _strengths(self) -> Sequence[tuple[float, ...]]:
        """Return the strengths of each pair: terms, likeness, and what is told of more rarely."""
        columns = (
            self.terms, self.likeness, self.authors, self.institutions, self.categories,
            self.community,
        )  # fmt: skip
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def _facts(self, place: int, titles: dict[int, str]) -> list[str]:
        """Return what each owes to its interest, the strongest first."""
        terms, likeness, authors, institutions, categories, community = self._strengths[place]
        found = []
        if terms > 0 and (said := self._mentions(place)):
            found.append((terms, said))
        if likeness >= SIMILAR and self.near[place]:
            found.append((likeness, self._similar(place, titles)))
        elif likeness >= CLOSE:
            found.append((likeness, f"close to {self._interest(place)}"))
        if authors or institutions or categories or community >= COMMUNITY_SHOWS:
            found += self._named(place, authors, institutions, categories, community)
        if len(found) > 1:
            found.sort(key=itemgetter(0), reverse=True)
        return [text for _, text in found]

    def _named(
        self, place: int, authors: float, institutions: float, categories: float, community: float
    ) -> list[tuple[float, str]]:
        """Return what a paper owes to names, and to readers with similar likes."""
        row, position = int(self.rows[place]), int(self.positions[place])
        found = []
        if authors and (matches := self.sheet.authors(row, position)[:2]):
            names = _listed([match.printed for match in matches])
            is_sure = all(match.is_certain for match in matches)
            doubt = "whom you follow" if is_sure else "perhaps whom you follow"
            found.append((authors, f"by {names}, {doubt}"))
        if institutions and (names := _listed(list(self.sheet.institutions(row, position)[:2]))):
            found.append((institutions, f"from {names}, which you follow"))
        if community >= COMMUNITY_SHOWS:
            found.append((community, self.sheet.borrowed_words(row, position)))
        if categories and (category := self.sheet.category(row, position)):
            found.append((categories, f"in {category}, which you follow"))
        return found

    def _mentions(self, place: int) -> str:
        texts = self.sheet.asked.texts[int(self.rows[place])]
        found = [f'"{texts[n]}"' for n in self.leading[place].tolist() if n >= 0]
        return f"mentions {_listed(found)}" if found else ""

    def _similar(self, place: int, titles: dict[int, str]) -> str:
        nearest = int(self.nearest[place])
        title = titles.get(nearest)
        if title is None:
            rows = self.sheet.liked.rows
            rated = self.sheet.tastes[int(self.rows[place])].rated
            title = next(one.paper.title for one in rated if rows[one.paper.key] == nearest)
            titles[nearest] = title = _shortened(title)
        more = int(self.near[place]) - 1
        others = f" and {counted(more, 'more paper')} that you liked"
        return f"similar to {title}" + (others if more else ", which you liked")

    def _interest(self, place: int) -> str:
        name = self.sheet.tastes[int(self.rows[place])].interest.name
        return name if name == FEEDBACK_INTEREST else f'your "{name}"'

    def _weakly(self, place: int) -> list[str]:
        """Return that a paper is loosely related to an interest, where it is."""
        if self.likeness[place] < LOOSE:
            return []
        return [f"loosely related to {self._interest(place)}"]


def account(
    sheet: Sheet, rows: Positions, positions: Positions, away: Sequence[Sequence[Rated]] = ()
) -> Account:
    """Return what made the scores of these pairs of taste (-1: none) and paper.

    ``away`` are the papers to avoid that count for each pair; empty where nobody has any.
    """
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
    nearest = np.full(len(rows), -1, dtype=np.intp)
    # Where nobody likes anything there is nothing to count.
    for places in _by_row(row) if sheet.liked.rows else ():
        found = _near_likes(sheet, int(row[places[0]]), position[places])
        if found is not None:
            near[mine[places]], nearest[mine[places]] = found
    fewer, against = _against(sheet, positions, away)
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
        fewer=fewer,
        against=against,
        near=near,
        nearest=nearest,
        leading=leading,
    )


def _against(
    sheet: Sheet, positions: Positions, away: Sequence[Sequence[Rated]]
) -> tuple[Floats, dict[int, Paper]]:
    """Return what papers to avoid took from each pair's score, and which took the most."""
    taken = np.zeros(len(positions), dtype=np.float32)
    against: dict[int, Paper] = {}
    kept: dict[int, Floats] = {}
    for place, (mine, position) in enumerate(zip(away, positions.tolist(), strict=False)):
        if not mine or sheet.avoided is None:
            continue
        if id(mine) not in kept:
            kept[id(mine)] = sheet.avoided.kept(mine)
        taken[place] = 1 - kept[id(mine)][position]
        if taken[place] > 0:
            against[place] = sheet.avoided.nearest(mine, position)
    return taken, against


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


def _near_likes(sheet: Sheet, row: int, positions: Positions) -> tuple[Positions, Positions] | None:
    """Return how many liked papers are near to each paper, and the row of the nearest.

    None where the taste likes nothing.
    """
    keys = [r.paper.key for r in sheet.tastes[row].rated]
    if not keys:
        return None
    rows = np.array([sheet.liked.rows[key] for key in keys], dtype=np.intp)
    likeness = sheet.liked.likeness[rows[:, None], positions]
    return (likeness >= LIKE_SHOWS).sum(axis=0), rows[likeness.argmax(axis=0)]


def _came(paper: Paper) -> str:
    """Say when a paper came, of which there is nothing else to say."""
    if paper.announced_on is None:
        day = paper.first_seen_at.date()
        return f"first seen on {day:%B} {day.day}"
    return f"announced on {paper.announced_on:%B} {paper.announced_on.day}"


def _age(paper: Paper, now: datetime) -> str:
    days = (now.date() - paper.first_seen_at.date()).days
    return f"first seen {counted(days, 'day')} ago" if days > 0 else "first seen earlier today"


def _shortened(title: str) -> str:
    title = " ".join(title.split()).rstrip(".")
    return title if len(title) <= _TITLE_SHOWN else title[:_TITLE_SHOWN].rpartition(" ")[0] + " …"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
