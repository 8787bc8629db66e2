"""The papers of a day, week or month in a chosen order, and one paper with all that is known.

Read only. Ordering is ranking's: by heat, or by the interests that a visitor put in the address.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from threading import Lock

from sqlalchemy import Connection

from digest.actions import candidates
from digest.app import App
from digest.model import Interest, Observation, Paper, Profile
from digest.plugins import resolve
from digest.ranking import Candidates, Ranker, Reader
from digest.ranking.trending import Gain, heats
from digest.store import browsing
from digest.store.search import Filters
from digest.text.days import is_near

PAGE_SIZE = 50
HISTORY_DAYS = 45
MOST_RANKED = 200
MOST_PREPARED = 4
PREPARED_FOR = timedelta(minutes=10)
TOPICS = 12
_SPAN = re.compile(r"(\d{4})-(?:(\d{2})(?:-(\d{2}))?|W(\d{2}))")


class SpanKind(StrEnum):
    """How much a list covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A day, an ISO week or a month, with its name in addresses."""

    kind: SpanKind
    name: str
    first_on: date
    last_on: date


class Order(StrEnum):
    """In what order a list stands."""

    TRENDING = "trending"
    NEWEST = "newest"
    INTERESTS = "interests"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A paper in a list."""

    paper: Paper
    announced_on: date | None = None
    is_new: bool = False
    heat: float = 0.0
    gains: tuple[Gain, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ListPage:
    """One page of a list, with what stands around it."""

    span: Span
    entries: tuple[Entry, ...]
    total: int
    is_capped: bool
    """The span has more papers: the most noticed, the nearest and the newest are listed."""
    page: int
    pages: int
    previous_on: date | None
    next_on: date | None
    sources: tuple[str, ...]
    topics: tuple[tuple[str, int], ...]
    volumes: tuple[browsing.Volume, ...]


@dataclass(frozen=True, kw_only=True)
class PaperPage:
    """Everything that is known of one paper."""

    entry: Entry
    observations: tuple[Observation, ...]
    sightings: tuple[browsing.Sighting, ...]
    versions: tuple[browsing.Version, ...]


def day_span(day: date) -> Span:
    """Return the span of one day."""
    return Span(kind=SpanKind.DAY, name=day.isoformat(), first_on=day, last_on=day)


def week_span(day: date) -> Span:
    """Return the ISO week around a day."""
    first = day - timedelta(days=day.weekday())
    year, week, _ = day.isocalendar()
    return Span(
        kind=SpanKind.WEEK,
        name=f"{year}-W{week:02}",
        first_on=first,
        last_on=first + timedelta(days=6),
    )


def month_span(day: date) -> Span:
    """Return the month around a day."""
    first = day.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Span(kind=SpanKind.MONTH, name=f"{day:%Y-%m}", first_on=first, last_on=last)


def parse_span(name: str) -> Span | None:
    """Return the span that an address names: 2026-04-14, 2026-W16 or 2026-04; None if none.

    Years from 1990 to 2200 only.
    """
    match = _SPAN.fullmatch(name)
    if not match:
        return None
    year, month, day, week = match.groups()
    try:
        first = (
            date.fromisocalendar(int(year), int(week), 1)
            if week
            else date(int(year), int(month), int(day or 1))
        )
    except ValueError:
        return None
    if not is_near(first):
        return None
    if week:
        return week_span(first)
    return day_span(first) if day else month_span(first)


def latest_span(app: App) -> Span:
    """Return the newest day that has papers; today where there is none."""
    today = app.now().date()
    with app.reading() as connection:
        found = browsing.day_before(connection, today + timedelta(days=1))
    return day_span(found or today)


def read_list(
    app: App,
    span: Span,
    *,
    filters: Filters | None = None,
    order: Order = Order.TRENDING,
    interest: Interest | None = None,
    page: int = 1,
    by_interest: ByInterest | None = None,
) -> ListPage:
    """Return one page of a span's papers; a page beyond the last is empty."""
    within = replace(filters or Filters(), first_on=span.first_on, last_on=span.last_on)
    with app.reading() as connection:
        told, is_capped = browsing.listed(connection, within)
        chosen = candidates.of_list(
            app,
            connection,
            told,
            newest=order is Order.NEWEST,
            interest=interest if order is Order.INTERESTS else None,
        )
        listed = {item.row_id: item for item in chosen}
        found = browsing.load(connection, listed)
        entries = entries_of(app, connection, list(found.values()), listed)
        before = browsing.day_before(connection, span.first_on)
        after = browsing.day_after(connection, span.last_on)
        volumes = browsing.volumes(connection, span.last_on - timedelta(days=13), span.last_on)
        sources = browsing.source_names(connection)
    ordered = _ordered(entries, order, interest, by_interest or ByInterest(app))
    first = (page - 1) * PAGE_SIZE
    return ListPage(
        span=span,
        entries=tuple(ordered[first : first + PAGE_SIZE]),
        total=len(ordered),
        page=page,
        pages=max(1, -(-len(ordered) // PAGE_SIZE)),
        previous_on=before,
        next_on=after,
        sources=tuple(sources),
        is_capped=is_capped or len(chosen) < len(told),
        topics=_topics(told),
        volumes=tuple(volumes),
    )


def read_paper(app: App, key: str) -> PaperPage | None:
    """Return all that is known of the paper that goes by this key, or None."""
    with app.reading() as connection:
        paper = browsing.find(connection, key)
        if paper is None:
            return None
        entry = entries_of(app, connection, [paper], {})[0]
        history = browsing.history(connection, [paper.row_id])
        return PaperPage(
            entry=entry,
            observations=history.get(paper.row_id, ()),
            sightings=tuple(browsing.sightings_of(connection, paper.row_id)),
            versions=tuple(browsing.versions_of(connection, paper.row_id)),
        )


def read_papers(app: App, row_ids: Sequence[int]) -> list[Entry]:
    """Return papers by row id, in the order asked for; unknown ones are left out."""
    with app.reading() as connection:
        found = browsing.load(connection, row_ids)
        return entries_of(app, connection, [found[i] for i in row_ids if i in found], {})


def entries_of(
    app: App,
    connection: Connection,
    found: Sequence[Paper],
    listed: Mapping[int, browsing.Listed],
) -> list[Entry]:
    """Return papers with their signals, in the same order."""
    since = app.now() - timedelta(days=HISTORY_DAYS)
    history = browsing.history(connection, [paper.row_id for paper in found], since=since)
    return [
        Entry(
            paper=paper,
            announced_on=listed[paper.row_id].announced_on
            if paper.row_id in listed
            else paper.announced_on,
            is_new=paper.row_id in listed and listed[paper.row_id].is_first,
            heat=heat.score,
            gains=heat.gains,
        )
        for paper, heat in zip(found, heats(found, history, app.now()), strict=True)
    ]


class ByInterest:
    """Puts entries in the order of the default ranker for an interest, with its reasons.

    Lists that were ranked a moment ago are kept prepared: comparing some hundred papers with
    one more interest costs little, preparing them costs seconds. Rankings take turns.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._prepared: OrderedDict[tuple[datetime, tuple[int, ...]], tuple[Ranker, Candidates]]
        self._prepared = OrderedDict()
        self._lock = Lock()

    def __call__(self, entries: Sequence[Entry], interest: Interest) -> list[Entry]:
        """Return the entries, best first; what does not fit at all comes last."""
        profile = Profile(
            name="visitor", interests=(interest,), max_papers=MOST_RANKED, min_score=0.0,
            exploration=0.0, trending_weight=0.1,
        )  # fmt: skip
        now = self._app.now()
        at = now - (now - datetime.min.replace(tzinfo=UTC)) % PREPARED_FOR
        with self._lock:
            ranker, candidates = self._prepare(entries, at, profile.ranker)
            [choice] = ranker.rank(
                candidates,
                [Reader(subscription_id=0, profile=profile)],
                now=at,
                seed=at.toordinal(),
            )
        by_id = {entry.paper.row_id: entry for entry in entries}
        picked = [replace(by_id[p.paper_id], reason=p.reason) for p in choice.picks]
        return picked + [by_id[row_id] for row_id in choice.other_ids if row_id in by_id]

    def _prepare(
        self, entries: Sequence[Entry], at: datetime, kind: str
    ) -> tuple[Ranker, Candidates]:
        key = (at, tuple(entry.paper.row_id for entry in entries))
        if key not in self._prepared:
            options = self._app.config.settings.ranking.model_dump()
            candidates = Candidates(
                papers=tuple(entry.paper for entry in entries),
                window_start_at=min((e.paper.first_seen_at for e in entries), default=at),
                window_end_at=at,
            )
            made: Ranker = resolve(kind, "digest.ranking", "ranker")(options)
            self._prepared[key] = (made, candidates)
        self._prepared.move_to_end(key)
        while len(self._prepared) > MOST_PREPARED:
            self._prepared.popitem(last=False)
        return self._prepared[key]


def _ordered(
    entries: list[Entry], order: Order, interest: Interest | None, by_interest: ByInterest
) -> list[Entry]:
    if order is Order.INTERESTS and interest is not None:
        return by_interest(entries, interest)
    if order is Order.NEWEST:
        return sorted(
            entries,
            key=lambda e: (e.announced_on or date.min, e.paper.first_seen_at, e.paper.row_id),
            reverse=True,
        )
    return sorted(
        entries, key=lambda e: (e.heat, e.is_new, e.paper.first_seen_at, -e.paper.row_id),
        reverse=True,
    )  # fmt: skip


def _topics(found: Iterable[browsing.Listed]) -> tuple[tuple[str, int], ...]:
    counted = Counter(category for item in found for category in item.categories)
    return tuple(counted.most_common(TOPICS))
