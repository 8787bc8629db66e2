"""Hugging Face Daily Papers: what people submitted for a day, with their votes.

https://huggingface.co/.well-known/openapi.json. A day's list grows until the next morning, so
each poll asks for today and the working day before; a day is never closed at first sight.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import Field

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import Author, Completeness, Link, PaperKey, Record, Signal
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources import _calendar as calendar
from digest.sources._arxiv_feed import abstract_page, paper_links
from digest.sources._asking import MOST_ALONE, ask, values_of
from digest.sources._reading import (
    day,
    dict_of,
    instant,
    json_of,
    list_of,
    number_of,
    since_of,
    text_of,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import make_key, parse_arxiv
from digest.text.plain import plain

SITE = "https://huggingface.co"
PAGE_LIMIT = 100
MAX_PAGES = 10
MAX_DAYS = 14


class HuggingFaceOptions(Exact):
    """``[sources.NAME]`` with ``kind = "huggingface"``."""

    base_url: str = Field(SITE, description="Address of the service.")
    token: str = Field("", description="Raises the limit of requests; not needed.")


def source(name: str, options: Mapping[str, Any]) -> HuggingFaceSource:
    """Build the source from its block of the configuration."""
    return HuggingFaceSource(name, HuggingFaceOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class HuggingFaceSource:
    """The daily lists."""

    name: str
    options: HuggingFaceOptions
    kind: str = "huggingface"
    provider: str = "huggingface"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Ask for the lists that may have grown since the last poll, oldest first."""
        since = since_of(watermark, now=now, default=timedelta(0))
        today = now.astimezone(UTC).date()
        for wanted_on in days_to_ask(since.astimezone(UTC).date(), today):
            try:
                yield from self.pages(fetcher, wanted_on)
            except SourceError as exc:
                # A day that has not begun there is no date to it; the days before have answered.
                if wanted_on < today or exc.kind != "http-400":
                    raise

    def pages(self, fetcher: Fetcher, wanted_on: date) -> Iterator[Body]:
        """Yield the pages of one day's list. Raises SourceError."""
        for page in range(MAX_PAGES):
            params: dict[str, str | int] = {"date": wanted_on.isoformat(), "limit": PAGE_LIMIT}
            body = fetcher.get(
                f"{self.options.base_url.rstrip('/')}/api/daily_papers",
                params={**params, "p": page} if page else params,
                headers=self._headers,
                label=f"{wanted_on.isoformat()} p{page}" if page else wanted_on.isoformat(),
            )
            if body is None:
                return
            yield body
            if len(list_of(json_of(self.name, body))) < PAGE_LIMIT:
                return

    def look_up(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for arXiv papers that have a page here, one at a time; for the first ones of many."""
        for number in values_of(keys, "arxiv")[:MOST_ALONE]:
            address = f"{self.options.base_url.rstrip('/')}/api/papers/{number}"
            try:
                yield ask(fetcher, address, headers=self._headers, label=f"paper {number}")
            except SourceError as exc:
                if exc.kind != "http-404":
                    raise

    def parse(self, body: Body) -> Batch:
        """Read one list, or one paper that was asked for. Raises SourceError."""
        items = json_of(self.name, body)
        if body.label.startswith("paper ") and dict_of(items).get("id"):
            items = [items]
        if not isinstance(items, list):
            said = clean(text_of(dict_of(items).get("error")))[:200] or "JSON of another shape"
            raise SourceError(self.name, f"{body.url} answered with: {said}", kind="not-a-list")
        batch_on = day(body.label)
        records: list[Record] = []
        rejected: list[Rejected] = []
        for item in items:
            read = self._record(dict_of(item), batch_on)
            (records if isinstance(read, Record) else rejected).append(read)  # type: ignore[arg-type]
        if items and not records:
            raise SourceError(self.name, f"{body.url}: not one entry can be read", kind="no-papers")
        return Batch(
            records=tuple(records),
            rejected=tuple(rejected),
            batch_on=batch_on,
            completeness=_completeness(batch_on, body.fetched_at, len(items)),
        )

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all lists were read."""
        return {"since": now.isoformat()}

    @property
    def _headers(self) -> Mapping[str, str] | None:
        return {"Authorization": f"Bearer {self.options.token}"} if self.options.token else None

    def _record(self, item: dict[str, Any], batch_on: date | None) -> Record | Rejected:
        paper = dict_of(item.get("paper")) or item
        number = clean(text_of(paper.get("id")))
        title = plain(text_of(paper.get("title")) or text_of(item.get("title")))
        if not number or not title:
            return Rejected(native_id=number[:300], reason="no id or no title")
        archived = parse_arxiv(number)
        key = archived.key if archived else make_key("hf", number)
        if key is None:
            return Rejected(native_id=number[:300], reason="the id is too long")
        submitted = text_of(paper.get("submittedOnDailyAt"))
        return Record(
            source=self.name,
            key=key,
            native_id=number,
            announced_on=day(submitted) or batch_on,
            title=title,
            abstract=plain(text_of(paper.get("summary")) or text_of(item.get("summary"))),
            summary=plain(text_of(paper.get("ai_summary"))),
            authors=_authors(paper),
            keywords=_keywords(paper),
            url=abstract_page(archived) if archived else web_link(f"{SITE}/papers/{number}"),
            links=(*(paper_links(archived) if archived else ()), *_links(item, paper, number)),
            # The outer publishedAt is four or five hours early: its day is often the day before.
            published_at=instant(paper.get("publishedAt")),
            withdrawn=bool(paper.get("withdrawnAt")),
            signals=_signals(item, paper),
        )


def days_to_ask(since_on: date, today: date) -> list[date]:
    """Return the working days whose lists may have grown since then, oldest first.

    Today's and the one before always; further back after a pause, up to two weeks.

    >>> [str(d) for d in days_to_ask(date(2026, 4, 13), date(2026, 4, 13))]  # a Monday
    ['2026-04-10', '2026-04-13']
    """
    first = max(min(since_on, today), today - timedelta(days=MAX_DAYS))
    first = _working_day(first - timedelta(days=1))
    if today.weekday() >= 5:
        first = min(first, _working_day(_working_day(today) - timedelta(days=1)))
    span = (first + timedelta(days=offset) for offset in range((today - first).days + 1))
    return [one for one in span if one.weekday() < 5]


def _working_day(wanted: date) -> date:
    while wanted.weekday() >= 5:
        wanted -= timedelta(days=1)
    return wanted


def _completeness(batch_on: date | None, fetched_at: datetime, count: int) -> Completeness:
    """An empty list on a working day says nothing; a list is whole when its day has passed."""
    if batch_on is None:
        return Completeness.UNKNOWN
    if batch_on.weekday() >= 5:
        return Completeness.UNKNOWN if count else Completeness.QUIET
    passed = fetched_at.astimezone(UTC).date() > batch_on
    if passed and not count and calendar.is_holiday(batch_on):
        return Completeness.QUIET
    return Completeness.CONFIRMED if count and passed else Completeness.PARTIAL


def _authors(paper: dict[str, Any]) -> tuple[Author, ...]:
    people = (dict_of(person) for person in list_of(paper.get("authors")))
    names = (plain(text_of(one.get("name"))) for one in people if not one.get("hidden"))
    found = [Author(name=name) for name in names if any(char.isalpha() for char in name)]
    # The page names one organization a paper, that of whoever claimed it: shown with the first.
    house = dict_of(paper.get("organization"))
    place = plain(text_of(house.get("fullname")) or text_of(house.get("name")))
    if found and place:
        found[0] = replace(found[0], affiliations=(place,))
    return tuple(found)


def _keywords(paper: dict[str, Any]) -> tuple[str, ...]:
    words = (plain(text_of(word)) for word in list_of(paper.get("ai_keywords")))
    return tuple(dict.fromkeys(word for word in words if word))


def _links(item: dict[str, Any], paper: dict[str, Any], number: str) -> tuple[Link, ...]:
    thumbnail = web_link(item.get("thumbnail")) or web_link(paper.get("thumbnail"))
    found = (
        ("code", web_link(paper.get("githubRepo"))),
        ("project", web_link(paper.get("projectPage"))),
        ("discussion", web_link(f"{SITE}/papers/{number}")),
        ("thumbnail", thumbnail),
    )
    return tuple(Link(kind=kind, url=url) for kind, url in found if url)


def _signals(item: dict[str, Any], paper: dict[str, Any]) -> tuple[Signal, ...]:
    found = (
        ("hf_upvotes", number_of(paper.get("upvotes"))),
        ("hf_comments", number_of(item.get("numComments"))),
        ("github_stars", number_of(paper.get("githubStars"))),
    )
    return tuple(Signal(kind=kind, value=value) for kind, value in found if value is not None)
