"""Make one paper of its records: each field from the best source that has it.

A pure function of the set of records, whatever the order in which they came; it does not decide
which records belong together (``identity``), nor what is news (``diff``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from itertools import compress
from operator import attrgetter
from typing import Any

from digest.model import FINGERPRINT_RECIPE, Author, Link, Record
from digest.papers.content import encode

PRECEDENCE = (
    "arxiv",
    "biorxiv",
    "pubmed",
    "openreview",
    "crossref",
    "semanticscholar",
    "openalex",
    "huggingface",
    "listing",
    "feed",
    "inbox",
)
"""Kinds of source, the most trusted first; anybody else's kind comes before feeds."""

_RANKS = {kind: rank for rank, kind in enumerate(PRECEDENCE)}
_FOREIGN = _RANKS["feed"] - 0.5

_WITHDRAWN_TITLE = re.compile(r"\W*withdrawn\W*:", re.IGNORECASE)
_WITHDRAWN_COMMENT = re.compile(
    r"\bthis (?:paper|article|submission|manuscript|preprint|work|version) "
    r"(?:has been|have been|is|was) withdrawn\b|\A\W*withdrawn\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A record and the kind of its source."""

    record: Record
    kind: str = ""
    fingerprint: str = ""
    """The record's, where somebody has worked it out already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """What all records of a paper say together."""

    title: str
    abstract: str
    summary: str
    authors: tuple[Author, ...]
    categories: tuple[str, ...]
    keywords: tuple[str, ...]
    url: str
    links: tuple[Link, ...]
    comment: str
    venue: str
    published_at: datetime | None
    version: int | None
    withdrawn: bool
    fingerprint: str
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Field -> name of the source that its value came from."""


def compose(said: Iterable[Said]) -> Composed:
    """Put the records together. Raises ValueError where there is none."""
    ranked = sorted(said, key=_rank)
    if not ranked:
        raise ValueError("a paper needs at least one record")
    if len(ranked) == 1:
        return _alone(ranked[0])
    records = [one.record for one in ranked]
    title, title_from = _first(records, "title")
    abstract, abstract_from = _first(records, "abstract")
    summary, summary_from = _first(records, "summary")
    authors, authors_from = _first(records, "authors")
    url, url_from = _first(records, "url")
    comment, comment_from = _first(records, "comment")
    venue, venue_from = _first(records, "venue")
    published_at, published_from = _published(records)
    withdrawn = _is_withdrawn_now(records)
    return Composed(
        title=title,
        abstract=abstract,
        summary=summary,
        authors=_placed(authors, records),
        categories=_union(record.categories for record in records),
        keywords=_union(record.keywords for record in records),
        url=url,
        links=_links(records),
        comment=comment,
        venue=venue,
        published_at=published_at,
        version=max((r.version for r in records if r.version is not None), default=None),
        withdrawn=withdrawn,
        fingerprint=fingerprint(title, abstract, authors, withdrawn=withdrawn),
        provenance={
            name: source
            for name, source in (
                ("title", title_from),
                ("abstract", abstract_from),
                ("summary", summary_from),
                ("authors", authors_from),
                ("url", url_from),
                ("comment", comment_from),
                ("venue", venue_from),
                ("published_at", published_from),
            )
            if source
        },
    )


def is_withdrawn(record: Record) -> bool:
    """Tell whether a record says so: by a flag, its title, or only in its comment."""
    return (
        record.withdrawn
        or _WITHDRAWN_TITLE.match(record.title) is not None
        or (bool(record.comment) and _WITHDRAWN_COMMENT.search(record.comment) is not None)
    )


def fingerprint(title: str, abstract: str, authors: Sequence[Author], *, withdrawn: bool) -> str:
    """Return a hash of what a reader would notice, behind the version of its recipe."""
    names = ", ".join([encode(author.name) for author in authors])
    content = f"[{encode(title)}, {encode(abstract)}, [{names}], {encode(withdrawn)}]"
    return f"{FINGERPRINT_RECIPE}:{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def _alone(said: Said) -> Composed:
    """Take over the only record there is: the common case, and the fast one."""
    record = said.record
    withdrawn = is_withdrawn(record)
    return Composed(
        title=record.title,
        abstract=record.abstract,
        summary=record.summary,
        authors=record.authors,
        categories=record.categories,
        keywords=record.keywords,
        url=record.url,
        links=record.links,
        comment=record.comment,
        venue=record.venue,
        published_at=record.published_at,
        version=record.version,
        withdrawn=withdrawn,
        fingerprint=said.fingerprint
        or fingerprint(record.title, record.abstract, record.authors, withdrawn=withdrawn),
        provenance=provenance_of(record),
    )


def provenance_of(record: Record) -> Mapping[str, str]:
    """Return the provenance of a paper that has one record."""
    return _all_from(record.source, tuple(map(bool, _traced_values(record))))


@lru_cache(maxsize=4096)
def _all_from(source: str, has: tuple[bool, ...]) -> Mapping[str, str]:
    return dict.fromkeys(compress(_TRACED, has), source)


_TRACED = (
    "title",
    "abstract",
    "summary",
    "authors",
    "url",
    "comment",
    "venue",
    "published_at",
)
_traced_values = attrgetter(*_TRACED)


def _rank(said: Said) -> tuple[float, int, str, str]:
    """Order by kind, then the latest version first, then anything that is always the same."""
    record = said.record
    return (
        _RANKS.get(said.kind, _FOREIGN),
        -(record.version or 0),
        record.source,
        record.native_id or record.key,
    )


def _first(records: Sequence[Record], name: str) -> tuple[Any, str]:
    for record in records:
        if value := getattr(record, name):
            return value, record.source
    return getattr(records[0], name), ""


def _placed(authors: tuple[Author, ...], records: Sequence[Record]) -> tuple[Author, ...]:
    """Return the authors with the affiliations that only another source knows, by their names."""
    if any(author.affiliations for author in authors):
        return authors
    known = {
        author.name.casefold(): author.affiliations
        for record in reversed(records)
        for author in record.authors
        if author.affiliations
    }
    if not known:
        return authors
    return tuple(
        replace(author, affiliations=known.get(author.name.casefold(), ())) for author in authors
    )


def _published(records: Sequence[Record]) -> tuple[datetime | None, str]:
    """Take the best source's date; of its several records the earliest (its first version's)."""
    source = next((r.source for r in records if r.published_at), "")
    dates = [r.published_at for r in records if r.source == source and r.published_at]
    return min(dates, default=None), source


def _is_withdrawn_now(records: Sequence[Record]) -> bool:
    """Believe any source, but of each only its latest version: papers do come back."""
    latest: dict[str, Record] = {}
    for record in records:
        known = latest.get(record.source)
        if known is None or (record.version or 0) > (known.version or 0):
            latest[record.source] = record
    return any(is_withdrawn(record) for record in latest.values())


def _union(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for items in lists for item in items))


def _links(records: Sequence[Record]) -> tuple[Link, ...]:
    by_url: dict[str, Link] = {}
    for record in records:
        for link in record.links:
            by_url.setdefault(link.url, link)
    return tuple(by_url.values())
