"""Stage 3 in the pipeline: rank for the subscriptions that are due, freeze what comes out.

A block of subscriptions is locked, ranked and frozen in one transaction: its editions, the
once-only ledger, the deliveries, and the next slots. Killed anywhere, nothing of it happened.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import Connection

from digest.app import App
from digest.model import (
    Edition,
    Exclusion,
    Feedback,
    Frequency,
    OnEmpty,
    Paper,
    PaperKey,
    Profile,
    Purpose,
    SourceLine,
    Subscription,
)
from digest.pipeline import _collector, backgrounds, composing, embedding, libraries
from digest.plugins import resolve
from digest.ranking import Candidates, Choice, Ranker, Reader
from digest.store import editions as edition_store
from digest.store import feedback as feedback_store
from digest.store import libraries as library_store
from digest.store import outbox, papers, profiles
from digest.store import signals as signal_store
from digest.store.database import is_sqlite
from digest.store.editions import EditionOutcome
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac

log = logging.getLogger(__name__)

BLOCK = 1000
"""Subscriptions planned in one transaction."""

LONGEST_WINDOW = timedelta(days=14)
"""After a longer pause or downtime, older papers stay on the web pages only."""


MOST_OTHERS = 400
"""Other titles kept in one edition: more than fit into a mail."""


@dataclass(frozen=True, kw_only=True)
class PlanReport:
    """What one planning run did."""

    mailed: int = 0
    empty: int = 0
    late: int = 0
    """Slots passed over because they were later than the grace; the next one catches up."""
    picks: int = 0

    def __add__(self, other: PlanReport) -> PlanReport:
        return PlanReport(
            mailed=self.mailed + other.mailed,
            empty=self.empty + other.empty,
            late=self.late + other.late,
            picks=self.picks + other.picks,
        )


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An edition not frozen yet, with why the rest was left out (when asked for)."""

    subscription: Subscription
    edition: Edition
    exclusions: tuple[Exclusion, ...] = ()


class Desk:
    """What one planning run keeps between its blocks: rankers, and the papers of each window."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.at_hand: Mapping[str, bytes] = {}
        self._rankers: dict[str, Ranker] = {}
        self._pools: dict[tuple[datetime, datetime, tuple[str, ...]], Candidates] = {}
        self._learnt: dict[datetime, backgrounds.Learnt] = {}
        self._lines: dict[datetime, tuple[SourceLine, ...]] = {}
        self._fresh: dict[tuple[int, datetime], frozenset[int] | None] = {}

    def ranker(self, kind: str) -> Ranker:
        """Return the ranker of this kind, built once."""
        if kind not in self._rankers:
            options = self.app.config.settings.ranking.model_dump()
            self._rankers[kind] = resolve(kind, "digest.ranking", "ranker")(options)
        return self._rankers[kind]

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
            if end not in self._learnt:
                encoder = embedding.stored_encoder(self.app, connection)
                self._learnt[end] = backgrounds.learnt(connection, end, encoder)
            self._pools[key] = Candidates(
                papers=found,
                observations=history,
                window_start_at=start,
                window_end_at=end,
                background=self._learnt[end].background,
                promise=self._learnt[end].promise,
                sentences=self._learnt[end].sentences,
            )
        return self._pools[key]

    def fresh(self, pool: Candidates, since: datetime) -> frozenset[int] | None:
        """Return the papers first seen after an instant; None where all of them were."""
        key = (id(pool), since)
        if key not in self._fresh:
            found = frozenset(p.row_id for p in pool.papers if p.first_seen_at > since)
            self._fresh[key] = None if len(found) == len(pool.papers) else found
        return self._fresh[key]

    def lines(self, connection: Connection, start: datetime) -> tuple[SourceLine, ...]:
        """Return what the polls since then say of each source."""
        if start not in self._lines:
            names = tuple(self.app.sources)
            self._lines[start] = edition_store.source_lines(connection, names, start)
        return self._lines[start]


def plan_due(
    app: App,
    *,
    limit: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    within: Callable[[Connection, PlanReport], None] | None = None,
    share: tuple[int, int] = profiles.WHOLE,
) -> PlanReport:
    """Make the editions of every subscription that is due; return what was made.

    ``within`` is called with each block's report inside its transaction, before the commit.
    ``share`` is this process's number, and of how many: each plans for subscribers of its own.
    """
    desk = Desk(app)
    total = PlanReport()
    now = app.now()
    handled = 0
    with _collector.seldom():
        while limit is None or handled < limit:
            size = BLOCK if limit is None else min(BLOCK, limit - handled)
            planned = _planned(desk, now, size, share, within or (lambda *_: None))
            if planned is None:
                break
            count, made = planned
            total += made
            handled += count
            if on_progress:
                on_progress(count)
    log.info("planned mailed=%d empty=%d late=%d", total.mailed, total.empty, total.late)
    return total


def _planned(
    desk: Desk,
    now: datetime,
    size: int,
    share: tuple[int, int],
    within: Callable[[Connection, PlanReport], None],
) -> tuple[int, PlanReport] | None:
    """Plan one block; None where nobody is due.

    On PostgreSQL in one transaction, whose locks keep others out of the block. SQLite has one
    lock for everybody: there ranking is done before it, and what changed meanwhile is left out
    (it is due still, or not any more).
    """
    app = desk.app
    if not is_sqlite(app.engine):
        with app.writing() as connection:
            block = _Block(desk, connection, now, size, share)
            if not block.due:
                return None
            made = block.keep(connection)
            within(connection, made)
        return len(block.due), made
    with app.reading() as connection:
        block = _Block(desk, connection, now, size, share)
    if not block.due:
        return None
    with app.writing() as connection:
        block.leave_out_changed(connection)
        made = block.keep(connection)
        within(connection, made)
    return len(block.due), made


class _Block:
    """Subscriptions that are planned together: read and ranked, then kept."""

    def __init__(
        self,
        desk: Desk,
        connection: Connection,
        now: datetime,
        size: int,
        share: tuple[int, int],
    ) -> None:
        self._app = desk.app
        self._now = now
        self.due = profiles.due(connection, now, limit=size, share=share)
        grace = timedelta(hours=desk.app.config.settings.mail.misfire_grace_hours)
        timely: list[tuple[Subscription, datetime]] = []
        self._moves: list[tuple[int, datetime, datetime]] = []
        for subscription in self.due:
            assert subscription.next_slot_at is not None
            schedule = subscription.profile.schedule
            slot = slots.latest_slot(schedule, subscription.next_slot_at, now)
            following = slots.next_slot(schedule, slot)
            if following - slot < slots.FIRST_EDITION_GAP:  # only a first edition's is so near
                following = slots.next_slot(schedule, following)
            self._moves.append((subscription.row_id, slot, following))
            if now - slot <= grace:
                timely.append((subscription, slot))
        self._late = len(self.due) - len(timely)
        self._drafts = _draft(desk, connection, timely, window_end=now, explain=False)

    def leave_out_changed(self, connection: Connection) -> None:
        """Leave out who is not due as they were, or was shown one of their picks meanwhile."""
        still = profiles.still_due(connection, self.due, self._now)
        picked = {p.paper_id for draft in self._drafts for p in draft.edition.picks}
        people = [draft.subscription.subscriber.row_id for draft in self._drafts]
        shown = edition_store.shown_to(connection, people, picked) if picked else {}
        for draft in self._drafts:
            seen = shown.get(draft.subscription.subscriber.row_id, frozenset())
            if not seen.isdisjoint(pick.paper_id for pick in draft.edition.picks):
                still.discard(draft.subscription.row_id)
        self._drafts = [draft for draft in self._drafts if draft.subscription.row_id in still]
        self._moves = [move for move in self._moves if move[0] in still]

    def keep(self, connection: Connection) -> PlanReport:
        """Store the editions, their ledger and deliveries, and the next slots."""
        report = freeze(self._app, connection, self._drafts, Purpose.EDITION)
        profiles.advance(connection, self._moves)
        return replace(report, late=self._late)


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
    return _draft(desk or Desk(app), connection, due, window_end=window_end, explain=explain)


def _draft(
    desk: Desk,
    connection: Connection,
    due: Sequence[tuple[Subscription, datetime]],
    *,
    window_end: datetime,
    explain: bool,
) -> list[Draft]:
    last = edition_store.last_windows(connection, [s.row_id for s, _ in due])
    made: dict[int, Draft] = {}
    taken: dict[int, set[int]] = defaultdict(set)
    for start, group in _groups(desk.app, due, last):
        profile = group[0][0].profile
        pool = desk.pool(connection, start, window_end, profile.sources)
        readers = readers_of(connection, [s for s, _ in group], pool, last, taken, desk.at_hand)
        choices = desk.ranker(profile.ranker).rank(
            pool, readers, now=window_end, seed=window_end.toordinal(), explain=explain
        )
        for (subscription, slot), choice in zip(group, choices, strict=True):
            seen_since = last.get(subscription.row_id, start)
            made[subscription.row_id] = Draft(
                subscription=subscription,
                edition=_edition(
                    desk.app, subscription, slot, choice, pool,
                    lines=desk.lines(connection, seen_since),
                    fresh=desk.fresh(pool, seen_since),
                ),
                exclusions=choice.exclusions,
            )  # fmt: skip
            taken[subscription.subscriber.row_id] |= {p.paper_id for p in choice.picks}
    return [made[subscription.row_id] for subscription, _ in due]


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


def readers_of(
    connection: Connection,
    group: Sequence[Subscription],
    pool: Candidates,
    last: Mapping[int, datetime] = MappingProxyType({}),
    taken: Mapping[int, set[int]] = MappingProxyType({}),
    at_hand: Mapping[str, bytes] = MappingProxyType({}),
) -> list[Reader]:
    """Return all that is known of subscribers who share a window, in order.

    ``last`` holds where each subscription's last window ended, ``taken`` what this run already
    gave to a subscriber, ``at_hand`` libraries that nobody keeps yet.
    """
    people = [subscription.subscriber.row_id for subscription in group]
    shown = edition_store.shown_to(connection, people, [p.row_id for p in pool.papers])
    feedback = feedback_store.of_subscribers(connection, people)
    stored = libraries.stored_names(s.profile for s in group)
    kept = dict(at_hand) | library_store.load(connection, stored)
    lessons = {s.profile_id: libraries.taught(s.profile, kept) for s in group}
    taught = {key: paper for _, owned in lessons.values() for key, paper in owned.items()}
    # What the store knows of a paper is more than what a library says of it.
    wanted = [profile for profile, _ in lessons.values()]
    known = taught | _known_papers(connection, wanted, feedback)
    return [
        Reader(
            subscription_id=subscription.row_id,
            profile=lessons[subscription.profile_id][0],
            shown=shown.get(person, frozenset()) | frozenset(taken.get(person, ())),
            feedback=feedback.get(person, ()),
            known_papers=known,
            seen_since=last.get(subscription.row_id),
        )
        for subscription, person in zip(group, people, strict=True)
    ]


def _known_papers(
    connection: Connection,
    wanted: Sequence[Profile],
    feedback: Mapping[int, tuple[Feedback, ...]],
) -> dict[PaperKey, Paper]:
    keys = {
        key
        for profile in wanted
        for interest in profile.interests
        for key in (*interest.liked, *interest.disliked)
    }
    rated = {f.paper_id for said in feedback.values() for f in said}
    known = papers.by_key(connection, keys) if keys else {}
    by_id = papers.load(connection, rated) if rated else {}
    return known | {paper.key: paper for paper in by_id.values()}


def _edition(
    app: App,
    subscription: Subscription,
    slot_at: datetime,
    choice: Choice,
    pool: Candidates,
    *,
    lines: tuple[SourceLine, ...],
    fresh: frozenset[int] | None,
) -> Edition:
    """Return the edition; its list of other titles holds only ``fresh`` ones (None: all are)."""
    profile = subscription.profile
    others = choice.other_ids
    if fresh is not None:
        others = tuple(row_id for row_id in others if row_id in fresh)
    return Edition(
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
        other_ids=others[:MOST_OTHERS] if profile.all_titles else (),
        other_count=len(others),
        source_lines=tuple(
            line for line in lines if not profile.sources or line.source in profile.sources
        ),
        made_at=app.now(),
    )


def freeze(
    app: App, connection: Connection, drafts: Sequence[Draft], purpose: Purpose
) -> PlanReport:
    """Store drafts as editions with their ledger and deliveries; drafts of taken slots are left."""
    by_id = {item.edition.subscription_id: item.subscription for item in drafts}
    mailed: list[Edition] = []
    silent: list[Edition] = []
    for item in drafts:
        wants_silence = item.subscription.profile.on_empty is OnEmpty.SKIP
        (silent if wants_silence and not item.edition.picks else mailed).append(item.edition)
    frozen = edition_store.freeze(connection, mailed, EditionOutcome.MAILED)
    empty = edition_store.freeze(connection, silent, EditionOutcome.EMPTY)
    expires = timedelta(hours=app.config.settings.mail.max_age_hours)
    outbox.plan(
        connection,
        [
            outbox.Planned(
                edition_id=edition.row_id,
                subscriber_id=edition.subscriber_id,
                address=by_id[edition.subscription_id].subscriber.address,
                address_hmac=address_hmac(
                    app.secret_keys, by_id[edition.subscription_id].subscriber.address
                ),
                purpose=purpose,
                message_id=composing.message_id(app, edition),
                expires_at=app.now() + expires,
            )
            for edition in frozen
        ],
        now=app.now(),
    )
    return PlanReport(mailed=len(frozen), empty=len(empty), picks=sum(len(e.picks) for e in frozen))
