"""What sources say (records, polls) and what the store makes of it (papers)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

PaperKey = str
"""One work, whatever its version or source: ``arxiv:2401.01234``, ``doi:10.1000/x``."""

FINGERPRINT_RECIPE = "1"
"""Version of the fingerprint's recipe. Fingerprints of two recipes are never compared, so
bumping it re-announces nothing."""


class AnnounceType(StrEnum):
    """How a source announced a paper (arXiv's four words; all else is ``new``)."""

    NEW = "new"
    CROSS = "cross"
    REPLACE = "replace"
    REPLACE_CROSS = "replace-cross"


@dataclass(frozen=True, kw_only=True)
class Author:
    """A name as printed, with what else the source knows of the person.

    ``ids`` are namespaced: ``orcid:0000-0001-...``, ``openalex:A...``, ``s2:...``.
    """

    name: str
    affiliations: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Link:
    """An http(s) address that belongs to a paper.

    ``kind``: ``pdf``, ``html``, ``code``, ``project``, ``discussion``, ``thumbnail``,
    ``published``.
    """

    kind: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Signal:
    """A paper's popularity as one source tells it.

    ``kind``: ``hf_upvotes``, ``hf_comments``, ``github_stars``, ``hn_points``, ``hn_comments``,
    ``citations``, ``local_votes``.
    """

    kind: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one source said about one paper, at one poll. Text is plain, already readable."""

    source: str
    key: PaperKey
    """The source's own strong id of the work."""
    ids: tuple[PaperKey, ...] = ()
    """Further ids that the source itself owns (strong), e.g. a DOI beside a PMID."""
    asserted_ids: tuple[PaperKey, ...] = ()
    """Ids of other schemes that an aggregator claims for the work (not trusted blindly)."""
    native_id: str = ""
    """The source's name of this very record (guid, ``oai:arXiv.org:2401.01234v2``)."""
    version: int | None = None
    announce_type: AnnounceType = AnnounceType.NEW
    announced_on: date | None = None
    """The source's batch date, where it states one."""
    title: str
    abstract: str = ""
    summary: str = ""
    """The source's own one-sentence summary, where it has one."""
    authors: tuple[Author, ...] = ()
    categories: tuple[str, ...] = ()
    """First is the primary one."""
    keywords: tuple[str, ...] = ()
    url: str
    links: tuple[Link, ...] = ()
    comment: str = ""
    venue: str = ""
    published_at: datetime | None = None
    """When the first version became public, as far as the source knows."""
    withdrawn: bool = False
    signals: tuple[Signal, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Change when a reader would notice; stay when only dates, votes or links moved."""
        content = json.dumps(
            [self.title, self.abstract, [a.name for a in self.authors], self.withdrawn],
            ensure_ascii=False,
        )
        return f"{FINGERPRINT_RECIPE}:{hashlib.sha256(content.encode()).hexdigest()[:32]}"


class Completeness(StrEnum):
    """How sure we are to have a source's whole day."""

    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    STALE = "stale"
    TRUNCATED = "truncated"
    BACKFILLED = "back-filled"
    QUIET = "quiet"  # an empty day that the source's calendar explains
    UNKNOWN = "unknown"  # the source has no notion of a complete day (blogs)


class PollStatus(StrEnum):
    """How one visit to a source ended."""

    OK = "ok"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    SKIPPED = "skipped"  # backing off, disabled, or polled by somebody else just now


@dataclass(frozen=True, kw_only=True)
class PollReport:
    """One visit to one source, as it is stored, printed and mailed."""

    source: str
    kind: str
    status: PollStatus
    at: datetime
    records: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    batch_on: date | None = None
    completeness: Completeness = Completeness.UNKNOWN
    error: str = ""
    """One sentence; empty unless ``status`` is failed or skipped."""
    error_kind: str = ""
    notice: str = ""
    """What is to be known of the source though it answers well; mostly empty."""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Paper:
    """One work, merged from its records."""

    row_id: int
    key: PaperKey
    title: str
    abstract: str = ""
    summary: str = ""
    authors: tuple[Author, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    url: str = ""
    links: tuple[Link, ...] = ()
    comment: str = ""
    venue: str = ""
    published_at: datetime | None = None
    announced_on: date | None = None
    first_seen_at: datetime
    version: int | None = None
    revisions: int = 0
    withdrawn: bool = False
    sources: tuple[str, ...] = ()
    """Names of the configured sources that announced it, oldest sighting first."""

    def link(self, kind: str) -> str:
        """Return the address of the first link of this kind, or an empty string."""
        return next((link.url for link in self.links if link.kind == kind), "")


@dataclass(frozen=True, kw_only=True)
class Observation:
    """A dated signal of a paper."""

    kind: str
    observed_at: datetime
    value: float
