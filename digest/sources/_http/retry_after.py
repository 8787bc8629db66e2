"""Read ``Retry-After`` (RFC 9110, 10.2.3) as leniently as servers write it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
"""However long a server asks for, we look again the next day."""


def read_retry_after(
    value: str, *, now: datetime, server_date: str = "", longest: timedelta = LONGEST
) -> datetime | None:
    """Return the instant to come back at, or None where the header says nothing usable.

    A date is taken relative to the server's own ``Date``: its clock may be a day off ours. Of a
    duplicated header (``120, 60``) the longest counts. Never before ``now``, never later than
    ``longest`` after it.
    """
    delays = [_delay(part, now, server_date) for part in _parts(value)]
    known = [delay for delay in delays if delay is not None]
    if not known:
        return None
    return now + min(max(*known, timedelta(0)), longest)


def read_date(value: str) -> datetime | None:
    """Return an HTTP date as an aware instant, or None."""
    try:
        found = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _parts(value: str) -> list[str]:
    # A comma also stands inside a date: "Tue, 14 Apr 2026 ...".
    return [part.strip() for part in re.split(r",(?!\s*\d{1,2}[ -][A-Za-z]{3})", value)]


def _delay(part: str, now: datetime, server_date: str) -> timedelta | None:
    if re.fullmatch(r"-?\d+(\.\d+)?", part):
        try:
            return timedelta(seconds=min(float(part), 1e9))
        except OverflowError:
            return None
    if (until := read_date(part)) is None:
        return None
    return until - (read_date(server_date) or now)
