"""Settle, before anything is decided by the clock, whether it fits what the store has seen.

A clock that was ahead has left entries of the future: they are put right here, and readers whose
next slot it moved away get theirs again. A clock that is behind would store papers where no
edition looks for them: nothing is asked or made until it is set.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.app import App
from digest.errors import StoreError
from digest.store import clock, due, installation, profiles
from digest.store.clock import Skew
from digest.subscribers import slots

log = logging.getLogger(__name__)

BATCH = 1000
PRUNED = "pruned_at"
"""The name under which the store keeps how far pruning has come."""
PRUNE_STEP = timedelta(days=7)
"""Pruning follows the clock by no more at once: a leap of a year must not remove a year."""


def settle(app: App) -> str:
    """Put right what a clock that was ahead left behind; return a sentence about it, or nothing.

    Raises StoreError where the clock is behind what is stored.
    """
    now = app.now()
    with app.reading() as connection:
        skew = clock.look(connection, now)
        is_new = not installation.get(connection, PRUNED)
    if skew is None:
        if is_new:
            with app.writing() as connection:
                installation.put(connection, PRUNED, now.isoformat())
        return ""
    if skew.is_behind:
        raise StoreError(told(skew))
    with app.writing() as connection:
        rows = clock.count(connection, skew)
        _give_slots(connection, skew)
        clock.put_right(connection, skew)
        _keep_prune_mark(connection, now)
    log.warning("entries of the future were put right rows=%d until=%s", rows, skew.last)
    return (
        f"the clock was ahead: {rows} entries were dated in the future, up to "
        f"{skew.last:%Y-%m-%d %H:%M} UTC; they were put right, and readers get their mail as before"
    )


def problem(connection: Connection, now: datetime) -> str:
    """Return what is wrong between the clock and the store, for a report; empty if nothing is."""
    skew = clock.look(connection, now)
    if skew is None:
        return ""
    if skew.is_behind:
        return told(skew)
    return (
        f"{clock.count(connection, skew)} entries are dated in the future, up to "
        f"{skew.last:%Y-%m-%d %H:%M} UTC: the clock was ahead; `digest run` puts them right"
    )


def told(skew: Skew) -> str:
    """Return how a clock that is behind is named."""
    return (
        f"the clock is behind: it says {skew.now:%Y-%m-%d %H:%M} UTC, and the store has papers of "
        f"{skew.last:%Y-%m-%d %H:%M}: set the clock; until then nothing is asked, made or removed"
    )


def prune_at(app: App, *, keep: bool) -> datetime:
    """Return the instant that pruning counts back from: now, or a week after the time before.

    With ``keep`` it is noted for the next time. Raises StoreError where the clock is behind.
    """
    now = app.now()
    if not keep:
        with app.reading() as connection:
            return _believed(connection, now)
    settle(app)
    with app.writing() as connection:
        believed = _believed(connection, now)
        installation.put(connection, PRUNED, believed.isoformat())
    if believed < now:
        log.warning("pruning as of %s: after a jump of the clock, a week at a time", believed)
    return believed


def _believed(connection: Connection, now: datetime) -> datetime:
    kept = installation.get(connection, PRUNED)
    return min(now, datetime.fromisoformat(kept) + PRUNE_STEP) if kept else now


def _keep_prune_mark(connection: Connection, now: datetime) -> None:
    kept = installation.get(connection, PRUNED)
    if not kept or datetime.fromisoformat(kept) > now:
        installation.put(connection, PRUNED, now.isoformat())


def _give_slots(connection: Connection, skew: Skew) -> None:
    """Give subscriptions the slot that they would have, had the clock been right."""
    after = 0
    while rows := clock.late_slots(connection, skew, after=after, limit=BATCH):
        after = rows[-1][0]
        known = profiles.subscriptions_of(connection, subscription_ids=[row[0] for row in rows])
        by_id = {subscription.row_id: subscription for subscription in known}
        moves = []
        for row_id, last_at, is_new in rows:
            schedule = by_id[row_id].profile.schedule
            if is_new and last_at is None:
                slot = slots.first_slot(schedule, skew.now)
            else:
                base = skew.moved(last_at) if last_at and last_at > skew.limit else skew.now
                slot = slots.next_slot(schedule, base)
            present = by_id[row_id].next_slot_at
            if present is None or slot < present:
                moves.append((row_id, slot))
        due.replan(connection, moves)
