"""Parse untrusted answers in processes of their own, which are killed when they take too long.

A thread cannot be stopped, and a parser can be made to run for minutes (entity bombs, deep
nesting). A worker is a fresh interpreter (``__main__``) at the other end of two pipes: started
when first needed, replaced when it hangs or dies. It knows nothing of the store or the network.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from digest.errors import SourceError
from digest.papers.facts import Facts
from digest.sources import Batch, Body

START_S = 30.0
"""Time for a worker's imports, which are not the answer's fault."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a body holds, and what the diff stage needs of each record, worked out already."""

    batch: Batch
    facts: tuple[Facts, ...]

    @staticmethod
    def of(batch: Batch, name: str) -> Parsed:
        """Work it out, beside the parsing rather than where all sources wait for each other."""
        facts = tuple(Facts(record, name).prepared() for record in batch.records)
        return Parsed(batch=batch, facts=facts)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a worker builds the source that parses: sources themselves may not be picklable."""

    kind: str
    name: str
    options: Mapping[str, Any]


class ParserPool:
    """A few workers, each parsing one answer at a time; safe to share between threads."""

    def __init__(self, workers: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        for _ in range(max(1, workers)):
            self._idle.put(None)  # a place; its process comes with the first answer

    def parse(self, recipe: Recipe, body: Body) -> Parsed:
        """Return what the body holds. Raises SourceError, also where it takes too long.

        A bug in the parser arrives as RuntimeError with the worker's traceback as its text.
        """
        worker = self._idle.get()
        kept: _Worker | None = None
        try:
            if worker is None or not worker.is_alive():
                worker = _Worker()
            answer = worker.ask(
                (recipe.kind, recipe.name, dict(recipe.options), body), self._timeout_s
            )
            kept = worker
        except TimeoutError as exc:
            reason = f"{body.url} cannot be read in {self._timeout_s:g} s"
            raise SourceError(recipe.name, reason, kind="parse-timeout") from exc
        except (EOFError, OSError) as exc:
            reason = f"{body.url} broke the parser ({exc or type(exc).__name__})"
            raise SourceError(recipe.name, reason, kind="parse-crash") from exc
        finally:
            if kept is None and worker is not None:
                worker.kill()
            self._idle.put(kept)
        return _opened(answer)

    def close(self) -> None:
        """End all idle workers; a busy one ends by its own timeout."""
        with contextlib.suppress(queue.Empty):
            while True:
                if worker := self._idle.get_nowait():
                    worker.kill()


class _Worker:
    def __init__(self) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._from = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._receive(START_S)
        except BaseException:
            self.kill()
            raise

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: Any, timeout_s: float) -> Any:
        self._to.send(question)  # the worker reads all of it before it works
        return self._receive(timeout_s)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def _receive(self, timeout_s: float) -> Any:
        if not self._from.poll(timeout_s):
            raise TimeoutError
        return self._from.recv()


def _opened(answer: Any) -> Parsed:
    what, value = answer
    if what == "parsed":
        assert isinstance(value, Parsed)
        return value
    if what == "unusable":
        raise SourceError(
            value["source"], value["reason"], kind=value["kind"], permanent=value["permanent"]
        )
    raise RuntimeError(value)
