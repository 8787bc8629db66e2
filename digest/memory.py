"""Give memory back to the system: what a poll or a page freed would otherwise stay with us.

glibc keeps freed memory in an arena for each thread. A server of many threads, each of which now
and then reads a large page from SQLite, grows for hours although it holds nothing. Elsewhere than
under glibc nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from functools import cache

ARENAS = 2
EVERY_S = 30.0
_M_ARENA_MAX = -8  # malloc.h

_lock = threading.Lock()
_last_at = -EVERY_S


@cache
def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "malloc_trim") else None


def share_arenas() -> None:
    """Let all threads allocate from a few arenas; call it before they start."""
    if (library := _glibc()) is not None:
        library.mallopt(_M_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return freed memory to the system, at most twice a minute."""
    global _last_at  # noqa: PLW0603
    now = time.monotonic()
    with _lock:
        if now - _last_at < EVERY_S:
            return
        _last_at = now
    if (library := _glibc()) is not None:
        library.malloc_trim(0)
