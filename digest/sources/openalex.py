"""OpenAlex: works that fit a filter or a search, and what it knows of papers found elsewhere.

https://docs.openalex.org. An aggregator: every id but its own is a claim. A DOI is never read out
of a PDF's address, and an empty abstract is common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import Author, Link, PaperKey, Record, Signal
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
    day,
    dict_of,
    instant,
    list_of,
    mapping_of,
    number_of,
    text_of,
    unique,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, make_key, parse_address
from digest.text.names import natural_name
from digest.text.plain import plain

SITE = "https://api.openalex.org"
PAGE = 100
MAX_PAGES = 50
IDS_A_CALL = 50
OVERLAP = timedelta(days=7)
FIRST_DAYS = timedelta(days=1)
MAX_WORDS = 5000
FIELDS = (
    "id,doi,ids,display_name,publication_date,created_date,type,authorships,primary_location,"
    "locations,primary_topic,keywords,cited_by_count,is_retracted,abstract_inverted_index"
)


class OpenAlexOptions(Exact):
    """``[sources.NAME]`` with ``kind = "openalex"``."""

    filter: str = Field(
        "", description="OpenAlex filter, such as primary_topic.field.id:17,language:en."
    )
    search: str = Field("", description="Words to search titles and abstracts for.")
    dates: Literal["publication", "created"] = Field(
        "publication", description="Which date counts as new; created may need a paid key."
    )
    enrich_only: bool = Field(
        False, description="Ask only for papers that other sources found; filter and search off."
    )
    api_key: str = Field("", description="Free key; without it hardly anything is answered.")
    base_url: str = Field(SITE, description="Address of the API.")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not (self.filter or self.search or self.enrich_only):
            raise ValueError("expected filter, search or enrich_only: all of OpenAlex is too much")
        return self


def source(name: str, options: Mapping[str, Any]) -> OpenAlexSource:
    """Build the source from its block of the configuration."""
    return OpenAlexSource(name, OpenAlexOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class OpenAlexSource:
    """Works of some filter."""

    name: str
    options: OpenAlexOptions
    kind: str = "openalex"
    provider: str = "openalex"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Page through what is new since the last good poll, a week more for late arrivals."""
        if self.options.enrich_only:
            return
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        until = now.astimezone(UTC).date()
        # Publishers date works into the future; those come when their day is there.
        dates = f"from_{self.options.dates}_date:{since},to_{self.options.dates}_date:{until}"
        wanted = ",".join(part for part in (self.options.filter, dates) if part)
        params: dict[str, str | int] = {"filter": wanted, "per_page": PAGE, "select": FIELDS}
        if self.options.search:
            params["search"] = self.options.search
        yield from self._pages(fetcher, params)

    def _pages(self, fetcher: Fetcher, params: Mapping[str, str | int]) -> Iterator[Body]:
        cursor = "*"
        pages = Pages(name=self.name, most=MAX_PAGES)
        while cursor:
            pages.turn(cursor)
            body = self._ask(fetcher, {**params, "cursor": cursor}, label=f"cursor {cursor[:40]}")
            works, meta = _page(self.name, body)
            if not works and cursor != "*":
                return
            yield body
            cursor = clean(text_of(meta.get("next_cursor"))) if works else ""

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for papers by DOI (arXiv's own among them), PMID or OpenAlex id, fifty a call."""
        arxiv = [f"10.48550/arxiv.{value}" for value in values_of(keys, "arxiv")]
        dois = [doi for doi in [*values_of(keys, "doi"), *arxiv] if not set(doi) & set(",|")]
        for field, values in (
            ("doi", dois),
            ("ids.pmid", values_of(keys, "pmid")),
            ("ids.openalex", values_of(keys, "openalex")),
        ):
            for start in range(0, len(values), IDS_A_CALL):
                some = values[start : start + IDS_A_CALL]
                params: dict[str, str | int] = {
                    "filter": f"{field}:{'|'.join(some)}", "per_page": PAGE, "select": FIELDS,
                }  # fmt: skip
                yield self._ask(fetcher, params, label=f"{field} {start}")

    def _ask(self, fetcher: Fetcher, params: Mapping[str, str | int], *, label: str) -> Body:
        key = {"api_key": self.options.api_key} if self.options.api_key else {}
        url = f"{self.options.base_url.rstrip('/')}/works"
        return ask(fetcher, url, params={**params, **key}, label=label)

    def parse(self, body: Body) -> Batch:
        """Read one page of works. Raises SourceError if it is not one."""
        works, meta = _page(self.name, body)
        read = (self._record(dict_of(one)) for one in works)
        return batch_of(self.name, body, read, announced=number_of(meta.get("count")))

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all pages were read."""
        return since_now(now)

    def _record(self, work: dict[str, Any]) -> Record | Rejected:
        number = clean(text_of(work.get("id")))
        key = make_key("openalex", number)
        title = plain(text_of(work.get("display_name")) or text_of(work.get("title")), markup=True)
        if key is None or not title:
            return Rejected(native_id=number[:300], reason="no OpenAlex id or no title")
        place = dict_of(work.get("primary_location"))
        topic = dict_of(work.get("primary_topic"))
        cited = number_of(work.get("cited_by_count"))
        published_at, created_at = _dates(work)
        return Record(
            source=self.name,
            key=key,
            asserted_ids=unique(_claimed(work)),
            native_id=key.partition(":")[2],
            announced_on=news_on(created_at, published_at),
            title=title,
            abstract=plain(abstract_of(work.get("abstract_inverted_index")), markup=True),
            authors=_authors(work),
            categories=_names([dict_of(topic.get("field"))]),
            keywords=_names([topic, *list_of(work.get("keywords"))]),
            url=web_link(place.get("landing_page_url")) or f"https://openalex.org/{key[9:]}",
            links=_links(work),
            venue=plain(text_of(dict_of(place.get("source")).get("display_name"))),
            published_at=published_at,
            withdrawn=work.get("is_retracted") is True,
            signals=() if cited is None else (Signal(kind="citations", value=cited),),
        )


def abstract_of(index: Any) -> str:
    """Put an inverted index (word to its positions) back into running text.

    >>> abstract_of({"Abstract": [0], "mice": [2], "Old": [1], "sleep.": [3]})
    'Old mice sleep.'
    """
    placed = [
        (place, word)
        for word, places in dict_of(index).items()
        for place in list_of(places)
        if isinstance(place, int)
    ]
    words = [word for _, word in sorted(placed)[:MAX_WORDS]]
    if words and words[0].rstrip(":.").lower() == "abstract":
        words = words[1:]
    return " ".join(words)


def _page(name: str, body: Body) -> tuple[list[Any], dict[str, Any]]:
    answer = mapping_of(name, body)
    if not isinstance(answer.get("results"), list):
        said = clean(text_of(answer.get("message")) or text_of(answer.get("error")))[:200]
        reason = f"{body.url} answered with: {said or 'JSON of another shape'}"
        raise SourceError(name, reason, kind="not-a-list")
    return answer["results"], dict_of(answer.get("meta"))


def _claimed(work: dict[str, Any]) -> list[PaperKey | None]:
    ids = dict_of(work.get("ids"))
    found: list[PaperKey | None] = list(keys_of_doi(text_of(work.get("doi"))))
    found += [make_key(scheme, text_of(ids.get(scheme))) for scheme in ("pmid", "pmcid")]
    for place in list_of(work.get("locations")):
        # Landing pages name the work; the addresses of PDFs bear bogus DOIs.
        reference = parse_address(text_of(dict_of(place).get("landing_page_url")))
        if reference and reference.scheme in ("arxiv", "pmid", "pmcid"):
            found.append(reference.key)
    return found


def _authors(work: dict[str, Any]) -> tuple[Author, ...]:
    found = []
    for authorship in map(dict_of, list_of(work.get("authorships"))):
        person = dict_of(authorship.get("author"))
        raw = text_of(person.get("display_name")) or text_of(authorship.get("raw_author_name"))
        name = natural_name(plain(raw))
        ids = (
            ("orcid", text_of(person.get("orcid")).rpartition("/")[2]),
            ("openalex", text_of(person.get("id")).rpartition("/")[2]),
        )
        if any(char.isalpha() for char in name):
            places = _names(list_of(authorship.get("institutions")))
            known = tuple(f"{scheme}:{clean(value)}" for scheme, value in ids if clean(value))
            found.append(Author(name=name, affiliations=places, ids=known))
    return tuple(found)


def _dates(work: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """Return when it was published and entered; the first of January means the year alone."""
    published, created_at = day(work.get("publication_date")), instant(work.get("created_date"))
    if published is None:
        return created_at, created_at
    parts = [published.year, published.month, published.day]
    return public_since(parts[:1] if parts[1:] == [1, 1] else parts, created_at), created_at


def _names(items: Sequence[Any]) -> tuple[str, ...]:
    names = (plain(text_of(dict_of(item).get("display_name"))) for item in items)
    return tuple(dict.fromkeys(name for name in names if name))


def _links(work: dict[str, Any]) -> tuple[Link, ...]:
    places = [dict_of(work.get("primary_location"))]
    places += [dict_of(place) for place in list_of(work.get("locations"))]
    pdf = next((url for place in places if (url := web_link(place.get("pdf_url")))), "")
    return (Link(kind="pdf", url=pdf),) if pdf else ()
