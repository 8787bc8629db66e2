"""Run jobs side by side on daemon threads; a job that hangs is left behind, not waited for."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
CHECK_S = 0.25


def together(
    jobs: Sequence[Callable[[], T]], *, threads: int, timeout_s: float
) -> Iterator[tuple[int, T | None]]:
    """Yield each job's number and result as they end; None for one that took too long.

    A job must not raise: what it raises ends its thread and it counts as one that hangs. A
    thread that hangs is replaced, so that the jobs behind it are done all the same.
    """
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T]] = queue.SimpleQueue()
    begun: dict[int, float] = {}
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            begun[number] = time.monotonic()
            done.put((number, jobs[number]()))

    def start() -> None:
        threading.Thread(target=work, daemon=True, name="poll").start()

    for _ in range(min(threads, len(jobs))):
        start()
    left = set(range(len(jobs)))
    while left:
        try:
            number, result = done.get(timeout=CHECK_S)
        except queue.Empty:
            now = time.monotonic()
            late = [one for one in left if now - begun.get(one, now) > timeout_s]
            for number in late:
                left.discard(number)
                start()
                yield number, None
            continue
        if number in left:
            left.discard(number)
            yield number, result
