"""How the installation has been doing, day by day: what `digest stats` shows and draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import Connection

from digest.app import App
from digest.store import stats, subscribers
from digest.store.stats import Tally

LIKED = ("more", "saved")
Kind = Literal["counts", "levels", "shares"]
"""Counts add up to stacks; levels and shares (of 1) stand beside each other as lines."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One line of a panel: a value a day, oldest first; None where there is nothing to say."""

    name: str
    values: tuple[float | None, ...]

    @property
    def total(self) -> float:
        """Return the sum of all days."""
        return sum(value for value in self.values if value is not None)

    @property
    def last(self) -> float | None:
        """Return the newest value that there is."""
        return next((value for value in reversed(self.values) if value is not None), None)


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One chart: series over the same days."""

    name: str
    title: str
    kind: Kind
    series: tuple[Series, ...]


@dataclass(frozen=True, kw_only=True)
class Stats:
    """All panels over the same days, and how many readers there are now."""

    days: tuple[date, ...]
    panels: tuple[Panel, ...]
    readers: Mapping[str, int]
    """Subscribers by status."""


COUNTED: tuple[tuple[str, str, Kind, Callable[[Connection, date, date], Tally]], ...] = (
    ("papers", "New papers by source", "counts", stats.papers),
    ("failures", "Failed polls by source", "counts", stats.failed_polls),
    ("picks", "Editions and picks", "levels", stats.picks),
    ("feedback", "Feedback", "counts", stats.said),
    ("mail", "Deliveries by state", "counts", stats.mails),
    ("bounces", "Bounces and complaints", "counts", stats.returned),
)


def collect(app: App, *, days: int) -> Stats:
    """Count the last so many days, today (UTC) included."""
    last_on = app.now().date()
    span = tuple(last_on - timedelta(days=days - 1 - n) for n in range(days))
    with app.reading() as connection:
        panels = [
            _panel(name, title, span, count(connection, span[0], last_on), kind)
            for name, title, kind, count in COUNTED
        ]
        scores = stats.scores(connection, span[0], last_on)
        quality = _liked_share(stats.judged(connection, span[0], last_on))
        moved = stats.joined(connection, span[0], last_on)
        readers = subscribers.count_by_status(connection)
    now = {status.value: count for status, count in readers.items()}
    panels.insert(3, _panel("scores", "Mean score of picks", span, scores, kind="shares"))
    panels.insert(
        5,
        _panel("quality", "Ranker: judged picks that were liked", span, quality, "shares"),
    )
    panels.append(
        _panel("growth", "Readers", span, _growth(span, moved, now["confirmed"]), "levels")
    )
    return Stats(days=span, panels=tuple(panels), readers=now)


def _panel(
    name: str,
    title: str,
    span: tuple[date, ...],
    tally: Tally,
    kind: Kind = "counts",
) -> Panel:
    missing = None if kind == "shares" else 0
    return Panel(
        name=name,
        title=title,
        kind=kind,
        series=tuple(
            Series(name=of, values=tuple(by_day.get(day, missing) for day in span))
            for of, by_day in sorted(tally.items(), key=lambda item: -sum(item[1].values()))
            if by_day
        ),
    )


def _liked_share(judged: Tally) -> Tally:
    """Return, for each day's editions, which part of the judged picks was liked."""
    liked: dict[date, float] = {}
    for day in {day for by_day in judged.values() for day in by_day}:
        good = sum(judged.get(kind, {}).get(day, 0) for kind in LIKED)
        bad = judged.get("less", {}).get(day, 0)
        if good + bad:
            liked[day] = round(good / (good + bad), 4)
    return {"liked": liked}


def _growth(span: tuple[date, ...], moved: Tally, confirmed: int) -> Tally:
    """Add how many readers there were at each day's end, counted back from now."""
    totals: dict[date, float] = {}
    count = confirmed
    for day in reversed(span):
        totals[day] = count
        count -= int(moved["joined"].get(day, 0) - moved["left"].get(day, 0))
    return {"confirmed": totals, **moved}
