"""When a paper's popularity is looked at again: often at first, then ever more rarely. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

AGES = tuple(
    timedelta(hours=hours) for hours in (0, 3, 8, 16, 24, 36, 48, 72, 96, 120, 168, 240, 336)
)
"""Hours after first sight at which a paper is looked at: votes come in the first two days."""

WEEKLY = timedelta(days=7)
RETRY = timedelta(hours=1)


def next_look(first_seen_at: datetime, *, now: datetime) -> datetime:
    """Return when to look again after looking now.

    Looks that were missed are not made up for. How long papers are looked at at all is for
    whoever asks to decide; after the last planned age it would be weekly.

    >>> from datetime import UTC
    >>> seen = datetime(2026, 4, 14, 12, tzinfo=UTC)
    >>> next_look(seen, now=seen) - seen, next_look(seen, now=seen + timedelta(hours=50)) - seen
    (datetime.timedelta(seconds=10800), datetime.timedelta(days=3))
    """
    age = now - first_seen_at
    planned = next((one for one in AGES if one > age), None)
    return first_seen_at + planned if planned is not None else now + WEEKLY


def after_failure(first_seen_at: datetime, *, now: datetime) -> datetime:
    """Return when to look again where the place gave no answer."""
    return min(next_look(first_seen_at, now=now), now + RETRY)
