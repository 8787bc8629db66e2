"""Say in words when editions come. Pure; the words are English, as the pages are."""

from __future__ import annotations

from digest.model import ALL_WEEKDAYS, Frequency, Schedule
from digest.subscribers.slots import days_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WORKDAYS = ALL_WEEKDAYS[:5]


def cadence(schedule: Schedule) -> str:
    """Return a phrase such as ``every weekday at 07:30, Europe/Berlin``."""
    days = days_of(schedule)
    if schedule.frequency is Frequency.WEEKLY:
        when = f"once a week, on {WEEKDAYS[days[0]]}"
    elif days == ALL_WEEKDAYS:
        when = "every day"
    elif days == _WORKDAYS:
        when = "every weekday"
    else:
        named = [WEEKDAYS[day] for day in days]
        when = "every " + (", ".join(named[:-1]) + " and " if named[1:] else "") + named[-1]
    return f"{when} at {schedule.send_time:%H:%M}, {schedule.time_zone}"
