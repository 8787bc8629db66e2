"""Stage 3 in the pipeline: rank for subscriptions and make their editions. Writes nothing.

Planning freezes what comes out; preview, explain and rank only look at it.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from digest.app import App
from digest.errors import ConfigError
from digest.model import (
    Completeness,
    Edition,
    Exclusion,
    Frequency,
    Grade,
    Picks,
    SourceLine,
    Subscription,
)
from digest.model.quickly import made
from digest.pipeline import backgrounds, embedding, late
from digest.pipeline.fresh import Fresh
from digest.pipeline.grades import explained, with_grades
from digest.pipeline.readers import readers_of
from digest.plugins import resolve
from digest.ranking import Candidates, Choice, Ranker, Reader
from digest.ranking.community import Community
from digest.ranking.interleaving import Interleaved
from digest.store import editions as edition_store
from digest.store import experiment, papers
from digest.store import signals as signal_store
from digest.subscribers import slots

log = logging.getLogger(__name__)

LONGEST_WINDOW = timedelta(days=14)
"""After a longer pause or downtime, older papers stay on the web pages only."""


WEEKEND = (5, 6)

MOST_OTHERS = 400
"""Other titles kept in one edition: more than fit into a mail."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An edition not frozen yet, with why the rest was left out (when asked for)."""

    subscription: Subscription
    edition: Edition
    exclusions: tuple[Exclusion, ...] = ()
    grades: Mapping[int, Grade] = field(default_factory=dict)
    """A judge's grades by row id; empty where nobody judged."""

    @property
    def paper_ids(self) -> Sequence[int]:
        """Row ids of the picks."""
        return Picks.of(self.edition.picks).columns.paper_ids


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """What the ranker chose for one subscription, and from what."""

    subscription: Subscription
    slot: datetime
    seen_since: datetime
    pool: Candidates
    reader: Reader
    choice: Choice


class Desk:
    """What one planning run keeps between its blocks: rankers, and the papers of each window."""

    def __init__(self, app: App, at: datetime | None = None) -> None:
        self.app = app
        self.at = at or app.now()
        """The instant that is planned for: who is due, and where windows end."""
        self.at_hand: Mapping[str, bytes] = {}
        self._rankers: dict[str, Ranker] = {}
        self._serving: dict[str, Ranker] = {}
        self._pools: dict[tuple[datetime, datetime, tuple[str, ...]], Candidates] = {}
        self._learnt: dict[datetime, backgrounds.Learnt] = {}
        self._communities: dict[datetime, Community | None] = {}
        self._lines: dict[datetime, tuple[SourceLine, ...]] = {}
        self._fresh: dict[tuple[int, datetime], Fresh | None] = {}

    def ranker(self, kind: str) -> Ranker:
        """Return the ranker of this kind, built once."""
        if kind not in self._rankers:
            options = self.app.config.settings.ranking.model_dump()
            self._rankers[kind] = resolve(kind, "digest.ranking", "ranker")(options)
        return self._rankers[kind]

    def serving(self, connection: Connection, kind: str) -> Ranker:
        """Return what ranks for readers of this kind: both rankers while it is compared live."""
        if kind not in self._serving:
            self._serving[kind] = self._interleaved(connection, kind) or self.ranker(kind)
        return self._serving[kind]

    def _interleaved(self, connection: Connection, kind: str) -> Ranker | None:
        running = experiment.running(connection)
        if running is None or kind not in running.rankers:
            return None
        (other,) = set(running.rankers) - {kind}
        try:
            return Interleaved(self.ranker(kind), kind, self.ranker(other), other)
        except ConfigError as exc:
            # A ranker that went away ends the comparison, and nobody's mail.
            log.error("comparison paused ranker=%s: %s", other, exc)
            return None

    def pool(
        self, connection: Connection, start: datetime, end: datetime, sources: tuple[str, ...]
    ) -> Candidates:
        """Return the candidates of a window, loaded once."""
        key = (start, end, sources)
        if key not in self._pools:
            # Half open: a paper stored at this very instant belongs to this window.
            found = papers.candidates(
                connection,
                window_start=start,
                window_end=end + timedelta(microseconds=1),
                sources=sources,
            )
            history = signal_store.history(
                connection, [p.row_id for p in found], since=end - timedelta(days=30)
            )
            bloomers = late.bloomers(
                connection, found, history, start=start, end=end, sources=sources
            )
            if end not in self._learnt:
                encoder = embedding.stored_encoder(self.app, connection)
                self._learnt[end] = backgrounds.learnt(connection, end, encoder)
            self._pools[key] = Candidates(
                papers=(*found, *bloomers.papers),
                observations={**history, **bloomers.observations},
                late_ids=frozenset(p.row_id for p in bloomers.papers),
                window_start_at=start,
                window_end_at=end,
                background=self._learnt[end].background,
                promise=self._learnt[end].promise,
                sentences=self._learnt[end].sentences,
                community=self._community(connection, end),
            )
        return self._pools[key]

    def _community(self, connection: Connection, end: datetime) -> Community | None:
        """Return what readers liked together, learnt once; None where that is off."""
        settings = self.app.config.settings.ranking
        if not settings.community:
            return None
        if end not in self._communities:
            self._communities[end] = backgrounds.community(
                connection, end, fewest=settings.community_readers
            )
        return self._communities[end]

    def fresh(self, pool: Candidates, since: datetime) -> Fresh | None:
        """Return the papers first seen after an instant; None where all of them were."""
        key = (id(pool), since)
        if key not in self._fresh:
            seen = (p.row_id for p in pool.papers if p.first_seen_at > since)
            found = frozenset(seen) - pool.late_ids
            self._fresh[key] = None if len(found) == len(pool.papers) else Fresh(found, pool)
        return self._fresh[key]

    def lines(
        self, connection: Connection, start: datetime, end: datetime
    ) -> tuple[SourceLine, ...]:
        """Return what the polls since then say of each source, at the end of a window."""
        if start not in self._lines:
            names = tuple(self.app.sources)
            found = edition_store.source_lines(connection, names, start)
            newest = edition_store.newest_polls(connection, names, start)
            self._lines[start] = tuple(_on(end, line, newest.get(line.source)) for line in found)
        return self._lines[start]


def _on(end: datetime, line: SourceLine, newest_at: datetime | None) -> SourceLine:
    """Say how old a source's newest papers are; of a whole Friday at the weekend, that it is over.

    Sources with a calendar are not asked on such days, so their last verdict is Friday's.
    """
    if end.weekday() in WEEKEND and line.completeness is Completeness.CONFIRMED and not line.new:
        return replace(line, completeness=Completeness.QUIET)
    if newest_at is None:
        return line
    return replace(line, age_hours=max(int((end - newest_at) / timedelta(hours=1)), 0))


def draft(
    app: App,
    connection: Connection,
    due: Sequence[tuple[Subscription, datetime]],
    *,
    window_end: datetime,
    explain: bool = False,
    desk: Desk | None = None,
) -> list[Draft]:
    """Rank for subscriptions at their slots and return the editions, in the same order.

    Nothing is written: preview and explain use this as sending does. With a ``desk`` what it
    holds already of this window is not read again.
    """
    return ranked(desk or Desk(app), connection, due, window_end=window_end, explain=explain)


def ranked(
    desk: Desk,
    connection: Connection,
    due: Sequence[tuple[Subscription, datetime]],
    *,
    window_end: datetime,
    explain: bool,
) -> list[Draft]:
    """Do as ``draft`` does, with what a run keeps between its blocks."""
    made_at = desk.app.now()
    drafts: dict[int, Draft] = {}
    for one in chosen(desk, connection, due, window_end=window_end, explain=explain):
        drafts[one.subscription.row_id] = Draft(
            subscription=one.subscription,
            edition=_edition(
                one.subscription, one.slot, one.choice, one.pool,
                lines=desk.lines(connection, one.seen_since, window_end),
                fresh=desk.fresh(one.pool, one.seen_since),
                made_at=made_at,
            ),
            exclusions=one.choice.exclusions,
            grades=one.reader.grades,
        )  # fmt: skip
    return [drafts[subscription.row_id] for subscription, _ in due]


def chosen(
    desk: Desk,
    connection: Connection,
    due: Sequence[tuple[Subscription, datetime]],
    *,
    window_end: datetime,
    explain: bool = False,
) -> Iterator[Ranked]:
    """Rank for subscriptions at their slots and yield what was chosen for each, in any order."""
    people = Counter(subscription.subscriber.row_id for subscription, _ in due)
    several = {person for person, count in people.items() if count > 1}
    last = edition_store.last_windows(connection, [s.row_id for s, _ in due])
    taken: dict[int, set[int]] = defaultdict(set)
    for start, group in _groups(desk.app, due, last):
        profile = group[0][0].profile
        pool = desk.pool(connection, start, window_end, profile.sources)
        readers = readers_of(connection, [s for s, _ in group], pool, last, taken, desk.at_hand)
        readers = with_grades(desk.app, connection, readers, pool)
        choices = desk.serving(connection, profile.ranker).rank(
            pool, readers, now=window_end, seed=window_end.toordinal(), explain=explain
        )
        for (subscription, slot), reader, choice in zip(group, readers, choices, strict=True):
            if subscription.subscriber.row_id in several:
                paper_ids = Picks.of(choice.picks).columns.paper_ids
                taken[subscription.subscriber.row_id].update(paper_ids)
            yield Ranked(
                subscription=subscription,
                slot=slot,
                seen_since=last.get(subscription.row_id, start),
                pool=pool,
                reader=reader,
                choice=explained(choice, reader),
            )


def _groups(
    app: App, due: Sequence[tuple[Subscription, datetime]], last: dict[int, datetime]
) -> Iterator[tuple[datetime, list[tuple[Subscription, datetime]]]]:
    """Put together what one ranking call can serve: same window, sources and ranker.

    A subscriber's second profile goes into a later group, so that it sees what the first took.
    """
    groups: dict[tuple[int, datetime, tuple[str, ...], str], list[tuple[Subscription, datetime]]]
    groups = defaultdict(list)
    turn: dict[int, int] = defaultdict(int)
    for subscription, slot in due:
        start = window_start(app, subscription, slot, last.get(subscription.row_id))
        profile, person = subscription.profile, subscription.subscriber.row_id
        groups[turn[person], start, profile.sources, profile.ranker].append((subscription, slot))
        turn[person] += 1
    for key in sorted(groups):
        yield key[1], groups[key]


def window_start(
    app: App, subscription: Subscription, slot_at: datetime, last_end: datetime | None
) -> datetime:
    """Return where an edition's window starts, on a full hour so that readers share windows.

    It always reaches back ``ranking.window_days`` (or a week), so that good papers cut by the
    cap come back and late arrivals are found; the ledger keeps it from repeating any. After a
    pause it reaches back to the last edition.
    """
    weekly = subscription.profile.schedule.frequency is Frequency.WEEKLY
    days = max(app.config.settings.ranking.window_days, 8 if weekly else 0)
    start = slot_at - timedelta(days=days)
    if last_end is not None and last_end < start:
        start = max(last_end, slot_at - LONGEST_WINDOW)
    return start.replace(minute=0, second=0, microsecond=0)


def _edition(
    subscription: Subscription,
    slot_at: datetime,
    choice: Choice,
    pool: Candidates,
    *,
    lines: tuple[SourceLine, ...],
    fresh: Fresh | None,
    made_at: datetime,
) -> Edition:
    """Return the edition; its list of other titles holds only ``fresh`` ones (None: all are)."""
    profile = subscription.profile
    others = choice.other_ids if fresh is None else fresh.among(choice.other_ids)
    return made(
        Edition,
        row_id=0,
        subscription_id=subscription.row_id,
        subscriber_id=subscription.subscriber.row_id,
        profile_id=subscription.profile_id,
        slot_at=slot_at,
        edition_on=slots.local_date(profile.schedule, slot_at),
        window_start_at=pool.window_start_at,
        window_end_at=pool.window_end_at,
        frequency=profile.schedule.frequency,
        picks=choice.picks,
        other_ids=tuple(np.asarray(others, dtype=np.int64)[:MOST_OTHERS].tolist())
        if profile.all_titles
        else (),
        other_count=len(others),
        teams=choice.teams,
        source_lines=tuple(line for line in lines if line.source in profile.sources)
        if profile.sources
        else lines,
        made_at=made_at,
    )
