"""Atom (RFC 4287) and JSON Feed 1.1 of the daily list, of any search, of a private profile.

An entry's id is its paper's address and its date the day it was first listed: neither ever moves,
so a reader never shows a paper twice because somebody voted for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from lxml import etree

from digest.actions import personal, reading, searching
from digest.actions.reading import Entry
from digest.errors import TokenError
from digest.subscribers.tokens import TokenPurpose
from digest.web import words
from digest.web.daily import PUBLIC_CACHE, asked
from digest.web.search import filters_of
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site

ATOM = "http://www.w3.org/2005/Atom"
LENGTH = 50


@dataclass(frozen=True, kw_only=True)
class Feed:
    """A feed before it has a format."""

    title: str
    page_url: str
    feed_url: str
    entries: tuple[Entry, ...]
    is_private: bool = False


def routes(site: Site) -> APIRouter:
    """Return the routes of the feeds."""
    router = APIRouter(include_in_schema=False)

    @router.get("/feeds/daily.{form}")
    def daily(request: Request, form: str) -> Response:
        wanted = asked(request.query_params)
        span = reading.latest_span(site.app)
        found = reading.read_list(
            site.app,
            span,
            filters=wanted.filters,
            order=wanted.order,
            interest=wanted.interest,
            by_interest=site.by_interest,
        )
        query = wanted.query()
        feed = Feed(
            title=f"{site.name}: daily papers",
            page_url=site.absolute("/", request, **query),
            feed_url=site.absolute(f"/feeds/daily.{form}", request, **query),
            entries=found.entries[:LENGTH],
        )
        return written(site, request, feed, form)

    @router.get("/feeds/search.{form}")
    def search(request: Request, form: str) -> Response:
        if not site.allows("search", request):
            return Response(status_code=429)
        text = words.inert(request.query_params.get("q", ""))
        filters = filters_of(request)
        found = searching.find(site.app, site.search_index, text, filters=filters)
        query = filters.query(found.query)
        feed = Feed(
            title=f"{site.name}: {found.query}",
            page_url=site.absolute("/search", request, **query),
            feed_url=site.absolute(f"/feeds/search.{form}", request, **query),
            entries=found.entries,
        )
        return written(site, request, feed, form)

    @router.get("/feeds/private/{token}.{form}")
    def private(request: Request, token: str, form: str) -> Response:
        return _private(site, request, token, form)

    return router


def _private(site: Site, request: Request, token: str, form: str) -> Response:
    try:
        claims = site.claims(token, TokenPurpose.FEED)
    except TokenError as exc:
        return site.refusal(exc)
    found = personal.private_feed(
        site.app, claims.subscriber_id, claims.subscription_id, claims.generation, limit=LENGTH
    )
    if found is None:
        return site.refusal(TokenError(""))
    address = site.absolute(f"/feeds/private/{token}.{form}", request)
    feed = Feed(
        title=f"{site.name}: {found.title}",
        page_url=site.absolute("/", request),
        feed_url=address,
        entries=found.entries,
        is_private=True,
    )
    return written(site, request, feed, form)


def written(site: Site, request: Request, feed: Feed, form: str) -> Response:
    """Return a feed as Atom or JSON Feed."""
    headers = dict(PRIVATE_HEADERS if feed.is_private else PUBLIC_CACHE)
    if form == "json":
        return JSONResponse(
            json_feed(site, request, feed), headers=headers, media_type="application/feed+json"
        )
    if form != "atom":
        return Response(status_code=404)
    return Response(atom(site, request, feed), headers=headers, media_type="application/atom+xml")


def atom(site: Site, request: Request, feed: Feed) -> bytes:
    """Return the feed as Atom."""
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]
    _add(root, "title", feed.title)
    _add(root, "id", feed.feed_url)
    _add(root, "updated", _stamp(_last(feed.entries)))
    _link(root, "self", feed.feed_url)
    _link(root, "alternate", feed.page_url)
    author = _add(root, "author", "")
    _add(author, "name", site.name)
    for entry in feed.entries:
        paper = entry.paper
        address = _address(site, request, entry)
        node = _add(root, "entry", "")
        _add(node, "title", paper.title)
        _add(node, "id", address)
        _link(node, "alternate", address)
        if url := words.web_link(paper.url):
            _link(node, "related", url)
        _add(node, "published", _stamp(_first(entry)))
        _add(node, "updated", _stamp(_first(entry)))
        for person in paper.authors[:50]:
            _add(_add(node, "author", ""), "name", person.name)
        for category in paper.categories:
            etree.SubElement(node, f"{{{ATOM}}}category", term=words.inert(category))
        _add(node, "summary", paper.abstract or paper.summary)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def json_feed(site: Site, request: Request, feed: Feed) -> dict[str, Any]:
    """Return the feed as JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.page_url,
        "feed_url": feed.feed_url,
        "items": [
            {
                "id": _address(site, request, entry),
                "url": _address(site, request, entry),
                "external_url": words.web_link(entry.paper.url),
                "title": words.inert(entry.paper.title),
                "content_text": words.inert(entry.paper.abstract or entry.paper.summary),
                "date_published": _stamp(_first(entry)),
                "authors": [{"name": words.inert(a.name)} for a in entry.paper.authors[:50]],
                "tags": list(entry.paper.categories),
            }
            for entry in feed.entries
        ],
    }


def _address(site: Site, request: Request, entry: Entry) -> str:
    return site.absolute(f"/paper/{words.key_path(entry.paper.key)}", request)


def _first(entry: Entry) -> datetime:
    return entry.paper.first_seen_at


def _last(entries: Sequence[Entry]) -> datetime:
    return max((_first(entry) for entry in entries), default=datetime(1970, 1, 1, tzinfo=UTC))


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: etree._Element, name: str, text: str) -> etree._Element:
    node = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    if text:
        node.text = words.inert(text)
    return node


def _link(parent: etree._Element, rel: str, href: str) -> None:
    etree.SubElement(parent, f"{{{ATOM}}}link", rel=rel, href=href)
