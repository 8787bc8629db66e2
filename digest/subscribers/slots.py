"""When editions are due: the slots of a schedule, in the reader's own time zone. Pure.

A slot is the instant at which an edition is due. Only the latest slot that has passed counts:
after downtime one edition catches up for all the slots that were missed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from digest.model import Frequency, Schedule

FIRST_EDITION_GAP = timedelta(hours=8)
"""A first edition comes at once; the next slot follows no sooner than this."""
LONGEST_PAUSE = timedelta(days=3653)
"""So far ahead a reader may put the end of a pause on the pages: ten years."""
NEVER = datetime(9000, 1, 1, tzinfo=UTC)
"""The slot of a schedule that has none before it: paused "for ever", or without a weekday."""


def days_of(schedule: Schedule) -> tuple[int, ...]:
    """Return the weekdays on which an edition is due (Monday is 0); a weekly one has one."""
    if schedule.frequency is Frequency.WEEKLY:
        return schedule.weekdays[:1] or (0,)
    return schedule.weekdays


def slot_on(schedule: Schedule, day: date) -> datetime:
    """Return the slot of a local day as an instant in UTC.

    A local time that the clocks skip is taken as the instant that the old offset gives it,
    one that they repeat as the first of the two (PEP 495, fold 0).
    """
    local = datetime.combine(day, schedule.send_time, tzinfo=ZoneInfo(schedule.time_zone))
    return local.astimezone(UTC)


def next_slot(schedule: Schedule, after: datetime) -> datetime:
    """Return the first slot strictly after an instant, not before the end of a pause.

    Every schedule has one: ``NEVER`` at the latest, so that no pause ends beyond the calendar.
    """
    day = after.astimezone(ZoneInfo(schedule.time_zone)).date()
    if schedule.paused_until is not None and schedule.paused_until > day:
        day = schedule.paused_until
    allowed = days_of(schedule)
    while allowed and day < NEVER.date():
        if day.weekday() in allowed and (slot := slot_on(schedule, day)) > after:
            return slot
        day += timedelta(days=1)
    return NEVER


def first_slot(schedule: Schedule, now: datetime) -> datetime:
    """Return when the first edition is due: at once, or when a pause is over."""
    paused_until = schedule.paused_until
    if paused_until is not None and paused_until > local_date(schedule, now):
        return next_slot(schedule, now)
    return now


def latest_slot(schedule: Schedule, first: datetime, now: datetime) -> datetime:
    """Return the last slot that has passed, given that ``first`` is due.

    ``first`` itself where no later slot has passed: a first edition's slot is the instant of
    subscribing, which no schedule names.
    """
    slot = first
    while (following := next_slot(schedule, slot)) <= now:
        slot = following
    return slot


@lru_cache(maxsize=1024)
def local_date(schedule: Schedule, instant: datetime) -> date:
    """Return the date that a reader's calendar shows at this instant."""
    return instant.astimezone(ZoneInfo(schedule.time_zone)).date()
