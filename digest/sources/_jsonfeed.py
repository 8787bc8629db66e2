"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/), read with forgiveness."""

from __future__ import annotations

from typing import Any

from digest.errors import SourceError
from digest.sources import Body
from digest.sources._entries import MAX_ENTRIES, Entry, EntryText, FeedDocument
from digest.sources._reading import dict_of, instant, json_of, list_of, text_of

_VERSION = "https://jsonfeed.org/version/"


def read(name: str, body: Body) -> FeedDocument:
    """Read the feed. Raises SourceError if it is another JSON document."""
    found = dict_of(json_of(name, body))
    version = text_of(found.get("version")).replace("http://", "https://")
    items = found.get("items")
    if not version.startswith(_VERSION) or not isinstance(items, list):
        reason = f"{body.url} answered with JSON that is not a JSON Feed"
        raise SourceError(name, reason, kind="not-a-feed")
    return FeedDocument(
        version=f"json{version.removeprefix(_VERSION).replace('.', '')[:4]}",
        title=text_of(found.get("title")),
        link=text_of(found.get("home_page_url")),
        base=text_of(found.get("home_page_url")) or body.url,
        entries=tuple(_entry(dict_of(item)) for item in items[:MAX_ENTRIES]),
    )


def _entry(item: dict[str, Any]) -> Entry:
    number = item.get("id")
    guid = str(number) if isinstance(number, int | float) and number else text_of(number)
    html = text_of(item.get("content_html"))
    link = text_of(item.get("url")) or text_of(item.get("external_url"))
    return Entry(
        guid=guid,
        link=link,
        title=EntryText(value=text_of(item.get("title"))),
        summary=EntryText(value=text_of(item.get("summary"))),
        content=EntryText(value=html or text_of(item.get("content_text")), markup=bool(html)),
        authors=_authors(item),
        categories=tuple(tag for tag in list_of(item.get("tags")) if isinstance(tag, str) and tag),
        published_at=instant(item.get("date_published")),
        updated_at=instant(item.get("date_modified")),
        thumbnail=text_of(item.get("image")) or text_of(item.get("banner_image")),
        links=(("external", text_of(item.get("external_url"))),) if link else (),
    )


def _authors(item: dict[str, Any]) -> tuple[str, ...]:
    people = list_of(item.get("authors")) or [item.get("author")]
    names = (text_of(dict_of(person).get("name")) for person in people)
    return tuple(name for name in names if name)
