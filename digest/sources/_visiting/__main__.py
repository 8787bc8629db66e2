"""The worker's end: errands on standard input, what they brought on what was standard output.

A few threads visit; parsing is one at a time, under an alarm that ends the whole process: nothing
else stops a parser that hangs. Whoever sent the errands sees which ones were not done.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import pickle
import queue
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from multiprocessing.connection import Connection

from digest.errors import SourceError
from digest.isolated.worker import open_pipes
from digest.sources import Body
from digest.sources._http import Exchange, PollFetcher, Transports, provider_of, redact
from digest.sources._parsing import built, parse_here
from digest.sources._visiting import Brought, Errand, PackedAnswer, Terms

MOST_UNSENT = 16 << 20
"""Bytes of results at which visits wait until some are taken."""
MOST_AT_ONCE = 32


class ElsewhereError(Exception):
    """The provider has a limit, which only the program can keep."""


class Results:
    """What visits brought, pickled, on its way out."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._unsent = 0
        self._changed = threading.Condition()

    def put(self, brought: Brought) -> None:
        """Hand a result over; wait while too much is waiting already."""
        said = pickle.dumps(brought, pickle.HIGHEST_PROTOCOL)
        with self._changed:
            while self._unsent > MOST_UNSENT:
                self._changed.wait()
            self._unsent += len(said)
        self._waiting.put(said)

    def send(self, answers: Connection) -> None:
        """Send for ever, those together that are there together."""
        while True:
            found = [self._waiting.get()]
            with contextlib.suppress(queue.Empty):
                while len(found) < MOST_AT_ONCE:
                    found.append(self._waiting.get_nowait())
            try:
                answers.send(found)
            except BrokenPipeError:  # nobody is there any more
                return
            with self._changed:
                self._unsent -= sum(len(said) for said in found)
                self._changed.notify_all()


class Visitor:
    """Visits sources on these terms; its methods may run on several threads."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._transports = Transports(limits=terms.limits)
        self._parsing = threading.Lock()

    def visit(self, errand: Errand) -> Brought:
        """Fetch and parse; whatever goes wrong with that is in what it returns."""
        started = time.monotonic()
        brought = Brought(number=errand.number)
        fetcher = self._fetcher(errand)
        try:
            self._gather(errand, fetcher, brought)
        except SourceError as exc:
            brought.error = exc
        except Exception:  # noqa: BLE001 - the program visits the source itself and logs the bug
            return Brought(number=errand.number, is_declined=True)
        brought.learned, brought.moves = fetcher.learned, fetcher.moves
        brought.seconds = time.monotonic() - started
        return brought

    def _gather(self, errand: Errand, fetcher: PollFetcher, brought: Brought) -> None:
        recipe = errand.recipe
        source = built(recipe.kind, recipe.name, recipe.options)
        for body in source.fetch(fetcher, watermark=errand.watermark, now=errand.now):
            brought.answers.append(_packed(body))
            try:
                with self._parsing, _alarm(self._terms.parse_timeout_s):
                    brought.parsed.append(parse_here(source, body))
            except SourceError as exc:  # the bodies after this one may be whole
                brought.error = brought.error or exc

    def _fetcher(self, errand: Errand) -> PollFetcher:
        name = errand.recipe.name
        exchange = Exchange(
            source=name,
            transport=self._transports.of("", allow_private=errand.allow_private),
            limits=self._terms.limits,
            user_agent=self._terms.user_agent,
        )
        return PollFetcher(
            source=name,
            exchange=exchange,
            now=lambda: errand.now,
            gate=self._gate,
            promoted=errand.promoted,
            force=self._terms.force,
        )

    def _gate(self, url: str) -> contextlib.AbstractContextManager[None]:
        if provider_of(url) in self._terms.limited:
            raise ElsewhereError
        return contextlib.nullcontext()


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End the process (SIGALRM, unhandled) where the block takes longer."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _packed(body: Body) -> PackedAnswer:
    return PackedAnswer(
        url=redact(body.url),
        label=body.label,
        content_type=body.content_type,
        fetched_at=body.fetched_at,
        sha256=hashlib.sha256(body.content).hexdigest(),
        content=zlib.compress(body.content),
    )


def _work(errands: queue.SimpleQueue[Errand], visitor: Visitor, results: Results) -> None:
    while True:
        errand = errands.get()
        try:
            results.put(visitor.visit(errand))
        except Exception:  # noqa: BLE001 - it cannot be pickled: to be told of by the program
            results.put(Brought(number=errand.number, is_declined=True))


def main() -> None:
    """Visit until the parent hangs up."""
    questions, answers = open_pipes()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)  # what is made here are values, and few rings
    answers.send("ready")
    errands: queue.SimpleQueue[Errand] = queue.SimpleQueue()
    results = Results()
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        terms = questions.recv()
        visitor = Visitor(terms)
        for _ in range(terms.threads):
            threading.Thread(target=_work, args=(errands, visitor, results), daemon=True).start()
        threading.Thread(target=results.send, args=(answers,), daemon=True).start()
        while True:
            for errand in questions.recv():
                errands.put(errand)


if __name__ == "__main__":
    main()
