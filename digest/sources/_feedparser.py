"""RSS, RDF and Atom through feedparser, without its sanitiser and its resolver of links.

Both of them rewrite text that only looks like HTML (``if $x<y$`` loses words); markup is taken
away later, by ``digest.text``.
"""

from __future__ import annotations

import calendar
import io
import warnings
from datetime import UTC, datetime
from typing import Any
from xml.sax import SAXException

import feedparser
from feedparser import api

from digest.errors import SourceError
from digest.sources import Body
from digest.sources._entries import MAX_ENTRIES, Entry, EntryText, FeedDocument
from digest.sources._fastxml import EXTRA
from digest.sources._reading import instant, sensible

_CUT = ("no element found", "unclosed token", "unclosed cdata", "not well-formed (invalid token)")
MOST_ATTRIBUTES = 1000
"""Of one element: the parser's time grows with their square."""
_HTML_TYPES = frozenset(("text/html", "application/xhtml+xml"))


class TooWideError(Exception):
    """An element has more attributes than any feed's."""


class _NarrowParser(api.StrictFeedParser):  # type: ignore[misc]
    """Gives up before feedparser looks up each of many attributes among all of them."""

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: N802 - SAX's name
        """Begin an element. Raises TooWideError."""
        if len(attrs) > MOST_ATTRIBUTES:
            raise TooWideError(f"an element has {len(attrs)} attributes")
        super().startElementNS(name, qname, attrs)


api.StrictFeedParser = _NarrowParser  # `parse` takes no parser of the caller's


def read(name: str, body: Body, content: bytes) -> FeedDocument:
    """Read the feed. Raises SourceError if it is none."""
    headers = {"content-location": body.url}
    if body.content_type:
        headers["content-type"] = body.content_type
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old encodings, odd dates: feedparser's own affairs
        try:
            found = feedparser.parse(
                io.BytesIO(content),
                response_headers=headers,
                sanitize_html=False,
                resolve_relative_uris=False,
            )
        except (ValueError, TypeError, AttributeError, LookupError, RecursionError,
                TooWideError) as exc:  # fmt: skip
            reason = f"{body.url} cannot be read as a feed ({type(exc).__name__}: {exc})"
            raise SourceError(name, reason, kind="not-a-feed") from exc
    problem = str(found.get("bozo_exception", "")).lower() if found.bozo else ""
    if not found.version:
        detail = f" ({problem[:120]})" if problem else ""
        raise SourceError(name, f"{body.url} is not a feed{detail}", kind="not-a-feed")
    entries = [_entry(entry) for entry in found.entries[:MAX_ENTRIES]]
    is_cut = bool(problem) and not content.rstrip().endswith(b">")
    is_cut = is_cut or any(sign in problem for sign in _CUT[:3])
    if is_cut and entries:
        entries.pop()
    if is_cut and not entries:
        raise SourceError(name, f"{body.url} ended before its first entry did", kind="truncated")
    if not entries and isinstance(found.get("bozo_exception"), SAXException):
        reason = f"{body.url} is a malformed feed without a readable entry ({problem[:120]})"
        raise SourceError(name, reason, kind="malformed")
    feed = found.feed
    return FeedDocument(
        version=found.version,
        title=feed.get("title", "") or "",
        link=feed.get("link", "") or "",
        base=feed.get("link", "") or body.url,
        updated_at=_when(feed, "updated") or _when(feed, "published"),
        entries=tuple(entries),
        is_cut=is_cut,
    )


def _entry(entry: Any) -> Entry:
    extra = {new: str(entry[old]) for old, new in EXTRA.items() if entry.get(old)}
    content = next(iter(entry.get("content") or ()), None)
    return Entry(
        guid=_string(entry.get("id")),
        link=_string(entry.get("link")),
        title=_text(entry.get("title_detail"), entry.get("title")),
        summary=_text(entry.get("summary_detail"), entry.get("summary")),
        content=_text(content, content.get("value") if content else ""),
        authors=_authors(entry),
        categories=tuple(
            tag["term"] for tag in entry.get("tags") or () if isinstance(tag.get("term"), str)
        ),
        published_at=_when(entry, "published"),
        # `in`, because get() falls back to the other date.
        updated_at=_when(entry, "updated") if "updated" in entry else None,
        thumbnail=_thumbnail(entry),
        links=tuple(
            (_string(link.get("rel")), _string(link.get("href")))
            for link in entry.get("links") or ()
        ),
        extra=extra,
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(detail: Any, value: Any) -> EntryText:
    kind = detail.get("type", "") if detail else ""
    return EntryText(value=_string(value), markup=kind in _HTML_TYPES)


def _authors(entry: Any) -> tuple[str, ...]:
    names = [_string(author.get("name")) for author in entry.get("authors") or () if author]
    names = [name for name in names if name]
    if not names and entry.get("author"):
        names = [_string(entry["author"])]
    return tuple(dict.fromkeys(names))


def _when(holder: Any, field: str) -> datetime | None:
    if field not in holder:
        return None
    exact = instant(holder.get(field))
    if exact is not None:
        return exact
    parsed = holder.get(f"{field}_parsed")
    if not parsed:
        return None
    try:
        return sensible(datetime.fromtimestamp(calendar.timegm(parsed), UTC))
    except (ValueError, OverflowError, OSError):
        return None


def _thumbnail(entry: Any) -> str:
    for key in ("media_thumbnail", "media_content"):
        for medium in entry.get(key) or ():
            if isinstance(medium, dict) and isinstance(medium.get("url"), str):
                kind = str(medium.get("type") or medium.get("medium") or "image")
                if kind.startswith("image"):
                    return str(medium["url"])
    for link in entry.get("links") or ():
        if link.get("rel") == "enclosure" and str(link.get("type", "")).startswith("image/"):
            return _string(link.get("href"))
    return ""
