"""The default ranker: words, likes, authors and trend; no model to download, no key.

``ranker = "default"``. Prepares a window once, scores readers in blocks (one matrix of interests
by papers), and makes Python values for the picked papers only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from digest.model import Term
from digest.ranking import Candidates, Choice, Reader
from digest.ranking.accounts import MUTED_FIELDS, choices
from digest.ranking.background import Background, unlearned
from digest.ranking.choose import STEPS, Steps, aged, in_steps, mixed
from digest.ranking.community import Community
from digest.ranking.grades import not_wanted, regraded
from digest.ranking.interests import Sheet, score
from digest.ranking.meaning import Meaning
from digest.ranking.named import MOST_CELLS
from digest.ranking.picking import Seat, Standing, first_step, pick_all
from digest.ranking.space import Floats
from digest.ranking.tastes import Known, Taste, avoided_by, tastes_of
from digest.ranking.window import Flags, Positions, Window

_BLOCK_CELLS = 400_000
"""Interests by papers scored at once: the block stays in a processor's cache, memory flat."""

_WINDOWS = 4
"""Windows that take turns in one run (daily and weekly, with sources of their own) are kept."""

_BLOCK_RATED = 8192
_LAST = 2**16 - 1


def ranker(_options: Mapping[str, Any]) -> DefaultRanker:
    """Return the ranker; it has no options."""
    return DefaultRanker()


class DefaultRanker:
    """See the module. Holds the last windows' prepared papers, so blocks of readers are cheap."""

    name = "default"

    def __init__(self) -> None:
        self._prepared: list[tuple[Candidates, datetime, Window]] = []

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
        window = self._prepare(candidates, now)
        return [
            choice
            for block in _blocks(window, readers, now, candidates.community)
            for choice in choices(*standing(window, block, seed), now=now, explain=explain)
        ]

    def top(
        self, candidates: Candidates, readers: Sequence[Reader], *, now: datetime, seed: int
    ) -> list[tuple[int, ...]]:
        """Return the row ids of each reader's picks, best first: ``rank`` without the account."""
        if not candidates.papers:
            return [() for _ in readers]
        window = self._prepare(candidates, now)
        return [
            tuple(window.row_ids[list(picked.positions)].tolist())
            for block in _blocks(window, readers, now, candidates.community)
            for picked in pick_all(standing(window, block, seed)[1])
        ]

    def _prepare(self, candidates: Candidates, now: datetime) -> Window:
        for known in self._prepared:
            if known[0] is candidates and known[1] == now:
                return known[2]
        background = candidates.background or unlearned()
        meanings = self.meanings(candidates, background)
        window = Window(candidates, now, background, meanings)
        self._prepared = [*self._prepared[1 - _WINDOWS :], (candidates, now, window)]
        return window

    def meanings(
        self, candidates: Candidates, background: Background
    ) -> Sequence[tuple[Meaning, float]]:
        """Return the spaces of meaning that papers are compared in, and what each weighs."""
        return ((background, 1.0),)


def _blocks(
    window: Window, readers: Sequence[Reader], now: datetime, community: Community | None
) -> Iterator[list[Seat]]:
    """Yield the readers in order, so many at a time that a block stays small."""
    shared: dict[int, Known] = {}
    most = max(_BLOCK_CELLS // len(window), 1)
    block: list[Seat] = []
    rows = rated = named = 0
    for reader in readers:
        papers = reader.known_papers
        known = shared.get(id(papers))
        if known is None:
            known = shared[id(papers)] = Known(papers)
        tastes = tastes_of(reader, known, now)
        away = avoided_by(reader, tastes, known, now)
        if community is not None and reader.profile.community:
            tastes = _with_borrowed(tastes, reader, known, community)
        block.append(Seat(reader, tastes, away))
        rows += max(len(tastes), 1)
        for taste in tastes:
            rated += len(taste.rated) + len(taste.away) + len(taste.borrowed)
            named += len(taste.interest.terms)
        if rows >= most or rated >= _BLOCK_RATED or named * len(window) >= MOST_CELLS:
            yield block
            block, rows, rated, named = [], 0, 0, 0
    if block:
        yield block


def _with_borrowed(
    tastes: tuple[Taste, ...], reader: Reader, known: Known, community: Community
) -> tuple[Taste, ...]:
    """Give each taste what similar readers liked, but nothing that this reader spoke of."""
    told = {rated.paper.key for taste in tastes for rated in (*taste.rated, *taste.away)}
    told |= {known.by_id[f.paper_id].key for f in reader.feedback if f.paper_id in known.by_id}
    return tuple(
        replace(
            taste,
            borrowed=community.borrowed([r.paper.key for r in taste.rated], told),
        )
        for taste in tastes
    )


def standing(window: Window, seats: Sequence[Seat], seed: int) -> tuple[Sheet, Standing]:
    """Score a block of readers, and put each one's papers in order."""
    away = [rated for seat in seats for rated in seat.away]
    sheet = score(window, [taste for seat in seats for taste in seat.tastes], away)
    interest, best = _best(sheet.score, seats)
    trend = _eased(sheet, seats)
    whole = _whole(window, seats, interest, trend)
    may = ~_blocked(sheet, seats)
    carried: dict[datetime | None, Flags] = {None: window.late}
    for since in {seat.reader.seen_since for seat in seats}:
        if since is not None:
            carried[since] = (window.seen_at < since.timestamp()) | window.late
    steps = in_steps(whole)
    floors = _floors(sheet, seats, steps, may)
    graded = {number: seat.reader for number, seat in enumerate(seats) if seat.reader.grades}
    for number, reader in graded.items():
        lowest = first_step(floors[number])
        steps[number] = regraded(steps[number], lowest, STEPS, window.position_of, reader.grades)
    return sheet, Standing(
        window=window,
        seats=seats,
        seed=seed,
        steps=steps,
        interest=interest,
        trend=trend,
        floors=floors,
        # A stable sort of small whole numbers keeps ties in the order of the papers, so of keys.
        order=np.argsort(np.where(may, STEPS - steps, _LAST), axis=1, kind="stable"),
        may=may,
        eligible=np.count_nonzero(may, axis=1),
        best=best,
        carried=[carried[seat.reader.seen_since] for seat in seats],
        not_wanted={
            number: not_wanted(len(window), window.position_of, reader.grades)
            for number, reader in graded.items()
        },
    )


def _eased(sheet: Sheet, seats: Sequence[Seat]) -> Floats:
    """Return the trend as it counts: what a reader wants fewer of does not come back by it."""
    against = sheet.avoided
    if against is None:
        return sheet.window.trend[None]
    trend = np.tile(sheet.window.trend, (len(seats), 1))
    for number, seat in enumerate(seats):
        if seat.away:
            trend[number] *= against.kept(seat.away)
    return trend


def _whole(window: Window, seats: Sequence[Seat], interest: Floats, trend: Floats) -> Floats:
    """Return the scores of interest, trend and age together, a row a reader."""
    weights = np.array([_trend_weight(window, seat) for seat in seats], dtype=np.float32)
    whole = mixed(interest, trend, weights[:, None])
    for number, seat in enumerate(seats):
        # Marks of a reader without interests add to the trend, and take nothing from it.
        if seat.tastes and not seat.reader.profile.interests:
            line = whole[number]
            np.maximum(line, trend[number if len(trend) > 1 else 0], out=line)
    for since in {seat.reader.seen_since for seat in seats}:
        if since is not None:
            mine = [seat.reader.seen_since == since for seat in seats]
            whole[mine] = aged(whole[mine], window.days_before(since))
    return whole


def _floors(sheet: Sheet, seats: Sequence[Seat], steps: Steps, may: Flags) -> list[float]:
    """Return the score that a paper needs, by reader.

    Where papers to avoid would empty an edition that had papers, the best one left is enough.
    """
    floors = [seat.reader.profile.min_score for seat in seats]
    if sheet.unmarked is None:
        return floors
    window = sheet.window
    interest, _ = _best(sheet.unmarked, seats)
    before = in_steps(_whole(window, seats, interest, window.trend[None])) / np.float32(STEPS)
    for number, seat in enumerate(seats):
        best = int(np.max(steps[number], initial=0, where=may[number]))
        value = best / np.float32(STEPS)
        passed = before[number, may[number]] >= np.float32(floors[number])
        if seat.away and best and value < floors[number] and passed.any():
            floors[number] = float(value)
    return floors


def _best(score: Floats, seats: Sequence[Seat]) -> tuple[Floats, dict[int, Positions]]:
    """Return each reader's best interest score per paper, and whose it is where of several."""
    if all(len(seat.tastes) == 1 for seat in seats):
        return score, {}
    interest = np.zeros((len(seats), score.shape[1]), dtype=np.float32)
    best: dict[int, Positions] = {}
    row = 0
    for number, seat in enumerate(seats):
        table = score[row : row + len(seat.tastes)]
        if len(table):
            interest[number] = table.max(axis=0)
        if len(table) > 1:
            best[number] = table.argmax(axis=0)
        row += len(seat.tastes)
    return interest, best


def _trend_weight(window: Window, seat: Seat) -> float:
    if not seat.tastes:
        return 1.0
    # A window without any signal is ranked by interest, on its full scale.
    return seat.reader.profile.trending_weight if window.is_watched else 0.0


def _blocked(sheet: Sheet, seats: Sequence[Seat]) -> Flags:
    """Tell what cannot be picked at all, by reader; ``accounts`` says why."""
    window = sheet.window
    blocked: Flags = np.tile(window.withdrawn, (len(seats), 1))
    row = 0
    for number, seat in enumerate(seats):
        profile, line = seat.reader.profile, blocked[number]
        if profile.sources:
            line |= ~window.from_sources(profile.sources)
        if seat.reader.shown:
            at = window.position_of
            line[[at[row_id] for row_id in seat.reader.shown if row_id in at]] = True
        for mute in profile.mutes:
            line[window.muted(mute, Term(text=mute, fields=MUTED_FIELDS))] = True
        rows = range(row, row + len(seat.tastes))
        if rows and sheet.barred and all(row in sheet.barred for row in rows):
            line |= np.logical_and.reduce([sheet.barred[row] for row in rows])
        row += len(seat.tastes)
    return blocked
