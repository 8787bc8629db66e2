"""Editions and deliveries: search, stories, retry and cancel."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi import Path as FromPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from digest.actions import editions, outbox, reading
from digest.errors import AddressError
from digest.model import DeliveryState
from digest.store.deliveries import DeliveryFilters
from digest.text.days import day_of
from digest.web.owner.gate import HOME, Gate, texts_of
from digest.web.site import Site

PAGE_SIZE = 50
RowNumber = Annotated[int, FromPath(ge=1, le=2**53)]
After = Annotated[int, Query(ge=0, le=2**53)]


def routes(site: Site, gate: Gate) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    _add_levers(router, site, gate)
    _add_editions(router, site, gate)

    @router.get(f"{HOME}/deliveries")
    def deliveries(request: Request, after: After = 0) -> Response:
        gate.ask(request)
        asked = texts_of(request.query_params, "state", "address", "domain")
        state = next((s for s in DeliveryState if s.value == asked["state"]), None)
        filters = DeliveryFilters(state=state, domain=asked["domain"])
        problem, page = "", None
        try:
            page = outbox.page(
                site.app, filters, address=asked["address"], after=after, limit=PAGE_SIZE
            )
        except AddressError as exc:
            problem = str(exc)
        return gate.page(
            request,
            "deliveries.html",
            title="Deliveries",
            status=422 if problem else 200,
            page=page,
            problem=problem,
            asked=asked,
            states=tuple(DeliveryState),
        )

    @router.get(HOME + "/deliveries/{number}")
    def delivery(number: RowNumber, request: Request) -> Response:
        gate.ask(request)
        story = outbox.story(site.app, number)
        return gate.page(
            request,
            "delivery.html",
            title=f"Delivery {number}",
            story=story,
            delivery=story.delivery,
            may_retry=story.delivery.state in outbox.RETRYABLE,
            may_cancel=story.delivery.state in outbox.CANCELLABLE,
        )

    return router


def _add_editions(router: APIRouter, site: Site, gate: Gate) -> None:
    @router.get(f"{HOME}/editions")
    def list_editions(request: Request, after: After = 0) -> Response:
        gate.ask(request)
        asked = texts_of(request.query_params, "profile", "on")
        page = editions.page(
            site.app,
            profile=asked["profile"],
            edition_on=day_of(asked["on"]),
            after=after,
            limit=PAGE_SIZE,
        )
        return gate.page(request, "editions.html", title="Editions", page=page, asked=asked)

    @router.get(HOME + "/editions/{number}")
    def edition(number: RowNumber, request: Request) -> Response:
        gate.ask(request)
        story = editions.show(site.app, number)
        picked = [pick.paper_id for pick in story.edition.picks]
        papers = {e.paper.row_id: e.paper for e in reading.read_papers(site.app, picked)}
        return gate.page(
            request, "edition.html", title=f"Edition {number}", story=story, papers=papers
        )


def _add_levers(router: APIRouter, site: Site, gate: Gate) -> None:
    @router.post(HOME + "/deliveries/{number}/retry")
    async def retry(number: RowNumber, request: Request) -> Response:
        await gate.form(request)
        moved = await run_in_threadpool(outbox.retry, site.app, [number])
        return gate.go(f"{HOME}/deliveries/{number}", said="retried" if moved else "unmoved")

    @router.post(HOME + "/deliveries/{number}/cancel")
    async def cancel(number: RowNumber, request: Request) -> Response:
        await gate.form(request)
        moved = await run_in_threadpool(outbox.cancel, site.app, [number])
        return gate.go(f"{HOME}/deliveries/{number}", said="cancelled" if moved else "unmoved")
