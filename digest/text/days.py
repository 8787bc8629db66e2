"""Days as people write them: 2026-04-14.

Only days that a digest can have: those at the calendar's very ends have no neighbours.
"""

from __future__ import annotations

from datetime import date

FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2200, 12, 31)


def day_of(text: str) -> date | None:
    """Return the day that ``YYYY-MM-DD`` names, from 1990 to 2200; None for anything else."""
    try:
        found = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return found if found is not None and is_near(found) else None


def is_near(day: date) -> bool:
    """Tell a day that a digest can have."""
    return FIRST_DAY <= day <= LAST_DAY
