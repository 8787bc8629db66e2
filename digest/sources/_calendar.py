"""When arXiv announces: the days of its feeds, in New York, with weekends and holidays. Pure.

https://info.arxiv.org/help/availability.html: announced Sunday to Thursday at 20:00 Eastern; the
feed of each announcement bears the next day, so feeds have the dates of Monday to Friday.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
SLOTS = (time(0, 20), time(1, 20), time(3, 20), time(7, 20))
"""When a new feed may be there or complete, New York time; after the last one it is late."""
DAY = timedelta(days=1)


def is_feed_day(on: date) -> bool:
    """Tell Monday to Friday."""
    return on.weekday() < 5


def local_day(now: datetime) -> date:
    """Return the day in New York."""
    return now.astimezone(NEW_YORK).date()


def due_feed(now: datetime) -> date:
    """Return the date of the newest feed that should be out by now."""
    local = now.astimezone(NEW_YORK)
    on = local.date() if local.time() >= SLOTS[0] else local.date() - DAY
    while not is_feed_day(on):
        on -= DAY
    return on


def is_late(now: datetime) -> bool:
    """Tell whether a feed of today that is not there by now is overdue."""
    local = now.astimezone(NEW_YORK)
    return is_feed_day(local.date()) and local.time() >= SLOTS[-1]


def next_slot(now: datetime, *, is_complete: bool) -> datetime:
    """Return when to look next: the next slot, or the last look at a day that is complete."""
    local = now.astimezone(NEW_YORK)
    on = local.date()
    while True:
        slots = SLOTS[-1:] if is_complete and on == local.date() else SLOTS
        # Combined in the zone, so that the slot is right on the days the clock changes.
        ahead = [datetime.combine(on, slot, NEW_YORK).astimezone(UTC) for slot in slots]
        if is_feed_day(on) and (later := [at for at in ahead if at > now]):
            return later[0]
        on += DAY


def feed_days_between(after: date, before: date) -> tuple[date, ...]:
    """Return the feed days strictly between two dates, oldest first."""
    span = (before - after).days
    days = (after + number * DAY for number in range(1, max(span, 0)))
    return tuple(on for on in days if is_feed_day(on))


def may_be_quiet(on: date) -> bool:
    """Tell a day whose empty feed the calendar explains.

    arXiv keeps some of the federal holidays, announced a year ahead on a page. On others it
    announces as ever: so a holiday excuses an empty feed (of the day, or of the next feed day:
    the evening before that there was nobody to announce), but a feed that is there counts.
    """
    if not is_feed_day(on):
        return True
    previous = on - DAY
    while not is_feed_day(previous):
        if is_holiday(previous):
            return True
        previous -= DAY
    return is_holiday(on) or is_holiday(previous)


def is_holiday(on: date) -> bool:
    """Tell a federal holiday, or the working day that stands for it."""
    return on in holidays(on.year) or on in holidays(on.year + 1)


def holidays(year: int) -> frozenset[date]:
    """Return the federal holidays of a year, where they fall and where they are observed."""
    fixed = [
        date(year, *month_day)
        for month_day in ((1, 1), (6, 19), (7, 4), (11, 11), (12, 24), (12, 25), (12, 31))
    ]
    thanksgiving = _nth_weekday(year, 11, weekday=3, nth=4)
    moving = [
        _nth_weekday(year, 1, weekday=0, nth=3),
        _nth_weekday(year, 2, weekday=0, nth=3),
        _nth_weekday(year, 6, weekday=0, nth=1) - 7 * DAY,  # the last Monday of May
        _nth_weekday(year, 9, weekday=0, nth=1),
        _nth_weekday(year, 10, weekday=0, nth=2),
        thanksgiving,
        thanksgiving + DAY,
    ]
    return frozenset([*fixed, *(_observed(on) for on in fixed), *moving])


def _observed(on: date) -> date:
    shift = {5: -1, 6: 1}.get(on.weekday(), 0)
    return on + shift * DAY


def _nth_weekday(year: int, month: int, *, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))
