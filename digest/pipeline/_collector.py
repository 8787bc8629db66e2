"""Keep Python's collector of rings from looking at what a run makes: values, and few rings."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

SELDOM = (50_000, 20, 50)


@contextlib.contextmanager
def seldom() -> Iterator[None]:
    """Let the collector look less often while the block lasts: an eighth of a run's time."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
