"""What is asked for by name, as rows over a window's papers: terms, authors, places, categories.

A row holds what a thing leaves of the doubt, 1 - strength, for each paper: 1 where it does not
stand. Rows are made once for all readers who ask for the same, so that a block of readers is a
few products. Fits no likeness.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from digest.model import Interest, Term, TermMode
from digest.ranking.space import Floats
from digest.ranking.terms import Place

if TYPE_CHECKING:
    from digest.ranking.window import Window

Ids = npt.NDArray[np.intp]

TERM_STRENGTH = {Place.TITLE: 0.3, Place.TEXT: 0.2}
AUTHOR, MAYBE_AUTHOR, INSTITUTION, CATEGORY = 0.8, 0.3, 0.35, 0.18
ONLY_CATEGORY, ONLY_CROSS_LISTED = 0.5, 0.4
"""A category is all that some interests say: then its papers are what the reader wants."""

_MUST_NOT = TermMode.MUST_NOT  # looked up for every term of every reader

MOST_CELLS = 4_000_000
"""Rows by papers that are kept for the blocks to come (16 MB)."""

NOTHING = 0
"""The row of what is not asked for: 1 for every paper."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the tastes of a block ask for by name: rows of ``table``, one line a taste."""

    table: Floats
    terms: Ids
    """The terms in the order of their texts; `NOTHING` where a taste has no more."""
    counts: Ids
    """How many terms each taste has."""
    texts: Sequence[tuple[str, ...]]
    authors: Ids
    institutions: Ids
    categories: Ids

    def apply(self, doubt: Floats) -> None:
        """Multiply what is left of the doubt (a line a taste) by what each name leaves."""
        for place in range(self.terms.shape[1]):
            _multiply(doubt, self.table, self.terms[:, place])
        for rows in (self.authors, self.institutions, self.categories):
            _multiply(doubt, self.table, rows)

    def of_terms(self, tastes: Ids, positions: Ids) -> Floats:
        """Return what each term (a column) leaves at pairs of taste and paper (lines)."""
        width = int(self.counts[tastes].max(initial=0))
        return self.table[self.terms[tastes, :width], positions[:, None]]


def _multiply(doubt: Floats, table: Floats, rows: Ids) -> None:
    asked = np.flatnonzero(rows)
    if len(asked) == len(rows):
        doubt *= table[rows]
    elif len(asked):
        doubt[asked] *= table[rows[asked]]


class Register:
    """The rows of one window, kept from block to block."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._clear()

    def ask(self, interests: Sequence[Interest], says_more: Sequence[bool]) -> Asked:
        """Return what these interests ask for, looked up where nobody has asked before.

        ``says_more`` tells which of them say in words or likes what their papers are about.
        """
        if self._table.size > MOST_CELLS:
            self._clear()
        # In the order of their texts, so that a stable sort by strength settles ties.
        wanted = [
            sorted([t for t in interest.terms if t.mode is not _MUST_NOT], key=_text)
            for interest in interests
        ]
        terms = np.zeros((len(wanted), max(map(len, wanted), default=0)), dtype=np.intp)
        for line, found in enumerate(wanted):
            if found:
                terms[line, : len(found)] = [
                    self._rows.get((term.text, term.fields, term.weight)) or self._term(term)
                    for term in found
                ]
        several = [
            np.array(rows, dtype=np.intp)
            for rows in (
                [self._authors(i.authors) if i.authors else NOTHING for i in interests],
                [self._institutions(i.institutions) if i.institutions else 0 for i in interests],
                [
                    self._categories(i.categories, more) if i.categories else 0
                    for i, more in zip(interests, says_more, strict=True)
                ],
            )
        ]
        return Asked(
            table=self._table,
            terms=terms,
            counts=np.array([len(found) for found in wanted], dtype=np.intp),
            texts=[tuple(term.text for term in found) for found in wanted],
            authors=several[0],
            institutions=several[1],
            categories=several[2],
        )

    def _clear(self) -> None:
        self._rows: dict[Hashable, int] = {}
        self._table = np.ones((64, len(self._window)), dtype=np.float32)

    def _row(self, key: Hashable, write: Callable[[Floats], None]) -> int:
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = len(self._rows) + 1
            if row == len(self._table):
                more = np.ones_like(self._table)
                self._table = np.concatenate([self._table, more])
            write(self._table[row])
        return row

    def _term(self, term: Term) -> int:
        def write(row: Floats) -> None:
            found = self._window.index.find(term)
            left = {place: (1 - told) ** term.weight for place, told in TERM_STRENGTH.items()}
            row[list(found)] = [left[place] for place in found.values()]

        return self._row((term.text, term.fields, term.weight), write)

    def _authors(self, followed: tuple[str, ...]) -> int:
        def write(row: Floats) -> None:
            for name in followed:
                for position, match in self._window.people(name).items():
                    left = 1 - (AUTHOR if match.is_certain else MAYBE_AUTHOR)
                    row[position] = min(row[position], left)

        return self._row(("authors", followed), write)

    def _institutions(self, followed: tuple[str, ...]) -> int:
        def write(row: Floats) -> None:
            row[list(self._window.institutions(followed))] = 1 - INSTITUTION

        return self._row(("institutions", followed), write)

    def _categories(self, wanted: tuple[str, ...], says_more: bool) -> int:
        def write(row: Floats) -> None:
            for position, category in self._window.categories(wanted).items():
                row[position] = 1 - self._of_category(position, category, says_more)

        return self._row(("categories", wanted, says_more), write)

    def _of_category(self, position: int, category: str, says_more: bool) -> float:
        if says_more:
            return CATEGORY
        is_first = self._window.papers[position].categories[0] == category
        return ONLY_CATEGORY if is_first else ONLY_CROSS_LISTED


_text = attrgetter("text")
