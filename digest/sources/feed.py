"""Any feed: RSS, RDF, Atom or JSON Feed. An entry that stands for a known paper is that paper.

An entry whose own address or id is an arXiv or DOI one is the paper itself; ids that only occur in
its text are asserted. All other entries are known by (source, guid).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from digest.exact import Exact
from digest.model import Author, Completeness, Link, PaperKey, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._descriptions import read_description, venue_of
from digest.sources._entries import Entry, FeedDocument, read_feed
from digest.sources._reading import unique, web_link
from digest.text.clean import clean, shorten
from digest.text.ids import parse_address, parse_arxiv, parse_doi
from digest.text.keys import title_key
from digest.text.names import natural_name, split_names
from digest.text.plain import plain

ACCEPTED = (
    "application/rss+xml, application/atom+xml, application/rdf+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
MAX_GUID = 200
SKEW = timedelta(days=2)
MAX_ABSTRACT = 5000
MAX_TITLE = 500

_reference = lru_cache(maxsize=256)(parse_address)
"""An entry's address stands in several places of it."""
_people = lru_cache(maxsize=1024)(split_names)
"""Most feeds name the same people again and again."""
_HEAD = re.compile(r"https?://(?:www\.)?", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s\"'<>\\\])}]{8,300}")
_IDENTITY = ("arxiv", "doi", "openreview", "pmid", "pmcid")


class FeedOptions(Exact):
    """``[sources.NAME]`` with ``kind = "feed"``."""

    url: str = Field(description="Address of the feed.")
    categories: tuple[str, ...] = Field((), description="Categories given to every entry.")
    link_papers: bool = Field(
        True, description="Take entries that link to a paper for that paper, not for a post."
    )

    @field_validator("url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not web_link(value):
            raise ValueError("expected an address that starts with https:// (or http://)")
        return value


def source(name: str, options: Mapping[str, Any]) -> FeedSource:
    """Build the source from its block of the configuration."""
    return FeedSource(name, FeedOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class FeedSource:
    """One feed at one address."""

    name: str
    options: FeedOptions
    kind: str = "feed"

    @property
    def provider(self) -> str:
        """Return the host: a slow-down is scoped to the address by the fetcher."""
        return (urlsplit(self.options.url).hostname or "feed").lower()

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Ask once."""
        body = fetcher.get(self.options.url, headers={"Accept": ACCEPTED})
        if body is not None:
            yield body

    def parse(self, body: Body) -> Batch:
        """Read every entry; one that has neither title nor text is rejected, alone."""
        document = read_feed(self.name, body)
        guids, pairs = shared_names(document.entries)
        places = shared_links(document.entries)
        read = [
            self._record(
                entry,
                document,
                body,
                shared=entry.guid in guids,
                shared_link=(entry.guid, entry.link) in pairs,
                has_place=entry.link not in places,
            )
            for entry in document.entries
        ]
        records = {record.native_id: record for record in read if isinstance(record, Record)}
        return Batch(
            records=tuple(records.values()),
            rejected=tuple(one for one in read if isinstance(one, Rejected)),
            completeness=Completeness.PARTIAL if document.is_cut else Completeness.UNKNOWN,
        )

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Keep none: a feed is read whole."""
        return {}

    def _record(
        self,
        entry: Entry,
        document: FeedDocument,
        body: Body,
        *,
        shared: bool,
        shared_link: bool,
        has_place: bool,
    ) -> Record | Rejected:
        link = web_link(entry.link, document.base) or web_link(entry.guid)
        title = plain(entry.title.value, markup=entry.title.markup)
        summary, content = (
            plain(text.value, markup=text.markup) for text in (entry.summary, entry.content)
        )
        described = read_description(summary, content)
        abstract = described.abstract
        title = shorten(title or abstract or summary, MAX_TITLE if title else 100)
        guid = guid_of(entry, link, title, shared=shared, shared_link=shared_link)
        if not title or not guid:
            return Rejected(native_id=guid[:300], reason="neither title nor text")
        own = _own_keys(entry, link) if self.options.link_papers else ()
        lasting = _lasting(guid)
        key = own[0] if own else self._key(lasting)
        claimed = _asserted(entry, own) if self.options.link_papers else ()
        if not own and not shared and has_place and (place := _place(link)) and place != lasting:
            claimed = (*claimed, self._key(place))
        url = link or web_link(document.link) or web_link(self.options.url)
        return Record(
            source=self.name,
            key=key,
            ids=own[1:],
            asserted_ids=claimed,
            native_id=_short(guid),
            title=title,
            abstract="" if abstract == title else shorten(abstract, MAX_ABSTRACT),
            authors=_authors(entry) or _people(described.authors),
            categories=_categories(self.options.categories, entry),
            url=url,
            links=_links(entry, document),
            venue=_venue(entry) or described.venue,
            published_at=_past(
                entry.published_at or entry.updated_at or described.published_at, body.fetched_at
            ),
        )

    def _key(self, name: str) -> PaperKey:
        return f"feed:{_short(f'{self.name}/{name}')}"


def shared_links(entries: Sequence[Entry]) -> set[str]:
    """Return the addresses that several different entries of one document lead to."""
    if len({entry.link for entry in entries}) == len(entries):
        return set()
    different = {(entry.link, entry.guid, clean(entry.title.value)) for entry in entries}
    counts = Counter(link for link, _, _ in different)
    return {link for link, count in counts.items() if count > 1}


def shared_names(entries: Sequence[Entry]) -> tuple[set[str], set[tuple[str, str]]]:
    """Return the guids that different entries of one document carry, and (guid, link) pairs.

    An entry that only stands there twice is still one: it keeps the name it has on other days.
    """
    different = {(entry.guid, entry.link, clean(entry.title.value)) for entry in entries}
    guids = Counter(guid for guid, _, _ in different)
    pairs = Counter((guid, link) for guid, link, _ in different)
    return (
        {guid for guid, count in guids.items() if count > 1},
        {pair for pair, count in pairs.items() if count > 1},
    )


def guid_of(entry: Entry, link: str, title: str, *, shared: bool, shared_link: bool) -> str:
    """Return what names the entry within its feed.

    A guid that several different entries of one document carry is completed by the link, or else
    (no link, or the same one) by the title; positions change, so they are never part of it.
    """
    guid = clean(entry.guid)
    if guid and not shared:
        return guid
    mark = hashlib.sha256(title_key(title).encode()).hexdigest()[:12]
    if guid:
        by_link = link and link != guid and not shared_link
        return f"{guid}#{link}" if by_link else f"{guid}#{mark}"
    return link or (mark if title else "")


def _lasting(name: str) -> str:
    """Return a guid without what changes when a site moves to https: no entry comes again."""
    head = _HEAD.match(name)
    return name[head.end() :].rstrip("/") if head else name


def _place(link: str) -> str:
    """Return an entry's address as a name; empty for a site's front page.

    A guid that is added or made up anew leaves the address as it was; with the same title it is
    the same entry.
    """
    lasting = _lasting(link)
    return lasting if "/" in lasting else ""


def _short(guid: str) -> str:
    if len(guid) <= MAX_GUID:
        return guid
    return f"{guid[: MAX_GUID - 33]}#{hashlib.sha256(guid.encode()).hexdigest()[:32]}"


def _own_keys(entry: Entry, link: str) -> tuple[PaperKey, ...]:
    """Return the ids that name the entry itself: its address, its guid, its DOI element."""
    found: list[PaperKey | None] = []
    if reference := _reference(link):
        found.append(reference.key)
    if entry.guid != link and (
        reference := parse_arxiv(entry.guid, bare=False) or _reference(entry.guid)
    ):
        found.append(reference.key)
    named = (entry.extra.get(field) for field in ("doi", "identifier"))
    dois = [parse_doi(text) for text in named if text]
    found.extend(reference.key for reference in dois if reference)
    return tuple(key for key in unique(found) if key.partition(":")[0] in _IDENTITY)


def _asserted(entry: Entry, own: tuple[PaperKey, ...]) -> tuple[PaperKey, ...]:
    """Return the one paper that the text links to; several links say nothing about identity."""
    text = f"{entry.summary.value} {entry.content.value}"[:40_000]
    found = [_reference(url.rstrip(".,;:")) for url in _ADDRESS.findall(text)]
    found += [_reference(href) for _, href in entry.links]
    keys = unique(one.key for one in found if one and one.scheme in _IDENTITY)
    others = tuple(key for key in keys if key not in own)
    return others if len(others) == 1 else ()


def _venue(entry: Entry) -> str:
    """Return the journal: its own element says it better than a whole citation does."""
    named = entry.extra.get("venue", "") or entry.extra.get("journal_ref", "")
    return plain(named) or venue_of(plain(entry.extra.get("source", "")))


def _past(at: datetime | None, fetched_at: datetime) -> datetime | None:
    """Leave out a date that has not come yet: a mistake, which would stay on top for ever."""
    return at if at is None or at <= fetched_at + SKEW else None


def _authors(entry: Entry) -> tuple[Author, ...]:
    """Split a single string that holds several names; leave separate names alone."""
    names = [plain(name, tex=True) for name in entry.authors]
    if len(names) == 1:
        return _people(names[0])
    return tuple(
        Author(name=natural_name(name) if len(_people(name)) == 1 else name)
        for name in names
        if any(char.isalpha() for char in name)
    )


def _categories(given: tuple[str, ...], entry: Entry) -> tuple[str, ...]:
    own = (plain(category)[:60] for category in entry.categories)
    return unique((*given, *own))


def _links(entry: Entry, document: FeedDocument) -> tuple[Link, ...]:
    thumbnail = web_link(entry.thumbnail, document.base)
    return (Link(kind="thumbnail", url=thumbnail),) if thumbnail else ()
