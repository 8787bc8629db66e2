"""Crossref: what publishers and preprint servers register, by journal, prefix, type or words.

https://api.crossref.org. New is what was created; deposits are indexed again and again. Titles and
containers are lists that may be empty, abstracts are JATS and mostly absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import Field, model_validator

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import AnnounceType, Author, Link, PaperKey, Record, Signal
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._asking import (
    Pages,
    ask,
    batch_of,
    first_day,
    news_on,
    public_since,
    since_now,
    values_of,
)
from digest.sources._reading import (
    dict_of,
    from_parts,
    instant,
    list_of,
    mapping_of,
    number_of,
    text_of,
    unique,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, parse_doi
from digest.text.plain import plain

SITE = "https://api.crossref.org"
PAGE = 200
MAX_PAGES = 50
IDS_A_CALL = 20
OVERLAP = timedelta(days=3)
FIRST_DAYS = timedelta(days=1)
FIELDS = (
    "DOI,URL,title,subtitle,author,abstract,container-title,group-title,created,issued,posted,"
    "published,type,relation,updated-by,subject,is-referenced-by-count,publisher"
)
_TAKEN_BACK = frozenset({"retraction", "withdrawal", "removal"})
_VERSIONS = ("is-preprint-of", "has-preprint", "is-version-of", "has-version", "is-same-as")


class CrossrefOptions(Exact):
    """``[sources.NAME]`` with ``kind = "crossref"``."""

    issns: tuple[str, ...] = Field((), description="Journals, by ISSN.")
    prefixes: tuple[str, ...] = Field((), description="DOI prefixes of publishers, as 10.26434.")
    types: tuple[str, ...] = Field(
        ("journal-article", "posted-content", "proceedings-article"),
        description="Crossref's types of works.",
    )
    query: str = Field("", description="Words that title, author or container should have.")
    mailto: str = Field("", description="Your address: Crossref serves those who say it faster.")
    base_url: str = Field(SITE, description="Address of the API.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not (self.issns or self.prefixes or self.query):
            raise ValueError("expected issns, prefixes or query: all of Crossref is too much")
        return self


def source(name: str, options: Mapping[str, Any]) -> CrossrefSource:
    """Build the source from its block of the configuration."""
    return CrossrefSource(name, CrossrefOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class CrossrefSource:
    """The works that fit."""

    name: str
    options: CrossrefOptions
    kind: str = "crossref"
    provider: str = "crossref"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Page through what was created since the last good poll, three days more."""
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        options = self.options
        # Filters of one name are alternatives, of different names conditions.
        filters = [f"from-created-date:{since}", f"until-created-date:{now.astimezone(UTC).date()}"]
        filters += [f"issn:{issn}" for issn in options.issns]
        filters += [f"prefix:{prefix}" for prefix in options.prefixes]
        filters += [f"type:{kind}" for kind in options.types]
        params: dict[str, str | int] = {"filter": ",".join(filters), "rows": PAGE}
        if options.query:
            params["query.bibliographic"] = options.query
        cursor = "*"
        pages = Pages(name=self.name, most=MAX_PAGES)
        for number in range(MAX_PAGES + 1):
            body = self._ask(fetcher, {**params, "cursor": cursor}, label=f"page {number}")
            items, message = _page(self.name, body)
            if not items and number:
                return
            if items:
                pages.turn(text_of(dict_of(items[0]).get("DOI")) or str(number))
            yield body
            cursor = clean(text_of(message.get("next-cursor")))
            # The cursor itself stays the same; a short page is the last one.
            if not cursor or len(items) < PAGE:
                return

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for papers by their DOIs, twenty a call; unknown ones are simply absent."""
        dois = [doi for doi in values_of(keys, "doi") if "," not in doi]
        for start in range(0, len(dois), IDS_A_CALL):
            some = dois[start : start + IDS_A_CALL]
            wanted = ",".join(f"doi:{doi}" for doi in some)
            yield self._ask(fetcher, {"filter": wanted, "rows": len(some)}, label=f"dois {start}")

    def _ask(self, fetcher: Fetcher, params: Mapping[str, str | int], *, label: str) -> Body:
        contact = {"mailto": self.options.mailto} if self.options.mailto else {}
        url = f"{self.options.base_url.rstrip('/')}/works"
        return ask(fetcher, url, params={**params, "select": FIELDS, **contact}, label=label)

    def parse(self, body: Body) -> Batch:
        """Read one page of works. Raises SourceError if it is not one."""
        items, message = _page(self.name, body)
        read = (self._record(dict_of(one)) for one in items)
        total = number_of(message.get("total-results"))
        return batch_of(self.name, body, read, announced=total)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all pages were read."""
        return since_now(now)

    def _record(self, item: dict[str, Any]) -> Record | Rejected:
        doi = clean(text_of(item.get("DOI")))
        found = parse_doi(doi)
        title = _title(item)
        if found is None or not title:
            return Rejected(native_id=doi[:300], reason="no DOI or no title")
        keys = keys_of_doi(doi)
        cited = number_of(item.get("is-referenced-by-count"))
        created = dict_of(item.get("created"))
        created_at = instant(created.get("date-time")) or from_parts(_parts(created))
        published_at = public_since(_published(item), created_at)
        return Record(
            source=self.name,
            key=keys[0],
            ids=keys[1:],
            asserted_ids=unique(_versions(item), but=keys[0]),
            native_id=doi.lower(),
            version=found.version,
            announce_type=AnnounceType.REPLACE if (found.version or 1) > 1 else AnnounceType.NEW,
            announced_on=news_on(created_at, published_at),
            title=title,
            abstract=plain(text_of(item.get("abstract")), markup=True),
            authors=_authors(item),
            categories=_texts(item.get("subject")),
            url=web_link(f"https://doi.org/{doi}"),
            links=_links(item),
            venue=_venue(item),
            published_at=published_at,
            withdrawn=_is_taken_back(item),
            signals=() if cited is None else (Signal(kind="citations", value=cited),),
        )


def _page(name: str, body: Body) -> tuple[list[Any], dict[str, Any]]:
    answer = mapping_of(name, body)
    message = dict_of(answer.get("message"))
    if answer.get("status") != "ok" or not isinstance(message.get("items"), list):
        problems = [dict_of(one) for one in list_of(answer.get("message"))]
        said = clean(" ".join(text_of(one.get("message")) for one in problems))[:200]
        reason = f"{body.url} answered with: {said or 'JSON of another shape'}"
        raise SourceError(name, reason, kind="not-a-list")
    return message["items"], message


def _texts(values: Any) -> tuple[str, ...]:
    found = (plain(text_of(value), markup=True) for value in list_of(values))
    return tuple(dict.fromkeys(text for text in found if text))


def _title(item: dict[str, Any]) -> str:
    title = next(iter(_texts(item.get("title"))), "")
    subtitle = next(iter(_texts(item.get("subtitle"))), "")
    if not title or not subtitle or subtitle.casefold() in title.casefold():
        return title
    return f"{title.rstrip(':')}: {subtitle}"


def _venue(item: dict[str, Any]) -> str:
    group = plain(text_of(item.get("group-title")), markup=True)
    publisher = (
        plain(text_of(item.get("publisher"))) if item.get("type") == "posted-content" else ""
    )
    return next(iter(_texts(item.get("container-title"))), "") or group or publisher


def _parts(value: Any) -> Any:
    return next(iter(list_of(dict_of(value).get("date-parts"))), None)


def _published(item: dict[str, Any]) -> Any:
    dates = (_parts(item.get(name)) for name in ("posted", "published", "issued"))
    return next((found for found in dates if from_parts(found)), None)


def _authors(item: dict[str, Any]) -> tuple[Author, ...]:
    found = []
    for person in map(dict_of, list_of(item.get("author"))):
        parts = (text_of(person.get(part)) for part in ("given", "family", "suffix"))
        name = plain(" ".join(part for part in parts if part) or text_of(person.get("name")))
        places = (
            plain(text_of(dict_of(place).get("name")), markup=True)
            for place in list_of(person.get("affiliation"))
        )
        orcid = clean(text_of(person.get("ORCID"))).rpartition("/")[2]
        if any(char.isalpha() for char in name):
            found.append(
                Author(
                    name=name,
                    affiliations=tuple(dict.fromkeys(place for place in places if place)),
                    ids=(f"orcid:{orcid}",) if orcid else (),
                )
            )
    return tuple(found)


def _related(item: dict[str, Any], relation: str) -> list[str]:
    related = (dict_of(one) for one in list_of(dict_of(item.get("relation")).get(relation)))
    return [text_of(one.get("id")) for one in related if one.get("id-type") == "doi"]


def _versions(item: dict[str, Any]) -> Iterator[PaperKey]:
    for relation in _VERSIONS:
        for doi in _related(item, relation):
            yield from keys_of_doi(doi)


def _links(item: dict[str, Any]) -> tuple[Link, ...]:
    published = _related(item, "is-preprint-of")
    url = web_link(f"https://doi.org/{published[0]}") if published else ""
    return (Link(kind="published", url=url),) if url else ()


def _is_taken_back(item: dict[str, Any]) -> bool:
    """Tell a retracted work; the notice that retracts another is a work of its own."""
    updates = (dict_of(one) for one in list_of(item.get("updated-by")))
    return any(text_of(one.get("type")).lower() in _TAKEN_BACK for one in updates)
