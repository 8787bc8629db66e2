"""The search page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from digest.actions import searching
from digest.store.search import Filters
from digest.text.days import day_of
from digest.web import words
from digest.web.daily import page_number
from digest.web.site import Site


def filters_of(request: Request) -> Filters:
    """Read a search's filters; what is not understood is as if it were not there."""
    query = request.query_params
    return Filters(
        source=words.inert(query.get("source", ""))[:100],
        category=words.inert(query.get("category", ""))[:60],
        first_on=day_of(query.get("from", "")),
        last_on=day_of(query.get("to", "")),
    )


def routes(site: Site) -> APIRouter:
    """Return the route of the search."""
    router = APIRouter(include_in_schema=False)

    @router.get("/search")
    def page(request: Request) -> Response:
        if not site.allows("search", request):
            return site.message(
                "Too many searches", "Try again in a minute.", status=429, private=False
            )
        filters = filters_of(request)
        text = words.inert(request.query_params.get("q", ""))
        found = searching.find(
            site.app,
            site.search_index,
            text,
            filters=filters,
            page=page_number(request.query_params),
        )
        query = filters.query(found.query)
        title = f"Search: {found.query}" if found.query else "Search"
        return site.page(
            "search.html",
            found=found,
            filters=filters,
            query=query,
            title=title,
            alternates=(("application/atom+xml", title, site.url("/feeds/search.atom", **query)),)
            if found.query
            else (),
            headers={"Cache-Control": "public, max-age=60", "X-Robots-Tag": "noindex"},
        )

    return router
