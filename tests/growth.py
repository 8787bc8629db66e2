"""How the time of a function grows with the length of its input.

In processor time, the shortest of several runs, and told by ratios alone: a busy machine does not
change them.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator

FIRST, LAST = 512, 4096
"""Lengths in characters; doubled from one to the other."""
SMALL_S = 1e-7
"""At so much a character the greatest length is not looked at any closer."""
LEAST_S = 0.001
"""Shorter times say nothing."""
MOST_S = 3.0
MOST_RATIO = 4 * 1.3
"""Of the time for four times the length to that for the length itself."""
ATTEMPTS = 5


class TooLongError(Exception):
    """It takes seconds: no need to wait for more."""


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLongError in the block once it has used so much processor time."""

    def stop(*_: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def growth(run: Callable[[str], object], make: Callable[[int], str], last: int = LAST) -> str:
    """Return how it grows faster than it may; empty where it does not.

    ``make(n)`` gives an input of about n characters.
    """
    try:
        with at_most(MOST_S):
            return "" if _is_quick(run, make, last) else _measured(run, make, last)
    except TooLongError:
        return "more than seconds"


def _is_quick(run: Callable[[str], object], make: Callable[[int], str], last: int) -> bool:
    for length in (64, 512, last):
        text = make(length)
        if once(run, text) > max(2e-4, SMALL_S * len(text)):
            return False
    return True


def _measured(run: Callable[[str], object], make: Callable[[int], str], last: int) -> str:
    length = FIRST
    while length <= last:
        if once(run, make(length)) >= LEAST_S:
            ratio = _ratio(run, make, length)
            for _ in range(ATTEMPTS):
                if ratio > MOST_RATIO:
                    ratio = min(ratio, _ratio(run, make, length))
            if ratio > MOST_RATIO:
                return f"{ratio:.1f} times as long for 4 times {length // 4} characters"
        length *= 2
    return ""


def _ratio(run: Callable[[str], object], make: Callable[[int], str], length: int) -> float:
    short, long = make(length // 4), make(length)
    return best(run, long) / max(best(run, short), 1e-6)


def once(run: Callable[[str], object], text: str) -> float:
    """Return the processor time of one run, in seconds."""
    begun = time.thread_time()
    run(text)
    return time.thread_time() - begun


def best(run: Callable[[str], object], text: str, repeats: int = 3) -> float:
    """Return the shortest of some runs."""
    return min(once(run, text) for _ in range(repeats))
