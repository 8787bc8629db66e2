"""bioRxiv and medRxiv: every version posted in the days since the last poll.

https://api.biorxiv.org. A window lists versions, sorted by DOI, not new papers: a first version is
new, all others are replacements. Pages have no fixed size and their totals do not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import AnnounceType, Author, Link, PaperKey, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._asking import (
    EMPTY_RETRIES,
    MOST_ALONE,
    Pages,
    ask,
    batch_of,
    first_day,
    since_now,
    values_of,
)
from digest.sources._reading import (
    day,
    dict_of,
    instant,
    list_of,
    mapping_of,
    text_of,
    unique,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, parse_doi
from digest.text.names import split_inverted, surname_key
from digest.text.plain import plain

OVERLAP = timedelta(days=3)
MAX_PAGES = 300
LARGEST_PAGE = 100

Server = Literal["biorxiv", "medrxiv"]

_LAYOUT = re.compile(
    r"[OC]_(?:LINKSMALLFIG|SCPLOW|SCPCAP|FIG|TBL|TEXTBOX|BLOCKFIG|LST|LI|UL|OL|QD)"
)
_FIGURE = re.compile(r"O_(?:FIG|TBL)\b.*?(?:C_(?:FIG|TBL)|\Z)", re.DOTALL)
_SECTION = re.compile(r"O_ST_ABS(.{1,80}?)C_ST_ABS", re.DOTALL)
_HEADING = re.compile(r"\A\s*(?:Structured\s+)?Abstract\b[\s:.]*", re.IGNORECASE)
_NO_FIGURE = re.compile(r"(?:(?<!\s)\s++)?+Graphical abstract[\s:.]*+\Z", re.IGNORECASE)
_WITHDRAWN = re.compile(r"\A\W*withdrawn\b\W*", re.IGNORECASE)


class BiorxivOptions(Exact):
    """``[sources.NAME]`` with ``kind = "biorxiv"``."""

    servers: tuple[Server, ...] = Field(
        ("biorxiv",), min_length=1, description="biorxiv, medrxiv or both."
    )
    categories: tuple[str, ...] = Field(
        (), description="Categories such as neuroscience or cell biology; all if empty."
    )
    base_url: str = Field("https://api.biorxiv.org", description="Address of the API.")


def source(name: str, options: Mapping[str, Any]) -> BiorxivSource:
    """Build the source from its block of the configuration."""
    return BiorxivSource(name, BiorxivOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class BiorxivSource:
    """What one or both servers posted."""

    name: str
    options: BiorxivOptions
    kind: str = "biorxiv"
    provider: str = "biorxiv"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Page through the days since the last good poll, three more for late arrivals."""
        since = first_day(watermark, now=now, overlap=OVERLAP, default=timedelta(0))
        until = now.astimezone(UTC).date()
        for server in self.options.servers:
            yield from self._window(fetcher, server, since, until)

    def _window(self, fetcher: Fetcher, server: str, since: date, until: date) -> Iterator[Body]:
        cursor, empty = 0, 0
        pages = Pages(name=self.name, most=MAX_PAGES)
        while True:
            body = ask(
                fetcher,
                f"{self._base}/details/{server}/{since}/{until}/{cursor}/json",
                label=f"{server} {since} {cursor}",
            )
            posted, total = _page(self.name, body)
            if not posted and cursor:
                # The total counts what cannot be had; but pages in the middle come back empty, too.
                if total - cursor <= LARGEST_PAGE:
                    return
                empty += 1
                if empty >= EMPTY_RETRIES:
                    reason = f"{server}: the page at {cursor} of {total} stays empty"
                    raise SourceError(self.name, reason, kind="empty-page")
                continue
            empty = 0
            yield body
            if not posted:
                return
            first = dict_of(posted[0])
            pages.turn(f"{first.get('doi')} v{first.get('version')}")
            cursor += len(posted)

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for papers by their DOIs, all versions of each; for the first ones of many."""
        dois = [doi for doi in values_of(keys, "doi") if doi.startswith(("10.1101/", "10.64898/"))]
        for doi in dois[:MOST_ALONE]:
            for server in self.options.servers:
                address = f"{self._base}/details/{server}/{doi}/na/json"
                yield ask(fetcher, address, label=f"{server} {doi}")

    def parse(self, body: Body) -> Batch:
        """Read one page. Raises SourceError if it is not a page of versions."""
        posted, _ = _page(self.name, body)
        # Categories are chosen here: a name that the API does not know would give an empty answer.
        wanted = (item for item in map(dict_of, posted) if self._is_wanted(item))
        return batch_of(self.name, body, map(self._record, wanted))

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all pages were read."""
        return since_now(now)

    def _is_wanted(self, item: dict[str, Any]) -> bool:
        category = _category(item)
        chosen = {one.replace("_", " ").lower() for one in self.options.categories}
        return not chosen or not category or category in chosen

    @property
    def _base(self) -> str:
        return self.options.base_url.rstrip("/")

    def _record(self, item: dict[str, Any]) -> Record | Rejected:
        doi = clean(text_of(item.get("doi")))
        keys = keys_of_doi(doi)
        title = plain(text_of(item.get("title")), markup=True)
        if not keys or not title:
            return Rejected(native_id=doi[:300], reason="no DOI or no title")
        number = clean(str(item.get("version") or ""))
        version = int(number) if number.isascii() and number.isdigit() else None
        withdrawn = clean(text_of(item.get("type"))).lower() == "withdrawn"
        withdrawn = withdrawn or bool(_WITHDRAWN.match(title))
        posted_on = day(item.get("date"))
        is_first = version in (None, 1)
        published = clean(text_of(item.get("published")))
        found = parse_doi(doi)
        value = found.value if found else doi
        category = _category(item)
        return Record(
            source=self.name,
            key=keys[0],
            ids=keys[1:],
            asserted_ids=unique(keys_of_doi(published), but=keys[0]),
            native_id=f"{value}v{version or 1}",
            version=version,
            announce_type=AnnounceType.NEW if is_first else AnnounceType.REPLACE,
            announced_on=posted_on,
            title=_WITHDRAWN.sub("", title) or title,
            abstract=readable(text_of(item.get("abstract"))),
            authors=_authors(item),
            categories=(category,) if category else (),
            url=web_link(f"https://doi.org/{value}"),
            links=_links(item, value, version, published),
            published_at=instant(item.get("date")) if is_first else None,
            withdrawn=withdrawn,
        )


def readable(abstract: str) -> str:
    """Return an abstract without the typesetter's marks.

    >>> readable("O_ST_ABSBackgroundC_ST_ABSMice sleep.O_LIMuchC_LIO_LIWellC_LI")
    'Background: Mice sleep. Much Well'
    """
    text = _FIGURE.sub(" ", abstract)
    text = _SECTION.sub(r" \1: ", text)
    text = re.sub(r"AO_SCPLOWBSTRACTC_SCPLOW", "Abstract ", text)
    text = re.sub(r"[OC]_SC(?:PLOW|PCAP)", "", text)  # within words
    text = plain(_LAYOUT.sub(" ", text), markup=True)
    return _NO_FIGURE.sub("", _HEADING.sub("", text))


def _page(name: str, body: Body) -> tuple[list[Any], int]:
    """Return the versions on a page and how many there are said to be. Raises SourceError."""
    answer = mapping_of(name, body)
    message = dict_of(next(iter(list_of(answer.get("messages"))), None))
    status = clean(str(message.get("status", ""))).lower()
    if status == "ok" and isinstance(answer.get("collection"), list):
        total = clean(str(message.get("total", "")))
        return answer["collection"], int(total) if total.isascii() and total.isdigit() else 0
    if status.startswith("no posts"):
        return [], 0
    said = (status or "JSON of another shape")[:200]
    raise SourceError(name, f"{body.url} answered with: {said}", kind="not-a-list")


def _category(item: dict[str, Any]) -> str:
    return plain(text_of(item.get("category"))).replace("_", " ").lower()


def _authors(item: dict[str, Any]) -> tuple[Author, ...]:
    """Read the names; the institution given is that of the corresponding author."""
    authors = split_inverted(plain(text_of(item.get("authors"))))
    place = plain(text_of(item.get("author_corresponding_institution")))
    wanted = surname_key(plain(text_of(item.get("author_corresponding"))))
    fitting = [one for one in authors if wanted and surname_key(one.name) == wanted]
    if not place or place == "NA" or len(fitting) != 1:
        return authors
    return tuple(
        Author(name=one.name, affiliations=(place,)) if one is fitting[0] else one
        for one in authors
    )


def _links(item: dict[str, Any], doi: str, version: int | None, published: str) -> tuple[Link, ...]:
    server = clean(text_of(item.get("server"))).lower()
    host = "medrxiv" if server == "medrxiv" else "biorxiv"
    found = (
        ("pdf", f"https://www.{host}.org/content/{doi}v{version or 1}.full.pdf"),
        ("published", f"https://doi.org/{published}" if keys_of_doi(published) else ""),
    )
    return tuple(Link(kind=kind, url=url) for kind, text in found if (url := web_link(text)))
