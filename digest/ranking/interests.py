"""Score a window's papers against many named interests at once: one row an interest.

Every kind of evidence is a strength in [0, 1]; together they are one (noisy or), so that
evidence adds up, nothing saturates, and no part can be drowned by another. What is multiplied is
the doubt that each leaves, 1 - strength. Chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from digest.model import Interest, TermMode
from digest.ranking.avoided import Avoided, avoided
from digest.ranking.community import doubts
from digest.ranking.likeness import NEAR, likenesses
from digest.ranking.named import Asked
from digest.ranking.people import PersonMatch
from digest.ranking.space import Floats
from digest.ranking.tastes import Rated, Taste
from digest.ranking.window import Flags, Liked, Window

_MUST_NOT = TermMode.MUST_NOT  # looked up for every term of every reader


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Scores of many tastes; one row a taste, one column a paper."""

    window: Window
    tastes: Sequence[Taste]
    score: Floats
    apart: Floats
    """The doubt that the rated papers and the reader's own words leave: 1 - strength."""
    barred: Mapping[int, Flags]
    """By row: what a must or must-not term rules out of the interest."""
    liked: Liked
    asked: Asked
    avoided: Avoided | None = None
    """The papers that somebody wants fewer like; None where nobody does."""
    unmarked: Floats | None = None
    """The scores as they would be without those; None where nobody has any."""
    shared: Floats | None = None
    """The doubt that likes of similar readers leave; None where nobody takes part."""

    def authors(self, row: int, position: int) -> list[PersonMatch]:
        """Return the followed authors of a paper, certain ones first."""
        followed = self.tastes[row].interest.authors
        found = [m for f in followed if (m := self.window.people(f).get(position)) is not None]
        return sorted(found, key=lambda match: not match.is_certain)

    def institutions(self, row: int, position: int) -> tuple[str, ...]:
        """Return the followed institutions of a paper."""
        wanted = self.tastes[row].interest.institutions
        return self.window.institutions(wanted).get(position, ()) if wanted else ()

    def category(self, row: int, position: int) -> str:
        """Return the paper's category that the interest wants, or an empty string."""
        wanted = self.tastes[row].interest.categories
        return self.window.categories(wanted).get(position, "") if wanted else ""

    def borrowed_words(self, row: int, position: int) -> str:
        """Say what readers with similar likes have to do with a paper."""
        row_id = self.window.papers[position].row_id
        if any(r.paper.row_id == row_id for r in self.tastes[row].borrowed):
            return "liked by readers with similar likes"
        return "close to what readers with similar likes liked"

    def bar(self, row: int, position: int) -> str:
        """Return ``must-not`` or ``must``: why the interest rules a paper out."""
        terms = self.tastes[row].interest.terms
        forbidden = [t for t in terms if t.mode is TermMode.MUST_NOT]
        held = any(position in self.window.index.find(t) for t in forbidden)
        return "must-not" if held else "must"


def score(window: Window, tastes: Sequence[Taste], away: Sequence[Rated] = ()) -> Sheet:
    """Score every paper of the window for every taste.

    ``away`` are papers to avoid beside those of the tastes: what readers without any have.
    """
    taught = (r for taste in tastes for r in (*taste.rated, *taste.borrowed))
    liked = window.liked({r.paper.key: r.paper for r in taught})
    near = np.maximum(likenesses(window, liked, tastes), 0) / np.float32(NEAR)
    # How sharply nearness becomes sure: odds grow with its fourth power, and never saturate.
    apart = np.asarray(1 / (1 + np.square(np.square(near))), dtype=np.float32)
    asked = window.register.ask(
        [taste.interest for taste in tastes], [_says_more(taste) for taste in tastes]
    )
    doubt = apart.copy()
    asked.apply(doubt)
    if (shared := doubts(window, liked, tastes)) is not None:
        doubt *= shared
    scores = np.subtract(1, doubt, out=doubt)
    against = avoided(window, [*away, *(one for taste in tastes for one in taste.away)])
    unmarked = None if against is None else scores.copy()
    for row, taste in enumerate(tastes):
        if against is not None and taste.away:
            scores[row] *= against.kept(taste.away)
    barred: dict[int, Flags] = {}
    for row, taste in enumerate(tastes):
        if (flags := _barred(window, taste.interest)) is not None:
            barred[row] = flags
            scores[row, flags] = 0.0
            if unmarked is not None:
                unmarked[row, flags] = 0.0
    return Sheet(
        window=window, tastes=tastes, score=scores, apart=apart, barred=barred, liked=liked,
        asked=asked, avoided=against, unmarked=unmarked, shared=shared,
    )  # fmt: skip


def _says_more(taste: Taste) -> bool:
    """Tell whether a profile gives words or liked papers, not only names.

    A mark adds to what it names: it does not change what a category is worth.
    """
    interest = taste.interest
    likes = not all(rated.by_mark for rated in taste.rated)
    return likes or bool(interest.text) or any(t.mode is not _MUST_NOT for t in interest.terms)


def _barred(window: Window, interest: Interest) -> Flags | None:
    barred: Flags | None = None
    for term in interest.terms:
        if term.mode is TermMode.SHOULD:
            continue
        held = np.zeros(len(window), dtype=bool)
        held[list(window.index.find(term))] = True
        against = held if term.mode is TermMode.MUST_NOT else ~held
        barred = against if barred is None else barred | against
    return barred
