"""Plan: make the editions of all who are due, and freeze them with their deliveries.

A block of subscriptions is locked, ranked and frozen in one transaction: its editions, the
once-only ledger, the deliveries, and the next slots. Killed anywhere, nothing of it happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection

from digest.app import App
from digest.model import Edition, Frequency, OnEmpty, Purpose, Schedule, Subscription
from digest.pipeline import _collector, composing
from digest.pipeline.editions import Desk, Draft, ranked
from digest.store import due, ledger, outbox
from digest.store import editions as edition_store
from digest.store.database import is_sqlite
from digest.store.editions import EditionOutcome
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac

log = logging.getLogger(__name__)

SOON = timedelta(hours=20)
"""Within so long after an edition no mail says that there is nothing new."""

WEEKLY_AGE = timedelta(hours=48)
"""A weekly mail is worth trying for longer: the next one is days away."""
BLOCK = 1000
"""Subscriptions planned in one transaction."""


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
class _Turn:
    """Where a planner is in its share."""

    share: tuple[int, int]
    after: Subscription | None = None


def plan_due(
    app: App,
    *,
    limit: int | None = None,
    block: int = BLOCK,
    within: Callable[[Connection, PlanReport], None] | None = None,
    share: tuple[int, int] = due.WHOLE,
    desk: Desk | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> PlanReport:
    """Make the editions of every subscription that is due; return what was made.

    ``block`` subscriptions are planned at once. ``within`` is called with each block's report
    inside its transaction, before the commit.
    ``share`` is this process's number, and of how many: each plans for subscribers of its own.
    With a ``desk`` it is planned for its instant, with what it holds already of the papers.
    ``stop`` is asked before each block whether to leave the rest.
    """
    desk = desk or Desk(app)
    total = PlanReport()
    now = desk.at
    handled = 0
    turn = _Turn(share=share)
    with _collector.seldom():
        while (limit is None or handled < limit) and not stop():
            size = block if limit is None else min(block, limit - handled)
            planned = _planned(desk, now, size, turn, within or (lambda *_: None))
            if planned is None:
                break
            count, last, made = planned
            total += made
            handled += count
            turn = replace(turn, after=last)
    log.info("planned mailed=%d empty=%d late=%d", total.mailed, total.empty, total.late)
    return total


def _planned(
    desk: Desk,
    now: datetime,
    size: int,
    turn: _Turn,
    within: Callable[[Connection, PlanReport], None],
) -> tuple[int, Subscription, PlanReport] | None:
    """Plan one block; return how many, the last of them and what was made; None for nobody due.

    On PostgreSQL in one transaction, whose locks keep others out of the block. SQLite has one
    lock for everybody: there ranking is done before it, and what changed meanwhile is left out
    (it is due still, or not any more).
    """
    app = desk.app
    if not is_sqlite(app.engine):
        with app.writing() as connection:
            block = _Block(desk, connection, now, size, turn)
            if not block.due:
                return None
            made = block.keep(connection)
            within(connection, made)
        return len(block.due), block.due[-1], made
    with app.reading() as connection:
        block = _Block(desk, connection, now, size, turn)
    if not block.due:
        return None
    with app.writing() as connection:
        block.leave_out_changed(connection)
        made = block.keep(connection)
        within(connection, made)
    return len(block.due), block.due[-1], made


class _Block:
    """Subscriptions that are planned together: read and ranked, then kept."""

    def __init__(
        self,
        desk: Desk,
        connection: Connection,
        now: datetime,
        size: int,
        turn: _Turn,
    ) -> None:
        self._app = desk.app
        self._now = now
        self.due = due.block(connection, now, limit=size, share=turn.share, after=turn.after)
        grace = timedelta(hours=desk.app.config.settings.mail.misfire_grace_hours)
        timely: list[tuple[Subscription, datetime]] = []
        self._moves: list[tuple[int, datetime, datetime]] = []
        self._late = 0
        for subscription in self.due:
            try:
                assert subscription.next_slot_at is not None
                schedule = subscription.profile.schedule
                slot, following = _due_and_next(schedule, subscription.next_slot_at, now)
            except (ValueError, LookupError, ArithmeticError):
                # One schedule that cannot be followed is not everybody's: asked again tomorrow.
                log.exception("schedule failed subscription=%d", subscription.row_id)
                self._moves.append((subscription.row_id, now, now + timedelta(days=1)))
                continue
            self._moves.append((subscription.row_id, slot, following))
            if now - slot <= grace:
                timely.append((subscription, slot))
            else:
                self._late += 1
        self._drafts = ranked(desk, connection, timely, window_end=now, explain=False)

    def leave_out_changed(self, connection: Connection) -> None:
        """Leave out who is not due as they were, or was shown one of their picks meanwhile."""
        still = due.still_due(connection, self.due, self._now)
        picks = {draft.subscription.row_id: draft.paper_ids for draft in self._drafts}
        picked = set().union(*picks.values())
        people = [draft.subscription.subscriber.row_id for draft in self._drafts]
        shown = ledger.shown_to(connection, people, picked)
        for draft in self._drafts:
            seen = shown.get(draft.subscription.subscriber.row_id, frozenset())
            if not seen.isdisjoint(picks[draft.subscription.row_id]):
                still.discard(draft.subscription.row_id)
        self._drafts = [draft for draft in self._drafts if draft.subscription.row_id in still]
        self._moves = [move for move in self._moves if move[0] in still]

    def keep(self, connection: Connection) -> PlanReport:
        """Store the editions, their ledger and deliveries, and the next slots."""
        report = freeze(self._app, connection, self._drafts, Purpose.EDITION)
        due.advance(connection, self._moves)
        return replace(report, late=self._late)


@lru_cache(maxsize=1024)
def _due_and_next(schedule: Schedule, first: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the slot that is due and the one after it; ``first`` has not been handled yet."""
    slot = slots.latest_slot(schedule, first, now)
    following = slots.next_slot(schedule, slot)
    if following - slot < slots.FIRST_EDITION_GAP:  # only a first edition's is so near
        following = slots.next_slot(schedule, following)
    return slot, following


def _is_soon(edition: Edition, last_end: datetime | None) -> bool:
    """Tell an edition that follows so soon after another that a mail of nothing would annoy.

    Only a first edition, which comes at once, is followed by such a one.
    """
    return last_end is not None and edition.window_end_at - last_end < SOON


def freeze(
    app: App, connection: Connection, drafts: Sequence[Draft], purpose: Purpose
) -> PlanReport:
    """Store drafts as editions with their ledger and deliveries; drafts of taken slots are left."""
    by_id = {item.edition.subscription_id: item.subscription for item in drafts}
    mailed: list[Edition] = []
    silent: list[Edition] = []
    empty = [item for item in drafts if not item.edition.picks]
    last = edition_store.last_windows(connection, [item.subscription.row_id for item in empty])
    for item in drafts:
        wants_silence = item.subscription.profile.on_empty is OnEmpty.SKIP
        if purpose is Purpose.EDITION:
            wants_silence |= _is_soon(item.edition, last.get(item.subscription.row_id))
        (silent if wants_silence and not item.edition.picks else mailed).append(item.edition)
    frozen = edition_store.freeze(connection, mailed, EditionOutcome.MAILED)
    kept = edition_store.freeze(connection, silent, EditionOutcome.EMPTY)
    now = app.now()
    age = timedelta(hours=app.config.settings.mail.max_age_hours)
    ages = {Frequency.DAILY: age, Frequency.WEEKLY: max(age, WEEKLY_AGE)}
    name = composing.message_ids(app)
    rows = []
    for edition in frozen:
        address = by_id[edition.subscription_id].subscriber.address
        rows.append(
            outbox.Planned(
                edition_id=edition.row_id,
                subscriber_id=edition.subscriber_id,
                address=address,
                address_hmac=address_hmac(app.secret_keys, address),
                purpose=purpose,
                message_id=name(edition),
                expires_at=now + ages[edition.frequency],
            )
        )
    outbox.plan(connection, rows, now=now)
    return PlanReport(mailed=len(frozen), empty=len(kept), picks=sum(len(e.picks) for e in frozen))
