"""Turn a block of readers' picks into values: scores, sections, reasons, and why not the rest.

Picks are made as columns, for a whole block at once. Chooses nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, chain, pairwise
from typing import overload

import numpy as np
import numpy.typing as npt

from digest.model import Exclusion, PickColumns, Picks, Term, TermField
from digest.ranking import Choice
from digest.ranking.choose import CARRIED_OVER, EXPLORATION, ON_TOPIC, STEPS, TRENDING
from digest.ranking.interests import Sheet
from digest.ranking.picking import Picked, Seat, Standing, chosen, pick_all
from digest.ranking.reasons import account
from digest.ranking.space import Floats
from digest.ranking.tastes import Rated
from digest.ranking.window import Flags, Positions

MUTED_FIELDS: tuple[TermField, ...] = (
    "title", "abstract", "keywords", "authors", "categories",
)  # fmt: skip

_DIGITS = 5
"""Tell any two steps of a score apart."""


def choices(sheet: Sheet, standing: Standing, *, now: datetime, explain: bool) -> list[Choice]:
    """Return each reader's choice."""
    picked = pick_all(standing)
    firsts = _firsts(standing)
    exclusions: Sequence[tuple[Exclusion, ...]] = [()] * len(picked)
    if explain:
        exclusions = [
            _exclusions(sheet, standing, number, firsts, one) for number, one in enumerate(picked)
        ]
    return [
        Choice(
            picks=picks,
            other_ids=_Rest(standing, number, eligible, one.positions),
            exclusions=left_out,
        )
        for number, (picks, one, eligible, left_out) in enumerate(
            zip(
                _picks(sheet, standing, picked, firsts, now),
                picked,
                standing.eligible.tolist(),
                exclusions,
                strict=True,
            )
        )
    ]


class _Rest(Sequence[int]):
    """The row ids of the eligible papers that were not picked, best first; made when read."""

    def __init__(
        self, standing: Standing, number: int, eligible: int, picked: Sequence[int]
    ) -> None:
        self._row_ids = standing.window.row_ids
        self._order = standing.order[number]
        self._eligible = eligible
        self._picked = picked

    def __array__(
        self, dtype: npt.DTypeLike | None = None, *, copy: bool | None = None
    ) -> npt.NDArray[np.int64]:
        is_left = np.ones(len(self._row_ids), dtype=bool)
        is_left[list(self._picked)] = False
        order = self._order[: self._eligible]
        found: npt.NDArray[np.int64] = self._row_ids[order[is_left[order]]]
        return found if dtype is None else found.astype(dtype, copy=False)

    def __len__(self) -> int:
        return self._eligible - len(self._picked)

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[int, ...]: ...
    def __getitem__(self, place: int | slice) -> int | tuple[int, ...]:
        found = np.asarray(self)[place]
        return tuple(found.tolist()) if isinstance(place, slice) else int(found)

    def __iter__(self) -> Iterator[int]:
        return iter(np.asarray(self).tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (_Rest, tuple)) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def _firsts(standing: Standing) -> Positions:
    """Return each reader's first row of the sheet; -1 without interests."""
    counts = [len(seat.tastes) for seat in standing.seats]
    starts = np.array([0, *accumulate(counts)], dtype=np.intp)[:-1]
    starts[np.array(counts) == 0] = -1
    return starts


def _picks(
    sheet: Sheet, standing: Standing, picked: Sequence[Picked], firsts: Positions, now: datetime
) -> list[Picks]:
    """Return each reader's picks; the columns of a block are made together, then cut."""
    window = standing.window
    counts = [len(one.positions) for one in picked]
    ends = [0, *accumulate(counts)]
    positions = np.fromiter(chain(*(one.positions for one in picked)), np.intp, ends[-1])
    reader = np.repeat(np.arange(len(picked)), counts)
    rows = firsts[reader]
    for number, claims in standing.best.items():
        mine = slice(ends[number], ends[number + 1])
        rows[mine] += claims[positions[mine]]
    explored = np.zeros(len(positions), dtype=bool)
    for number, one in enumerate(picked):
        if one.explored:
            mine = slice(ends[number], ends[number + 1])
            explored[mine] = [position in one.explored for position in one.positions]
    carried = _carried(standing, reader, positions)
    earlier = carried & ~window.late[positions] & ~explored
    interest = standing.interest[reader, positions]
    trend = standing.trend[reader if len(standing.trend) > 1 else 0, positions]
    said = account(sheet, rows, positions, _away(sheet, standing, rows, reader))
    weights = np.array([_trend_weight(seat) for seat in standing.seats])[reader]
    sentences = said.sentences(
        explored=explored,
        elsewhere=interest < ON_TOPIC,
        popular=weights * trend > (1 - weights) * interest,
        carried=earlier,
        now=now,
    )
    columns = PickColumns(
        window.row_ids[positions].tolist(),
        window.keys[positions].tolist(),
        _rounded(standing.steps[reader, positions] / STEPS),
        _rounded(interest),
        _rounded(trend),
        _sections(sheet, rows, interest, explored, earlier),
        _with_limits(sentences, picked, ends),
        (~carried).tolist(),
    )
    strengths = said.parts()
    telling = {name: _says(column, ends) for name, column in strengths.items()}
    parts = {name: column.tolist() for name, column in strengths.items()}
    return [
        Picks(
            PickColumns._make(column[start:end] for column in columns),
            {name: column[start:end] for name, column in parts.items() if telling[name][number]},
        )
        for number, (start, end) in enumerate(pairwise(ends))
    ]


_YIELDED = {
    "quota": "over this interest's quota, but clearly better than the rest",
    "diversity": "one more from these authors, but clearly better than the rest",
}


def _with_limits(sentences: list[str], picked: Sequence[Picked], ends: Sequence[int]) -> list[str]:
    """Say of picks that a limit yielded to that it did."""
    for number, one in enumerate(picked):
        for place, position in enumerate(one.positions if one.beyond else ()):
            if cause := one.beyond.get(position):
                sentences[ends[number] + place] += f"; {_YIELDED[cause]}"
    return sentences


def _away(
    sheet: Sheet, standing: Standing, rows: Positions, reader: Positions
) -> list[tuple[Rated, ...]]:
    """Return the papers to avoid that count for each pair; none where nobody has any."""
    if sheet.avoided is None:
        return []
    seats = standing.seats
    return [
        sheet.tastes[row].away if row >= 0 else seats[number].away
        for row, number in zip(rows.tolist(), reader.tolist(), strict=True)
    ]


def _trend_weight(seat: Seat) -> float:
    return seat.reader.profile.trending_weight if seat.tastes else 1.0


def _carried(standing: Standing, reader: Positions, positions: Positions) -> Flags:
    found = np.zeros(len(positions), dtype=bool)
    flags = {id(one): one for one in standing.carried}
    keys = np.array([id(one) for one in standing.carried], dtype=np.int64)
    for key, one in flags.items():
        found |= one[positions] & (keys[reader] == key)
    return found


def _sections(
    sheet: Sheet, rows: Positions, interest: Floats, explored: Flags, earlier: Flags
) -> list[str]:
    """Return under which heading each pick stands."""
    names = [taste.interest.name for taste in sheet.tastes]
    headings = np.array([*names, TRENDING, CARRIED_OVER, EXPLORATION], dtype=object)
    which = np.where((rows >= 0) & (interest >= ON_TOPIC), rows, len(names))
    which[earlier] = len(names) + 1
    which[explored] = len(names) + 2
    found: list[str] = headings[which].tolist()
    return found


def _rounded(values: npt.NDArray[np.floating]) -> list[float]:
    found: list[float] = np.round(values.astype(np.float64), _DIGITS).tolist()
    return found


def _says(column: npt.NDArray[np.floating], ends: Sequence[int]) -> list[bool]:
    """Tell of each reader whether a part says anything of any pick."""
    before = np.concatenate([[0], np.cumsum(column != 0)])
    found: list[bool] = (np.diff(before[ends]) > 0).tolist()
    return found


def _exclusions(
    sheet: Sheet, standing: Standing, number: int, firsts: Positions, picked: Picked
) -> tuple[Exclusion, ...]:
    """Say of each paper that one reader did not get why not."""
    window = standing.window
    refused = chosen(standing, number).refused
    eligible = np.zeros(len(window), dtype=bool)
    eligible[standing.order[number, : standing.eligible[number]]] = True
    left = np.ones(len(window), dtype=bool)
    left[list(picked.positions)] = False
    positions = np.flatnonzero(left)
    rows = np.full(len(positions), firsts[number])
    if number in standing.best:
        rows += standing.best[number][positions]
    away = _away(sheet, standing, rows, np.full(len(rows), number))
    strengths = account(sheet, rows, positions, away).parts()
    parts = {name: column.tolist() for name, column in strengths.items()}
    told = []
    for place, position in enumerate(positions.tolist()):
        paper = window.papers[position]
        value = float(standing.steps[number, position] / np.float32(STEPS))
        below = value < standing.floors[number]
        cause = (
            (refused.get(position) or ("floor" if below else "cap"))
            if eligible[position]
            else _cause(sheet, standing, number, int(firsts[number]), position)
        )
        told.append(
            Exclusion(
                paper_id=paper.row_id,
                key=paper.key,
                cause=cause,
                score=round(value, _DIGITS),
                interest_score=round(float(standing.interest[number, position]), _DIGITS),
                trend_score=round(float(standing.trend_of(number)[position]), _DIGITS),
                interest="" if rows[place] < 0 else sheet.tastes[rows[place]].interest.name,
                parts=_told(parts, place),
            )
        )
    return tuple(told)


def _told(parts: Mapping[str, Sequence[float]], place: int) -> dict[str, float]:
    return {name: value for name, column in parts.items() if (value := column[place])}


def _cause(sheet: Sheet, standing: Standing, number: int, row: int, position: int) -> str:
    """Return why a paper cannot be picked at all."""
    window, reader = standing.window, standing.seats[number].reader
    paper = window.papers[position]
    if paper.row_id in reader.shown:
        return "seen"
    if paper.withdrawn:
        return "withdrawn"
    if reader.profile.sources and not set(reader.profile.sources) & set(paper.sources):
        return "source"
    muted = [window.muted(m, Term(text=m, fields=MUTED_FIELDS)) for m in reader.profile.mutes]
    return "muted" if any(position in m for m in muted) else sheet.bar(row, position)
