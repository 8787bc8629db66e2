"""Bound the log: how long a line may be, and how often one statement may speak in a minute."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Lock

LONGEST = 8_000
"""Characters of one message; a traceback may have twice as many."""
PER_MINUTE = 1_000
"""Lines of one statement in a minute: a thousand sources may fail at once."""
RARE_PER_MINUTE = 20
"""The same for libraries' lines and for tracebacks, which outsiders can provoke."""
_STATEMENTS = 2_000


@dataclass
class _Count:
    minute: int
    lines: int = 0


@dataclass
class Limit(logging.Filter):
    """Lets each logging statement write so many lines a minute, and cuts lines that are too long.

    The last line that is let through says that the rest of the minute is left out.
    """

    _counts: dict[tuple[str, str], _Count] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether this line is written."""
        is_rare = record.exc_info is not None or not record.name.startswith("digest")
        most = RARE_PER_MINUTE if is_rare else PER_MINUTE
        lines = self._count(record)
        if lines > most:
            return False
        message = record.getMessage()
        if lines == most:
            message += " (more of these in this minute are left out)"
        elif len(message) <= LONGEST:
            return True
        record.msg, record.args = message[:LONGEST], ()
        return True

    def _count(self, record: logging.LogRecord) -> int:
        minute = int(record.created // 60)
        key = (record.name, str(record.msg)[:200])
        with self._lock:
            if len(self._counts) >= _STATEMENTS:
                self._counts.clear()
            count = self._counts.setdefault(key, _Count(minute))
            if count.minute != minute:
                count.minute, count.lines = minute, 0
            count.lines += 1
            return count.lines
