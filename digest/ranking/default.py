"""The default ranker: words, likes, authors and trend; no model to download, no key.

``ranker = "default"``. Prepares a window once, scores readers in blocks (one matrix of interests
by papers), and makes Python values for the picked papers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from digest.model import Exclusion, Interest, Pick, Profile, Term, TermField
from digest.ranking import Candidates, Choice, Reader
from digest.ranking.background import Background, unlearned
from digest.ranking.choose import (
    CARRIED_OVER,
    STEPS,
    Chosen,
    Limits,
    Scored,
    choose,
    in_steps,
    mixed,
    seed_of,
)
from digest.ranking.interests import Sheet, score
from digest.ranking.meaning import Meaning
from digest.ranking.reasons import LIKE_SHOWS, reason
from digest.ranking.space import Floats
from digest.ranking.tastes import Known, Taste, rated_papers
from digest.ranking.window import Flags, Positions, Window

MUTED_FIELDS: tuple[TermField, ...] = (
    "title", "abstract", "keywords", "authors", "categories",
)  # fmt: skip

FEEDBACK_INTEREST = "papers you liked"
"""Feedback that names no interest teaches one of its own: it can drown no other."""

_BLOCK_CELLS = 400_000
"""Interests by papers scored at once: the block stays in a processor's cache, memory flat."""

_BLOCK_RATED = 8192
_LAST = 2**16 - 1


def ranker(_options: Mapping[str, Any]) -> DefaultRanker:
    """Return the ranker; it has no options."""
    return DefaultRanker()


class DefaultRanker:
    """See the module. Holds the last window's prepared papers, so blocks of readers are cheap."""

    name = "default"

    def __init__(self) -> None:
        self._prepared: tuple[Candidates, datetime, Window] | None = None

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
        if not candidates.papers:
            return [Choice() for _ in readers]
        desks = self._desks(candidates, readers, now, seed)
        return [desk.choice(explain=explain) for desk in desks]

    def top(
        self, candidates: Candidates, readers: Sequence[Reader], *, now: datetime, seed: int
    ) -> list[tuple[int, ...]]:
        """Return the row ids of each reader's picks, best first: ``rank`` without the account."""
        if not candidates.papers:
            return [() for _ in readers]
        return [desk.row_ids() for desk in self._desks(candidates, readers, now, seed)]

    def _desks(
        self, candidates: Candidates, readers: Sequence[Reader], now: datetime, seed: int
    ) -> Iterator[_Desk]:
        window = self._prepare(candidates, now)
        for block in _blocks(window, readers, now):
            yield from _choose_block(window, block, now=now, seed=seed)

    def _prepare(self, candidates: Candidates, now: datetime) -> Window:
        if not (self._prepared and self._prepared[0] is candidates and self._prepared[1] == now):
            background = candidates.background or unlearned()
            meanings = self.meanings(candidates, background)
            self._prepared = (candidates, now, Window(candidates, now, background, meanings))
        return self._prepared[2]

    def meanings(
        self, candidates: Candidates, background: Background
    ) -> Sequence[tuple[Meaning, float]]:
        """Return the spaces of meaning that papers are compared in, and what each weighs."""
        return ((background, 1.0),)


@dataclass(frozen=True)
class _Seat:
    """A reader in a block: whose rows of the sheet are whose."""

    reader: Reader
    tastes: tuple[Taste, ...]


def _blocks(window: Window, readers: Sequence[Reader], now: datetime) -> Iterator[list[_Seat]]:
    """Yield the readers in order, so many at a time that a block stays small."""
    shared: dict[int, Known] = {}
    most = max(_BLOCK_CELLS // len(window), 1)
    block: list[_Seat] = []
    rows = rated = 0
    for reader in readers:
        papers = reader.known_papers
        tastes = _tastes(reader, shared.setdefault(id(papers), Known(papers)), now)
        block.append(_Seat(reader, tastes))
        rows += max(len(tastes), 1)
        rated += sum(len(taste.rated) for taste in tastes)
        if rows >= most or rated >= _BLOCK_RATED:
            yield block
            block, rows, rated = [], 0, 0
    if block:
        yield block


def _tastes(reader: Reader, known: Known, now: datetime) -> tuple[Taste, ...]:
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


def _choose_block(
    window: Window, seats: Sequence[_Seat], *, now: datetime, seed: int
) -> Iterator[_Desk]:
    sheet = score(window, [taste for seat in seats for taste in seat.tastes])
    interest, best, firsts = _best(sheet, seats)
    weights = np.array([_trend_weight(window, seat) for seat in seats], dtype=np.float32)
    steps = in_steps(mixed(interest, window.trend, weights[:, None]))
    blocked = np.stack([_blocked(window, seat.reader) for seat in seats])
    for number, seat in enumerate(seats):
        rows = range(firsts[number], firsts[number] + len(seat.tastes))
        if rows and all(row in sheet.barred for row in rows):
            blocked[number] |= np.logical_and.reduce([sheet.barred[row] for row in rows])
    # A stable sort of small whole numbers keeps ties in the order of the papers, that is of keys.
    order = np.argsort(np.where(blocked, _LAST, STEPS - steps), axis=1, kind="stable")
    eligible = len(window) - blocked.sum(axis=1)
    for number, seat in enumerate(seats):
        scored = Scored(
            order=order[number, : eligible[number]],
            score=steps[number] / np.float32(STEPS),
            interest=interest[number],
            trend=window.trend,
            best=best.get(number),
            names=[taste.interest.name for taste in seat.tastes],
            carried=_carried(window, seat.reader),
            late=window.late,
            groups=window.groups,
            followed=_followed(window, seat.reader.profile),
            duplicates=window.duplicates,
        )
        chosen = choose(scored, _limits(seat.reader, seed))
        yield _Desk(sheet, scored, chosen, firsts[number], seat, now)


def _best(sheet: Sheet, seats: Sequence[_Seat]) -> tuple[Floats, dict[int, Positions], list[int]]:
    """Return each reader's best interest score per paper, whose it is, and the first row."""
    count = len(sheet.window)
    interest = np.zeros((len(seats), count), dtype=np.float32)
    best: dict[int, Positions] = {}
    firsts, row = [], 0
    for number, seat in enumerate(seats):
        firsts.append(row)
        table = sheet.score[row : row + len(seat.tastes)]
        if len(table) == 1:
            interest[number] = table[0]
        elif len(table):
            interest[number] = table.max(axis=0)
            best[number] = table.argmax(axis=0)
        row += len(seat.tastes)
    return interest, best, firsts


def _trend_weight(window: Window, seat: _Seat) -> float:
    if not seat.tastes:
        return 1.0
    # A window without any signal is ranked by interest, on its full scale.
    return seat.reader.profile.trending_weight if window.is_watched else 0.0


def _limits(reader: Reader, seed: int) -> Limits:
    profile = reader.profile
    return Limits(
        floor=profile.min_score,
        cap=profile.max_papers,
        quotas={i.name: i.quota for i in profile.interests if i.quota is not None},
        exploration=profile.exploration,
        seed=seed_of(seed, reader.subscription_id),
    )


def _followed(window: Window, profile: Profile) -> frozenset[int]:
    names = {name for interest in profile.interests for name in interest.authors}
    return frozenset(p for name in names for p in window.people(name))


def _carried(window: Window, reader: Reader) -> Flags:
    if reader.seen_since is None:
        return window.late
    return np.asarray((window.seen_at < reader.seen_since.timestamp()) | window.late)


def _blocked(window: Window, reader: Reader) -> Flags:
    """Tell what cannot be picked at all; ``_cause`` says why."""
    profile = reader.profile
    blocked = window.withdrawn.copy()
    if profile.sources:
        blocked |= ~window.from_sources(profile.sources)
    if reader.shown:
        at = window.position_of
        blocked[[at[row_id] for row_id in reader.shown if row_id in at]] = True
    for mute in profile.mutes:
        blocked[window.muted(mute, Term(text=mute, fields=MUTED_FIELDS))] = True
    return blocked


class _Desk:
    """Turns one reader's chosen positions into picks, and the rest into exclusions."""

    def __init__(
        self,
        sheet: Sheet,
        scored: Scored,
        chosen: Chosen,
        first: int,
        seat: _Seat,
        now: datetime,
    ) -> None:
        self._sheet = sheet
        self._window = sheet.window
        self._scored = scored
        self._chosen = chosen
        self._first = first
        self._seat = seat
        self._now = now

    def row_ids(self) -> tuple[int, ...]:
        """Return the row ids of the picks, best first."""
        return tuple(self._window.papers[p].row_id for p in self._chosen.positions)

    def choice(self, *, explain: bool) -> Choice:
        """Return the reader's choice."""
        picked = self._chosen.positions
        rest = np.ones(len(self._window), dtype=bool)
        rest[list(picked)] = False
        order = self._scored.order
        return Choice(
            picks=tuple(self._pick(p) for p in picked),
            other_ids=tuple(self._window.row_ids[order[rest[order]]].tolist()),
            exclusions=self._exclusions(rest) if explain else (),
        )

    def _row(self, position: int) -> int | None:
        if not self._seat.tastes:
            return None
        best = self._scored.best
        return self._first + (0 if best is None else int(best[position]))

    def _pick(self, position: int) -> Pick:
        paper = self._window.papers[position]
        section = self._chosen.sections[position]
        row = self._row(position)
        carried = bool(self._scored.carried[position])
        parts = self._parts(row, position)
        return Pick(
            paper_id=paper.row_id,
            key=paper.key,
            score=round(float(self._scored.score[position]), 6),
            interest_score=round(float(self._scored.interest[position]), 6),
            trend_score=round(float(self._window.trend[position]), 6),
            section=section,
            reason=reason(
                self._sheet, row, position, section=section, now=self._now,
                carried=carried and section == CARRIED_OVER, near=int(parts.get("near likes", 0)),
            ),
            parts=parts,
            is_new=not carried,
        )  # fmt: skip

    def _parts(self, row: int | None, position: int) -> dict[str, float]:
        """Return the strengths that make a score, by name; those that say nothing are left."""
        parts = dict(self._window.trend_parts(position))
        if row is not None:
            for name, value in self._sheet.parts(row, position).items():
                if told := round(float(value), 4):
                    parts[name] = told
            if near := self._sheet.near_likes(row, position, LIKE_SHOWS):
                parts["near likes"] = float(near)
        return parts

    def _exclusions(self, rest: Flags) -> tuple[Exclusion, ...]:
        floor = self._seat.reader.profile.min_score
        eligible = np.zeros(len(self._window), dtype=bool)
        eligible[self._scored.order] = True
        told = []
        for position in np.flatnonzero(rest).tolist():
            paper = self._window.papers[position]
            value = float(self._scored.score[position])
            row = self._row(position)
            cause = (
                (self._chosen.refused.get(position) or ("floor" if value < floor else "cap"))
                if eligible[position]
                else self._cause(position)
            )
            told.append(
                Exclusion(
                    paper_id=paper.row_id,
                    key=paper.key,
                    cause=cause,
                    score=round(value, 6),
                    interest_score=round(float(self._scored.interest[position]), 6),
                    trend_score=round(float(self._window.trend[position]), 6),
                    interest="" if row is None else self._sheet.tastes[row].interest.name,
                    parts=self._parts(row, position),
                )
            )
        return tuple(told)

    def _cause(self, position: int) -> str:
        """Return why a paper cannot be picked at all."""
        window, reader = self._window, self._seat.reader
        paper = window.papers[position]
        if paper.row_id in reader.shown:
            return "seen"
        if paper.withdrawn:
            return "withdrawn"
        if reader.profile.sources and not set(reader.profile.sources) & set(paper.sources):
            return "source"
        row = self._first
        muted = [window.muted(m, Term(text=m, fields=MUTED_FIELDS)) for m in reader.profile.mutes]
        return "muted" if any(position in m for m in muted) else self._sheet.bar(row, position)
