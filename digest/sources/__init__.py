"""Stage 1: places that announce papers. One module per kind of source.

To add a kind, add ``digest/sources/<kind>.py`` with a function

    source(name: str, options: Mapping[str, Any]) -> Source

and, in ``tests/golden/<kind>/``, a real-shaped answer with the options that led to it. Nothing
else to edit: ``kind = "<kind>"`` in the configuration finds the module, and so do the contract
tests. Your own may live anywhere: ``kind = "my_pkg.my_module:source"``.

``fetch`` does the I/O through the Fetcher it is given, ``parse`` turns one body into records and
is pure. Modules whose names begin with ``_`` and sub-packages are not kinds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol, runtime_checkable

from digest.model import Completeness, PaperKey, Record

__all__ = [
    "Backfills", "Batch", "Body", "Checks", "Enriches", "Fetcher", "Receives", "Rejected", "Source",
    "Stated",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Body:
    """One complete, decoded answer (never half of one), with what a parser may need of it."""

    url: str
    """The address that answered, after redirects."""
    content: bytes
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    fetched_at: datetime
    label: str = ""
    """What this body is to its source: a category, a page, a date."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """An entry that could not be read: kept and counted, it never ends the batch."""

    native_id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one body holds."""

    records: tuple[Record, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    batch_on: date | None = None
    """The source's own date of this batch, where it states one."""
    announced: int | None = None
    """How many papers the source says there are, where it does."""
    completeness: Completeness = Completeness.UNKNOWN
    """What the body alone shows (truncated, partial); the calendar decides the rest."""


class Fetcher(Protocol):
    """The bounded, polite, recorded way to the network that a source is given."""

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        conditional: bool = True,
        label: str = "",
    ) -> Body | None:
        """Return the answer, or None where it has not changed since the last good ingest.

        Raises SourceError for anything that is not a whole, successful answer.
        """
        ...

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        label: str = "",
    ) -> Body:
        """Return the answer to a POST; never conditional. Raises SourceError."""
        ...


class Source(Protocol):
    """Knows one place and its formats."""

    name: str
    kind: str
    provider: str
    """Whose rate limit applies: sources with one provider share one limiter."""

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Yield bodies as they come; an error midway keeps those before it.

        ``watermark`` is what the last good ingest left (``{"since": "2026-04-14", ...}``).
        """
        ...

    def parse(self, body: Body) -> Batch:
        """Turn one body into records. Pure. Raises SourceError if it is not what it should be."""
        ...

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Return the watermark to keep after all bodies were ingested."""
        ...


@runtime_checkable
class Backfills(Protocol):
    """A source that can get back days that its feed no longer shows."""

    def backfill(self, fetcher: Fetcher, *, since: date, until: date) -> Iterator[Body]:
        """Yield bodies for ``parse`` with all that was announced in these days (both included).

        They overlap with what is known, and may be none at all. Raises SourceError.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Stated:
    """What another place of the same source says of a day: its papers but for replacements."""

    on: date
    keys: frozenset[PaperKey]


@runtime_checkable
class Checks(Protocol):
    """A source with a second place to hold a day's batch against."""

    def check(self, fetcher: Fetcher, label: str) -> Stated | None:
        """Return what was announced last under a label; None where nobody can be asked.

        Raises SourceError.
        """
        ...


@runtime_checkable
class Enriches(Source, Protocol):
    """A source that can be asked for known papers, for what feeds do not say."""

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Yield bodies for ``parse`` about those of the keys that it knows. Raises SourceError."""
        ...


@runtime_checkable
class Receives(Protocol):
    """A source of papers that people name: its ``watermark`` bears the keys under ``waiting``."""

    def key_of(self, reference: str) -> PaperKey | None:
        """Return the key that an address or id stands for, or None if it names no paper."""
        ...
