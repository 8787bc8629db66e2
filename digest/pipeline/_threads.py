"""Run jobs side by side on daemon threads; a job that hangs is left behind, not waited for."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
CHECK_S = 0.25
LINGER_S = 0.05
"""So long a first result waits for others to be taken with it."""


def together(
    jobs: Sequence[Callable[[], T]], *, threads: int, timeout_s: float
) -> Iterator[list[tuple[int, T | None]]]:
    """Yield the numbers and results of jobs as they end, those that end together at a time.

    The result is None for a job that took too long. A job must not raise: what it raises ends its
    thread and it counts as one that hangs. A thread that hangs is replaced, so that the jobs
    behind it are done all the same. Threads wait where four times their number of results are
    not taken yet.
    """
    most = 4 * threads
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.Queue[tuple[int, T]] = queue.Queue(maxsize=most)
    begun: dict[int, float] = {}
    is_over = threading.Event()
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        while not is_over.is_set():
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            begun[number] = time.monotonic()
            result = jobs[number]()
            begun[number] = float("inf")  # not late any more, however long it waits to be taken
            _put(done, (number, result), is_over)

    def start() -> None:
        # In a copy of this context: their log lines carry the id of the run, too.
        threading.Thread(target=copy_context().run, args=(work,), daemon=True, name="poll").start()

    for _ in range(min(threads, len(jobs))):
        start()
    left = set(range(len(jobs)))
    try:
        while left:
            taken = _taken(done, min(most, len(left)))
            ended = [(number, result) for number, result in taken if number in left]
            found: list[tuple[int, T | None]] = list(ended)
            now = time.monotonic()
            late = [] if ended else [n for n in left if now - begun.get(n, now) > timeout_s]
            for number in late:
                start()
                found.append((number, None))
            left.difference_update(number for number, _ in found)
            if found:
                yield found
    finally:
        is_over.set()


def _taken(done: queue.Queue[T], most: int) -> list[T]:
    """Wait a little for a first result, and take with it what comes soon after."""
    found = []
    with contextlib.suppress(queue.Empty):
        found.append(done.get(timeout=CHECK_S))
        until = time.monotonic() + LINGER_S
        while len(found) < most:
            found.append(done.get(timeout=max(0.0, until - time.monotonic())))
    return found


def _put(done: queue.Queue[T], result: T, is_over: threading.Event) -> None:
    """Hand a result over, unless nobody takes results any more."""
    while not is_over.is_set():
        try:
            done.put(result, timeout=CHECK_S)
        except queue.Full:
            continue
        return
