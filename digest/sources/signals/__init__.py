"""Observers: how popular papers are elsewhere, asked for again and again after first sight.

To add one, add ``digest/sources/signals/<kind>.py`` with a function

    observer(settings: Settings) -> Observer

and name it in ``[signals] kinds``; anybody's own is named ``my_pkg.my_module:observer``. An
observer asks for many papers at once and says which handle (a key, a repository) each number
belongs to. When it asks is planned in ``_plan``, what the numbers are worth in ``ranking``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from digest.model import PaperKey, Signal
from digest.sources import Body, Fetcher

__all__ = ["Observed", "Observer", "Subject"]

Observed = Mapping[str, tuple[Signal, ...]]
"""Handle -> what was observed of it."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A paper as observers see it."""

    paper_id: int
    keys: tuple[PaperKey, ...] = ()
    """All its ids, the best one first."""
    repositories: tuple[str, ...] = ()
    """Where its code is: ``owner/name`` on GitHub, in lower case."""
    listed_on: tuple[date, ...] = ()
    """The days whose list at Hugging Face has it."""


class Observer(Protocol):
    """Knows one place where papers are voted for, starred, discussed or cited."""

    name: str
    provider: str
    """Whose rate limit applies."""

    def handles(self, subject: Subject) -> tuple[str, ...]:
        """Return the handles by which the place may know a paper; none if it cannot."""
        ...

    def fetch(
        self, fetcher: Fetcher, subjects: Sequence[Subject], *, now: datetime
    ) -> Iterator[Body]:
        """Yield bodies about these papers, and maybe others. Raises SourceError."""
        ...

    def parse(self, body: Body) -> Observed:
        """Return what one body says. Pure. Raises SourceError if it is not what it should be."""
        ...
