"""Parse untrusted answers, in processes of their own or here.

The workers know nothing of the store or the network.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from digest.errors import SourceError, UnreadableError
from digest.isolated import Pool
from digest.papers.facts import Facts
from digest.plugins import resolve
from digest.sources import Batch, Body, Source


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
        self._pool = Pool(workers)

    def parse(self, recipe: Recipe, body: Body) -> Parsed:
        """Return what the body holds. Raises SourceError, also where it takes too long.

        A bug in the parser arrives as RuntimeError with the worker's traceback as its text.
        """
        try:
            return self._pool.call(
                parse_as, recipe, body, cpu_s=self._timeout_s, timeout_s=self._timeout_s
            )
        except UnreadableError as exc:
            reason = f"{body.url}: {exc.reason}"
            raise SourceError(recipe.name, reason, kind=f"parse-{exc.kind}") from exc

    def close(self) -> None:
        """End all idle workers; a busy one ends by its own timeout."""
        self._pool.close()


def parse_as(recipe: Recipe, body: Body) -> Parsed:
    """Parse as the source that the recipe tells of. Raises SourceError."""
    return parse_here(built(recipe.kind, recipe.name, recipe.options), body)


def built(kind: str, name: str, options: Mapping[str, Any]) -> Source:
    """Return the source of this kind and these options, built once a worker."""
    return _built(kind, name, pickle.dumps(dict(options)))


@lru_cache(maxsize=256)
def _built(kind: str, name: str, options: bytes) -> Source:
    made: Source = resolve(kind, "digest.sources", "source")(name, pickle.loads(options))  # noqa: S301
    return made
