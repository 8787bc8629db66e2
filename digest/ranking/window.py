"""Prepare one window's papers once, for all its readers: words, people, categories, trend.

Whatever is asked of a window is looked up once per distinct question and kept. Scores nobody's
interest and chooses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from digest.model import Paper, Term
from digest.ranking import Candidates
from digest.ranking.background import Background
from digest.ranking.meaning import Meaning
from digest.ranking.named import Register
from digest.ranking.people import PeopleIndex, PersonMatch, match_institutions
from digest.ranking.popularity import popularity
from digest.ranking.space import Floats, Space, near_duplicates, paper_words
from digest.ranking.terms import TermIndex, in_category
from digest.ranking.trending import Heat, heats, late_heats

Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]

_T = TypeVar("_T")

NEAR_DUPLICATE = 0.92
"""Papers whose words are this alike (cosine) say the same thing to a reader."""

_MOST_DENSE = 4_000_000
"""Words by papers that are spread out for one product (16 MB)."""

_MOST_LIKED_CELLS = 10_000_000
_MOST_ANSWERS = 50_000
"""Liked papers (by candidates) and other questions whose answers are kept: memory stays flat."""


@dataclass(frozen=True, kw_only=True)
class Liked:
    """Papers that readers spoke of, beside the window's."""

    rows: Mapping[str, int]
    """Row of each paper in the arrays, by key."""
    sketches: Floats
    """Short rows that tell how long sums of their words are."""
    usual: Floats
    """Short rows whose length is their usual cosine in words with a paper."""
    likeness: Floats
    """Cosine in words of each liked paper (row) with each candidate (column)."""
    meaning: tuple[Floats, ...]
    """Unit rows in each of the window's spaces of meaning."""


class Window:
    """The papers of a window in the order of their keys, and what readers ask of them."""

    def __init__(
        self,
        candidates: Candidates,
        now: datetime,
        background: Background,
        meanings: Sequence[tuple[Meaning, float]] = (),
    ) -> None:
        self.meanings = tuple(meanings) or ((background, 1.0),)
        """Spaces in which papers are near each other, and what each weighs."""
        self.papers: tuple[Paper, ...] = tuple(sorted(candidates.papers, key=lambda p: p.key))
        self.row_ids = np.array([p.row_id for p in self.papers], dtype=np.int64)
        self.seen_at = np.array([p.first_seen_at.timestamp() for p in self.papers])
        self.withdrawn = np.array([p.withdrawn for p in self.papers], dtype=bool)
        self.late = np.array([p.row_id in candidates.late_ids for p in self.papers], dtype=bool)
        """Papers from before the window that took off in it."""
        self.heats: list[Heat] = _heats(self.papers, candidates, now, background)
        self.trend = np.array([heat.score for heat in self.heats], dtype=np.float32)
        texts = [paper_words(paper) for paper in self.papers]
        self.index = TermIndex(self.papers)
        self.space = Space(texts, background.frequencies, background.count)
        self.words = self.space.sample
        self.meaning = tuple(meaning.papers(self.papers) for meaning, _ in self.meanings)
        self._words_down = sparse.csr_array(self.words[:, : self.space.known].T)
        self._kept: dict[Hashable, object] = {}
        self._liked = self._nobody()

    def __len__(self) -> int:
        return len(self.papers)

    def days_before(self, since: datetime) -> Floats:
        """Return how many days before an instant each paper came; 0 for those that took off late.

        At least half a day for each that came before it at all.
        """
        days = (since.timestamp() - self.seen_at) / 86_400
        before = (days > 0) & ~self.late
        return np.where(before, np.maximum(days, 0.5), 0).astype(np.float32)

    @cached_property
    def is_watched(self) -> bool:
        """Tell whether anything is known of the popularity of any paper that is new."""
        return any(
            heat.by_kind for heat, late in zip(self.heats, self.late, strict=True) if not late
        )

    @cached_property
    def register(self) -> Register:
        """What readers ask for by name."""
        return Register(self)

    @cached_property
    def trend_parts(self) -> Mapping[str, Floats]:
        """The strengths of the papers' trend by name; 0 where one says nothing."""
        kinds = dict.fromkeys(kind for heat in self.heats for kind in heat.by_kind)
        return {
            f"trend {kind}": np.array([heat.by_kind.get(kind, 0.0) for heat in self.heats])
            for kind in kinds
        }

    @cached_property
    def popularity(self) -> Sequence[str]:
        """How popular each paper is, in words; empty where nothing is known."""
        return [popularity(heat) for heat in self.heats]

    @cached_property
    def position_of(self) -> Mapping[int, int]:
        """Positions by row id."""
        return {row_id: n for n, row_id in enumerate(self.row_ids.tolist())}

    @cached_property
    def groups(self) -> Sequence[tuple[str, ...]]:
        """The names that make a paper's group: first and last authors of a usual list."""
        return [_group(paper) for paper in self.papers]

    @cached_property
    def crowds(self) -> npt.NDArray[np.intp]:
        """By paper (a row), the numbers of its people who have more than two papers; else -1."""
        counts = Counter(person for group in self.groups for person in group)
        numbers = {person: n for n, person in enumerate(counts) if counts[person] > 2}
        found = np.full((len(self), 4), -1, dtype=np.intp)
        for row, group in zip(found, self.groups, strict=True):
            many = [numbers[person] for person in group if person in numbers]
            row[: len(many)] = many
        return found

    @cached_property
    def duplicates(self) -> Mapping[int, frozenset[int]]:
        """Positions of papers that say nearly the same, by position."""
        return near_duplicates(self.words, NEAR_DUPLICATE)

    @cached_property
    def duplicate_groups(self) -> npt.NDArray[np.intp]:
        """By paper (a row of one), the number of the near duplicates it belongs to; else -1."""
        found = np.full((len(self), 1), -1, dtype=np.intp)
        for first in sorted(self.duplicates):
            waiting = [first] if found[first] < 0 else []
            while waiting:
                position = waiting.pop()
                if found[position] < 0:
                    found[position] = first
                    waiting.extend(self.duplicates[position])
        return found

    @cached_property
    def keys(self) -> npt.NDArray[np.object_]:
        """The papers' keys."""
        return np.array([paper.key for paper in self.papers], dtype=object)

    @cached_property
    def _people(self) -> PeopleIndex:
        return PeopleIndex(self.papers)

    def _keep(self, key: Hashable, make: Callable[[], _T]) -> _T:
        if key not in self._kept:
            if len(self._kept) >= _MOST_ANSWERS:
                self._kept.clear()
            self._kept[key] = make()
        return cast(_T, self._kept[key])

    def muted(self, text: str, term: Term) -> Positions:
        """Return the positions that hold a muted text."""
        return self._keep(("mute", text), lambda: _positions(self.index.find(term)))

    def people(self, followed: str) -> Mapping[int, PersonMatch]:
        """Return the matches of a followed author by position."""
        return self._keep(("person", followed), lambda: self._people.find(followed))

    def institutions(self, followed: tuple[str, ...]) -> Mapping[int, tuple[str, ...]]:
        """Return the followed institutions of each paper that has one, by position."""

        def look() -> dict[int, tuple[str, ...]]:
            return {
                n: tuple(names)
                for n, paper in enumerate(self.papers)
                if (names := match_institutions(paper, followed))
            }

        return self._keep(("institutions", followed), look)

    def categories(self, wanted: tuple[str, ...]) -> Mapping[int, str]:
        """Return each paper's first category that is wanted, by position."""

        def look() -> dict[int, str]:
            return {
                n: hit
                for n, paper in enumerate(self.papers)
                if (hit := next((c for c in paper.categories if _wanted(c, wanted)), ""))
            }

        return self._keep(("categories", wanted), look)

    def from_sources(self, sources: tuple[str, ...]) -> Flags:
        """Tell of each paper whether one of these sources announced it."""

        def look() -> Flags:
            wanted = set(sources)
            return np.array([not wanted.isdisjoint(p.sources) for p in self.papers], dtype=bool)

        return self._keep(("sources", sources), look)

    def liked(self, papers: Mapping[str, Paper]) -> Liked:
        """Return these papers, by key (and others asked before), beside the window's."""
        missing = [key for key in papers if key not in self._liked.rows]
        if missing:
            if len(self._liked.rows) + len(missing) > _MOST_LIKED_CELLS // len(self):
                missing = list(papers)
                self._liked = self._nobody()
            added = [papers[key] for key in missing]
            new = self.space.vectors([paper_words(paper) for paper in added])
            rows = {
                **self._liked.rows,
                **{k: n for n, k in enumerate(missing, len(self._liked.rows))},
            }
            self._liked = Liked(
                rows=rows,
                sketches=np.concatenate([self._liked.sketches, self.space.sketches(new)]),
                usual=np.concatenate([self._liked.usual, self.space.usual(new)]),
                likeness=np.concatenate([self._liked.likeness, self.likeness(new)]),
                meaning=tuple(
                    np.concatenate([before, meaning.papers(added)])
                    for before, (meaning, _) in zip(self._liked.meaning, self.meanings, strict=True)
                ),
            )
        return self._liked

    def _nobody(self) -> Liked:
        return Liked(
            rows={},
            sketches=self.space.sketches(self.words[:0]),
            usual=self.space.usual(self.words[:0]),
            likeness=np.zeros((0, len(self)), dtype=np.float32),
            meaning=tuple(rows[:0] for rows in self.meaning),
        )

    def likeness(self, words: sparse.csr_array) -> Floats:
        """Return the product of each row of words with each paper."""
        known = words[:, : self.space.known]
        said = np.unique(known.indices)
        if len(said) * len(self) > _MOST_DENSE:
            return np.asarray((known @ self._words_down).todense(), np.float32)
        # Few words that many papers have: dense rows are added up faster than sparse ones.
        few = sparse.csr_array(
            (known.data, np.searchsorted(said, known.indices), known.indptr),
            shape=(known.shape[0], len(said)),
        )
        return np.asarray(few @ self._words_down[said].toarray(), np.float32)


def _heats(
    papers: Sequence[Paper], candidates: Candidates, now: datetime, background: Background
) -> list[Heat]:
    """Return each paper's heat; late ones are measured apart and move nobody else's scale."""
    usual = [paper for paper in papers if paper.row_id not in candidates.late_ids]
    late = [paper for paper in papers if paper.row_id in candidates.late_ids]
    known, promise = candidates.observations, candidates.promise
    hopes = promise.of(background, usual) if promise and usual else ()
    new = iter(heats(usual, known, now, promise=hopes))
    old = iter(late_heats(late, usual, known, candidates.window_start_at, now))
    return [next(old if paper.row_id in candidates.late_ids else new) for paper in papers]


def _positions(found: Mapping[int, object]) -> Positions:
    return np.fromiter(found, dtype=np.intp, count=len(found))


def _wanted(category: str, wanted: Sequence[str]) -> bool:
    return any(in_category(category, one) for one in wanted)


def _group(paper: Paper) -> tuple[str, ...]:
    names = [author.name.casefold() for author in paper.authors]
    return tuple(dict.fromkeys((*names[:2], *names[-2:])))
