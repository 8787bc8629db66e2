"""The lists: today, a day, a week, a month, in a chosen order, filtered, and their feeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.datastructures import QueryParams

from digest.actions import reading
from digest.actions.reading import ListPage, Order, Span, SpanKind
from digest.model import Interest
from digest.store.search import Filters
from digest.subscribers.interests import TypedInterest, read_interest
from digest.web import charts, words
from digest.web.site import Site

PUBLIC_CACHE = {"Cache-Control": "public, max-age=60"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the address of a list asks for."""

    order: Order
    filters: Filters
    typed: TypedInterest
    page: int

    @property
    def interest(self) -> Interest | None:
        """Return the interest in the address, if it says anything."""
        return None if self.typed.is_empty else read_interest(self.typed)

    def query(self, **changes: object) -> dict[str, object]:
        """Return the address's parameters with some changed; defaults are left out."""
        values: dict[str, object] = {
            "sort": "" if self.order is Order.TRENDING else self.order.value,
            "source": self.filters.source,
            "category": self.filters.category,
            "terms": self.typed.terms,
            "categories": self.typed.categories,
            "authors": self.typed.authors,
            "page": "",
        }
        return values | changes


def asked(query: QueryParams) -> Asked:
    """Read a list's parameters; whatever is not understood is as if it were not there."""
    typed = TypedInterest(
        terms=_text(query, "terms", 2000),
        categories=_text(query, "categories", 400),
        authors=_text(query, "authors", 1000),
    )
    order = Order.TRENDING
    if query.get("sort") in set(Order):
        order = Order(query["sort"])
    filters = Filters(source=_text(query, "source", 100), category=_text(query, "category", 60))
    return Asked(order=order, filters=filters, typed=typed, page=page_number(query))


def page_number(query: QueryParams) -> int:
    """Return the asked page, from 1; nonsense is 1."""
    text = query.get("page", "1")
    return (
        min(max(int(text), 1), 10_000) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    )


def _text(query: QueryParams, name: str, longest: int) -> str:
    return words.inert(query.get(name, ""))[:longest].strip()


def routes(site: Site) -> APIRouter:
    """Return the routes of the lists."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def today(request: Request) -> Response:
        return show(site, request, reading.latest_span(site.app), is_front=True)

    @router.get("/papers/{name}")
    def span(request: Request, name: str) -> Response:
        found = reading.parse_span(name)
        if found is None:
            return not_found(site)
        return show(site, request, found)

    return router


def not_found(site: Site) -> HTMLResponse:
    """Answer for what is not there."""
    return site.message(
        "There is nothing here", "The address may be mistyped.", status=404, private=False
    )


def show(site: Site, request: Request, span: Span, *, is_front: bool = False) -> Response:
    """Render one page of a list."""
    wanted = asked(request.query_params)
    found = reading.read_list(
        site.app,
        span,
        filters=wanted.filters,
        order=wanted.order,
        interest=wanted.interest,
        page=wanted.page,
        by_interest=site.by_interest,
    )
    path = "/" if is_front else f"/papers/{span.name}"
    return site.page(
        "list.html",
        found=found,
        asked=wanted,
        path=path,
        is_front=is_front,
        title=span_title(span),
        moves=_moves(found),
        topics=charts.bars_chart(found.topics[:8]),
        volumes=charts.volumes_chart(found.volumes, span.last_on),
        alternates=alternates(site),
        headers=PUBLIC_CACHE,
    )


def alternates(site: Site) -> tuple[tuple[str, str, str], ...]:
    """Return the feeds of the daily list, for readers that look for them."""
    return (
        ("application/atom+xml", f"{site.name}: daily papers", site.url("/feeds/daily.atom")),
        ("application/feed+json", f"{site.name}: daily papers", site.url("/feeds/daily.json")),
    )


def span_title(span: Span) -> str:
    """Return what a span is called."""
    if span.kind is SpanKind.DAY:
        return words.day(span.first_on)
    if span.kind is SpanKind.WEEK:
        return f"{words.short_day(span.first_on)} to {words.day(span.last_on, 'long')}"
    return f"{span.first_on:%B %Y}"


def _moves(found: ListPage) -> dict[str, Any]:
    """Return the neighbours of a span, and the same time seen closer or wider."""
    span, before, after = found.span, found.previous_on, found.next_on
    make = {
        SpanKind.DAY: reading.day_span,
        SpanKind.WEEK: reading.week_span,
        SpanKind.MONTH: reading.month_span,
    }
    return {
        "previous": make[span.kind](before) if before else None,
        "next": make[span.kind](after) if after else None,
        "kinds": [(kind.value, make[kind](span.last_on if kind is SpanKind.DAY and span.kind
                   is not SpanKind.DAY and before else span.first_on)) for kind in SpanKind],
    }  # fmt: skip
