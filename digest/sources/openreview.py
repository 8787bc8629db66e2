"""OpenReview: papers as they are submitted to, or made public by, a venue.

https://docs.openreview.net/reference/api-v2. Venues before 2024 are on the first API, whose
content is plain where the second one's is wrapped in ``{"value": ...}``; both are read. Imported
DBLP and ORCID records are no submissions and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from pydantic import Field, model_validator

from digest.errors import SourceError
from digest.exact import Exact
from digest.model import Author, Link, PaperKey, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._asking import (
    LONGEST_GAP,
    MOST_ALONE,
    Pages,
    ask,
    batch_of,
    since_now,
    values_of,
)
from digest.sources._reading import (
    dict_of,
    from_epoch,
    list_of,
    mapping_of,
    since_of,
    text_of,
    unique,
    web_link,
)
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, make_key, parse_address
from digest.text.names import natural_name
from digest.text.plain import plain

SITE = "https://openreview.net"
PAGE = 1000
MAX_PAGES = 30
OVERLAP = timedelta(days=2)
FIRST_DAYS = timedelta(days=2)
_IMPORTS = ("dblp.org", "orcid.org", "openreview.net/archive", "openreview.net/public_article")


class OpenReviewOptions(Exact):
    """``[sources.NAME]`` with ``kind = "openreview"``."""

    invitations: tuple[str, ...] = Field(
        (), description="Such as ICLR.cc/2026/Conference/-/Submission."
    )
    venue_ids: tuple[str, ...] = Field(
        (), description="Such as ICLR.cc/2026/Conference, for accepted papers."
    )
    base_url: str = Field(
        "https://api2.openreview.net",
        description="Address of the API; https://api.openreview.net for venues before 2024.",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not (self.invitations or self.venue_ids):
            raise ValueError("expected invitations or venue_ids")
        return self


def source(name: str, options: Mapping[str, Any]) -> OpenReviewSource:
    """Build the source from its block of the configuration."""
    return OpenReviewSource(name, OpenReviewOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class OpenReviewSource:
    """The papers of some venues."""

    name: str
    options: OpenReviewOptions
    kind: str = "openreview"
    provider: str = "openreview"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Page through what was created since the last good poll, newest first."""
        since = max(since_of(watermark, now=now, default=FIRST_DAYS) - OVERLAP, now - LONGEST_GAP)
        asked = [("invitation", one) for one in self.options.invitations]
        asked += [("content.venueid", one) for one in self.options.venue_ids]
        for field, value in asked:
            yield from self._pages(fetcher, field, value, since)

    def _pages(self, fetcher: Fetcher, field: str, value: str, since: datetime) -> Iterator[Body]:
        """Page by offset; accepted papers change their venue late, so those are sorted by it."""
        order = "tmdate" if field == "content.venueid" else "tcdate"
        pages = Pages(name=self.name, most=MAX_PAGES)
        offset = 0
        while True:
            params: dict[str, str | int] = {
                field: value, "sort": f"{order}:desc", "limit": PAGE, "offset": offset,
            }  # fmt: skip
            if order == "tcdate":
                params["mintcdate"] = int(since.timestamp() * 1000)
            body = self._ask(fetcher, params, label=f"{value} {offset}")
            notes = _notes(self.name, body)
            if not notes and offset:
                return
            if notes:
                pages.turn(text_of(dict_of(notes[0]).get("id")))
            yield body
            oldest = _at(dict_of(notes[-1]).get(order)) if notes else None
            if len(notes) < PAGE or (oldest is not None and oldest < since):
                return
            offset += len(notes)

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask for papers by their forums, one at a time and not too many: it takes no lists."""
        for forum in values_of(keys, "openreview")[:MOST_ALONE]:
            yield self._ask(fetcher, {"id": forum}, label=f"forum {forum}")

    def _ask(self, fetcher: Fetcher, params: Mapping[str, str | int], *, label: str) -> Body:
        return ask(
            fetcher, f"{self.options.base_url.rstrip('/')}/notes", params=params, label=label
        )

    def parse(self, body: Body) -> Batch:
        """Read one page of notes. Raises SourceError if it is not one."""
        read = (self._record(dict_of(one)) for one in _notes(self.name, body))
        return batch_of(self.name, body, read)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all pages were read."""
        return since_now(now)

    def _record(self, note: dict[str, Any]) -> Record | Rejected | None:
        forum = clean(text_of(note.get("forum")) or text_of(note.get("id")))
        content = dict_of(note.get("content"))
        title = plain(text_of(_value(content, "title")))
        key = make_key("openreview", forum)
        if _is_import(note) or note.get("id") != forum:
            return None  # somebody's publication list, or a reply
        if key is None or not title:
            return Rejected(native_id=forum[:300], reason="no forum or no title")
        venue = plain(text_of(_value(content, "venue")) or text_of(note.get("venue")))
        number = key.partition(":")[2]
        public_at = _at(note.get("odate")) or _at(note.get("tcdate")) or _at(note.get("cdate"))
        return Record(
            source=self.name,
            key=key,
            asserted_ids=unique(_claimed(note, content), but=key),
            native_id=number,
            announced_on=public_at.date() if public_at else None,
            title=title,
            abstract=plain(text_of(_value(content, "abstract"))),
            summary=plain(text_of(_value(content, "TLDR")) or text_of(_value(content, "TL;DR"))),
            authors=_authors(content),
            categories=_texts([_value(content, "primary_area")]),
            keywords=_texts(list_of(_value(content, "keywords"))),
            url=f"{SITE}/forum?id={number}",
            links=_links(content, number),
            venue=venue,
            published_at=public_at,
            withdrawn=_is_withdrawn(note, content, venue),
        )


def _notes(name: str, body: Body) -> list[Any]:
    answer = mapping_of(name, body)
    if isinstance(answer.get("notes"), list):
        return list(answer["notes"])
    problem = dict_of(next(iter(list_of(answer.get("errors"))), None)) or answer
    said = clean(text_of(problem.get("message")) or text_of(problem.get("name")))[:200]
    reason = f"{body.url} answered with: {said or 'JSON of another shape'}"
    raise SourceError(name, reason, kind="not-a-list")


def _value(content: dict[str, Any], field: str) -> Any:
    found = content.get(field)
    return found.get("value") if isinstance(found, dict) else found


def _at(milliseconds: Any) -> datetime | None:
    found = milliseconds / 1000 if isinstance(milliseconds, int | float) else None
    at = from_epoch(found)
    return at.astimezone(UTC) if at else None


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    found = (plain(text_of(value))[:100] for value in values)
    return tuple(dict.fromkeys(text for text in found if text))


def _is_import(note: dict[str, Any]) -> bool:
    named = [*list_of(note.get("invitations")), note.get("invitation"), note.get("domain")]
    return any(text_of(one).lower().startswith(_IMPORTS) for one in named)


def _authors(content: dict[str, Any]) -> tuple[Author, ...]:
    """Read names, plain or as objects; none while the submission is anonymous."""
    found = []
    for person in list_of(_value(content, "authors")):
        given = dict_of(person)
        raw = text_of(person) or text_of(given.get("fullname")) or text_of(given.get("name"))
        name = natural_name(plain(raw))
        if any(char.isalpha() for char in name) and name.lower() != "anonymous":
            places = _texts(
                [dict_of(one).get("name") for one in list_of(given.get("institutions"))]
            )
            found.append(Author(name=name, affiliations=places))
    return tuple(found)


def _claimed(note: dict[str, Any], content: dict[str, Any]) -> Iterator[PaperKey]:
    for one in list_of(note.get("externalIds")):
        scheme, _, value = text_of(one).partition(":")
        if scheme.lower() == "doi":
            yield from keys_of_doi(value)
        elif scheme.lower() == "arxiv" and (key := make_key("arxiv", value)):
            yield key
    reference = parse_address(text_of(_value(content, "html")))
    if reference and reference.scheme in ("arxiv", "doi"):
        yield reference.key


def _links(content: dict[str, Any], number: str) -> tuple[Link, ...]:
    pdf = text_of(_value(content, "pdf"))
    found = (
        ("pdf", web_link(pdf, SITE) if pdf else ""),
        ("code", web_link(_value(content, "code"))),
        ("discussion", f"{SITE}/forum?id={number}"),
    )
    return tuple(Link(kind=kind, url=url) for kind, url in found if url)


def _is_withdrawn(note: dict[str, Any], content: dict[str, Any], venue: str) -> bool:
    status = f"{venue} {text_of(_value(content, 'venueid'))}".lower()
    return note.get("ddate") is not None or "withdrawn" in status or "desk_rejected" in status
