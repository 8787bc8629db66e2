"""Parse untrusted answers in processes of their own, which are killed when they take too long.

A thread cannot be stopped, and a parser can be made to run for minutes (entity bombs, deep
nesting). A worker is a fresh interpreter (``__main__``) at the other end of two pipes: started
when first needed, replaced when it hangs or dies. It knows nothing of the store or the network.
"""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digest.errors import SourceError
from digest.papers.facts import Facts
from digest.sources import Batch, Body, Source
from digest.sources._worker import START_S, Worker


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


def parse_here(source: Source, body: Body) -> Parsed:
    """Return what a body holds. Raises SourceError, also for one that is nested too deeply."""
    try:
        return Parsed.of(source.parse(body), source.name)
    except RecursionError as exc:
        reason = f"{body.url} is nested too deeply"
        raise SourceError(source.name, reason, kind="too-deep") from exc


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
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(max(1, workers)):
            self._idle.put(None)  # a place; its process comes with the first answer

    def parse(self, recipe: Recipe, body: Body) -> Parsed:
        """Return what the body holds. Raises SourceError, also where it takes too long.

        A bug in the parser arrives as RuntimeError with the worker's traceback as its text.
        """
        worker = self._idle.get()
        kept: Worker | None = None
        try:
            if worker is None or not worker.is_alive():
                worker = Worker(__name__)
                worker.receive(START_S)
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


def _opened(answer: Any) -> Parsed:
    what, value = answer
    if what == "parsed":
        assert isinstance(value, Parsed)
        return value
    if what == "unusable":
        assert isinstance(value, SourceError)
        raise value
    raise RuntimeError(value)
