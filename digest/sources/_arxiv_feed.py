"""arXiv's announcement feeds (RSS and Atom) into records.

https://info.arxiv.org/help/rss.html. One document is one category's day. The type of an
announcement is relative to the category that was asked for.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from digest.errors import SourceError
from digest.model import AnnounceType, Completeness, Link, Record
from digest.sources import Batch, Body, Rejected
from digest.sources._entries import Entry, read_feed
from digest.sources._reading import web_link
from digest.text.ids import Reference, keys_of_doi, parse_arxiv
from digest.text.names import split_authors
from digest.text.plain import plain

ARXIV_ZONE = ZoneInfo("America/New_York")
FEED_LIMIT = 2000
"""Rows after which the feed is cut; it is the new papers that are lost then."""

_HEAD = re.compile(
    r"\s*arXiv:\S+\s+Announce Type:\s*(?P<type>[a-z-]+)\s*(?:Abstract:\s*)?", re.IGNORECASE
)
_WITHDRAWN = re.compile(
    r"\b(?:this|the) (?:paper|article|submission|manuscript|work|preprint|version) "
    r"(?:has been|was|is(?: being)?|have been) (?:temporarily |administratively )?withdrawn\b"
    r"|^\W*withdrawn\s*(?:\Z|[.,;:!)]|(?:by|due|because|for|as|pending|from (?:the )?arxiv)\b)",
    re.IGNORECASE,
)


def parse_announcements(name: str, body: Body) -> Batch:
    """Read one category's day. Raises SourceError if it is not a feed of arXiv's."""
    document = read_feed(name, body)
    if "feed error" in document.title.lower():
        said = plain(document.entries[0].summary.value if document.entries else "")[:200]
        reason = f"arXiv refused the query {body.label or body.url}: {said or document.title}"
        raise SourceError(name, reason, kind="bad-query", permanent=True)
    if document.is_cut:
        raise SourceError(name, f"{body.url} ended in the middle", kind="truncated")
    batch_on = _batch_date([entry.published_at for entry in document.entries])
    batch_on = batch_on or _batch_date([document.updated_at])
    read = [announcement(name, entry, batch_on) for entry in document.entries]
    records = tuple(one for one in read if isinstance(one, Record))
    if read and not records:
        raise SourceError(name, f"{body.url} holds no arXiv papers", kind="no-papers")
    return Batch(
        records=records,
        rejected=tuple(one for one in read if isinstance(one, Rejected)),
        batch_on=batch_on,
        completeness=_completeness(len(read), batch_on),
    )


def announcement(name: str, entry: Entry, batch_on: date | None) -> Record | Rejected:
    """Read one announced paper."""
    found = parse_arxiv(entry.guid) or parse_arxiv(entry.link)
    head = _HEAD.match(entry.summary.value)
    title = plain(entry.title.value, markup=False)
    if found is None or not title:
        return Rejected(native_id=entry.guid[:300], reason="no arXiv id or no title")
    abstract = plain(entry.summary.value[head.end() if head else 0 :], markup=False)
    return Record(
        source=name,
        key=found.key,
        asserted_ids=keys_of_doi(entry.extra.get("doi", "")),
        native_id=native_id(found),
        version=found.version,
        announce_type=announce_type(
            entry.extra.get("announce_type") or (head["type"] if head else "")
        ),
        announced_on=batch_on,
        title=title,
        abstract=abstract,
        authors=split_authors(plain(", ".join(entry.authors))),
        categories=tuple(dict.fromkeys(entry.categories)),
        url=abstract_page(found),
        links=paper_links(found, entry.extra.get("doi", "")),
        comment=plain(entry.extra.get("comment", "")),
        venue=plain(entry.extra.get("journal_ref", "")),
        withdrawn=is_withdrawn(abstract, entry.extra.get("comment", "")),
    )


def announce_type(text: str) -> AnnounceType:
    """Read arXiv's word; anything unknown is new, so that nothing is hidden."""
    try:
        return AnnounceType(text.strip().lower())
    except ValueError:
        return AnnounceType.NEW


def native_id(found: Reference) -> str:
    """Return arXiv's own name of a version."""
    return f"oai:arXiv.org:{found.value}" + (f"v{found.version}" if found.version else "")


def abstract_page(found: Reference) -> str:
    """Return the address of the paper's page, whatever its version."""
    return f"https://arxiv.org/abs/{found.value}"


def paper_links(found: Reference, doi: str = "") -> tuple[Link, ...]:
    """Return the PDF and, where there is a journal's DOI, the published version."""
    links = [Link(kind="pdf", url=f"https://arxiv.org/pdf/{found.value}")]
    published = web_link(f"https://doi.org/{doi.strip()}") if keys_of_doi(doi) else ""
    if published:
        links.append(Link(kind="published", url=published))
    return tuple(links)


def is_withdrawn(abstract: str, comment: str) -> bool:
    """Tell whether the authors or arXiv took the paper back: only the text says so."""
    return bool(_WITHDRAWN.search(abstract[:300]) or _WITHDRAWN.search(comment))


def _batch_date(instants: list[datetime | None]) -> date | None:
    days = [found.astimezone(ARXIV_ZONE).date() for found in instants if found]
    return max(days, default=None)


def _completeness(count: int, batch_on: date | None) -> Completeness:
    if count >= FEED_LIMIT:
        return Completeness.TRUNCATED
    if not count and batch_on is not None and batch_on.weekday() >= 5:
        return Completeness.QUIET
    return Completeness.UNKNOWN
