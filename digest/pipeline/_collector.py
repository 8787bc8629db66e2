"""Keep Python's collector of rings from looking at what a run makes: values, and few rings."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

SELDOM = (50_000, 20, 50)

_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []
"""What was set before the first of the blocks that last, once for each of them."""


@contextlib.contextmanager
def seldom() -> Iterator[None]:
    """Let the collector look less often while the block lasts: an eighth of a run's time.

    Blocks may overlap, as polls of a scheduler do: the last to end sets things right again.
    """
    with _lock:
        _before.append(_before[0] if _before else gc.get_threshold())
        gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        with _lock:
            usual = _before.pop()
            if not _before:
                gc.set_threshold(*usual)
