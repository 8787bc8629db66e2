"""Have many sources visited by other processes at once, and take what they bring.

No threads: the one that stores takes what has come between two groups and hands out more, so that
nobody waits for the interpreter. A worker that dies or falls silent leaves its errands to the
caller, who visits those sources itself.
"""

from __future__ import annotations

import logging
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from digest.isolated.worker import START_S, Worker
from digest.pipeline import _processors
from digest.pipeline._visit import LEASED, Gathered, Run, Visit
from digest.pipeline.network import limits_of, user_agent
from digest.sources import _visiting
from digest.sources._http import HOSTS
from digest.sources._visiting import Brought, Errand, Terms

log = logging.getLogger(__name__)

MOST_WORKERS = 2
"""They bring more than one process can store."""
FEWEST_ERRANDS, MOST_ERRANDS = 8, 64
"""How many a worker has at once: more each time it has done half of them meanwhile, so that
slow ones hoard none."""
CHECK_S = 0.25
LINGER_S = 0.02
"""So long a first result waits for others to be stored with it."""
GROUP = 64
DEATHS = 4
"""After so many the rest is visited without workers."""


def may_be_used(run: Run) -> bool:
    """Tell whether this system can stop a parser that hangs."""
    return run.bulk and hasattr(signal, "setitimer")


@dataclass
class _Busy:
    """A worker with the numbers of the sources that it is to visit."""

    worker: Worker
    numbers: set[int] = field(default_factory=set)
    most: int = FEWEST_ERRANDS
    heard_at: float = field(default_factory=time.monotonic)
    is_ready: bool = False


class Elsewhere:
    """The visits of one run that workers make."""

    def __init__(self, run: Run, visits: Sequence[Visit], take: Callable[[Visit], bool]) -> None:
        self._run = run
        self._visits = visits
        self._take = take
        self._waiting = deque(range(len(visits)))
        self._ended: list[tuple[Visit, Gathered | None]] = []
        self._busy: list[_Busy] = []
        self._deaths = 0
        http = run.app.config.settings.http
        self._silence_s = http.poll_timeout_s
        self._workers = min(MOST_WORKERS, _processors.available(), http.concurrency)
        self._terms = _terms(run, -(-http.concurrency // self._workers))

    def gathered(self) -> Iterator[list[tuple[Visit, Gathered | None]]]:
        """Yield visits as they end, with what they gave; None for those left to the caller."""
        try:
            while self._waiting or any(one.numbers for one in self._busy) or self._ended:
                self._start()
                self._hand_out()
                self._listen(CHECK_S)
                self._hand_out()
                self._linger()
                while self._ended:
                    group, self._ended = self._ended[:GROUP], self._ended[GROUP:]
                    yield group
        finally:
            for one in self._busy:
                one.worker.kill()

    def _linger(self) -> None:
        """Wait a moment for more to be stored together, as long as there is anything to come."""
        until = time.monotonic() + LINGER_S
        while self._ended and len(self._ended) < GROUP:
            left = until - time.monotonic()
            if left <= 0 or not any(one.numbers for one in self._busy):
                return
            self._listen(left)
            self._hand_out()

    def _start(self) -> None:
        if self._deaths >= DEATHS:
            self._leave(self._waiting)
            self._waiting.clear()
        while self._waiting and len(self._busy) < self._workers and self._deaths < DEATHS:
            try:
                one = _Busy(Worker(_visiting.__name__))
            except OSError as exc:  # no more processes or memory
                log.warning("no worker could be started error=%s", exc)
                self._deaths += 1
                return
            self._busy.append(one)
            self._say(one, self._terms)

    def _hand_out(self) -> None:
        for one in list(self._busy):
            if not one.numbers:
                one.heard_at = time.monotonic()
            errands = []
            while self._waiting and len(one.numbers) < one.most:
                number = self._waiting.popleft()
                if errand := self._errand(number):
                    one.numbers.add(number)
                    errands.append(errand)
            if errands:
                self._say(one, errands)

    def _errand(self, number: int) -> Errand | None:
        visit = self._visits[number]
        try:
            if self._take(visit):
                return visit.errand(number)
        except Exception:  # noqa: BLE001 - visited by the caller, it is told of
            self._leave([number])
        else:
            self._ended.append((visit, LEASED))
        return None

    def _say(self, one: _Busy, message: object) -> None:
        try:
            one.worker.send(message)
        except (OSError, pickle.PicklingError, TypeError, AttributeError) as exc:
            self._bury(one, f"cannot be told ({type(exc).__name__})")

    def _listen(self, timeout_s: float) -> bool:
        """Take what workers have brought; tell whether anything came."""
        heard = wait([one.worker.answers for one in self._busy], timeout_s)
        now = time.monotonic()
        for one in list(self._busy):
            if one.worker.answers in heard:
                one.heard_at = now
                self._hear(one)
            elif now - one.heard_at > (self._silence_s if one.is_ready else START_S):
                if one.numbers:
                    self._bury(one, "is silent")
                else:
                    one.heard_at = now
        return bool(heard)

    def _hear(self, one: _Busy) -> None:
        try:
            said = one.worker.answers.recv()
        except (EOFError, OSError):
            self._bury(one, "died")
            return
        if not one.is_ready:
            one.is_ready = True
            return
        for pickled in said:
            brought: Brought = pickle.loads(pickled)  # noqa: S301 - our own worker's
            one.numbers.discard(brought.number)
            visit = self._visits[brought.number]
            self._ended.append((visit, None if brought.is_declined else visit.brought(brought)))
        if len(one.numbers) <= one.most // 2:
            one.most = min(MOST_ERRANDS, 2 * one.most)

    def _bury(self, one: _Busy, how: str) -> None:
        log.warning("a worker %s sources=%s", how, len(one.numbers))
        one.worker.kill()
        self._busy.remove(one)
        self._deaths += 1
        self._leave(sorted(one.numbers))

    def _leave(self, numbers: Sequence[int] | deque[int]) -> None:
        self._ended.extend((self._visits[number], None) for number in numbers)


def _terms(run: Run, threads: int) -> Terms:
    settings = run.app.config.settings
    return Terms(
        threads=threads,
        limits=limits_of(run.app),
        user_agent=user_agent(run.app),
        parse_timeout_s=settings.http.parse_timeout_s,
        limited=frozenset(name for name in HOSTS.values() if settings.limit_of(name)),
        force=run.force,
    )
