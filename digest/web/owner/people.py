"""Subscribers: search, one person with all that concerns them, and their next edition."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from digest.actions import erasing, outbox, sending, subscribers
from digest.model import SubscriberStatus
from digest.store.deliveries import DeliveryFilters
from digest.web.owner.gate import HOME, Gate, texts_of
from digest.web.owner.mail import PAGE_SIZE, After, RowNumber
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site

MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox"
)
"""A mail's HTML has its styles in place; nothing of it runs, loads or leads anywhere."""


def routes(site: Site, gate: Gate) -> APIRouter:
    """Return the routes."""
    router = APIRouter(include_in_schema=False)
    _add_levers(router, site, gate)

    @router.get(f"{HOME}/subscribers")
    def people(request: Request, after: After = 0) -> Response:
        gate.ask(request)
        asked = texts_of(request.query_params, "search", "status", "profile")
        status = next((s for s in SubscriberStatus if s.value == asked["status"]), None)
        page = subscribers.page(
            site.app,
            status=status,
            search=asked["search"],
            profile=asked["profile"],
            after=after,
            limit=PAGE_SIZE,
        )
        return gate.page(
            request,
            "subscribers.html",
            title="Subscribers",
            page=page,
            asked=asked,
            statuses=tuple(SubscriberStatus),
        )

    @router.get(HOME + "/subscribers/{number}")
    def person(number: RowNumber, request: Request) -> Response:
        gate.ask(request)
        found = subscribers.show(site.app, number)
        filters = DeliveryFilters(subscriber_id=number)
        return gate.page(
            request,
            "subscriber.html",
            title=f"Subscriber {number}",
            person=found,
            consents=subscribers.consents(site.app, number),
            deliveries=outbox.page(site.app, filters, limit=20).items,
            explained=outbox.explain_mail(site.app, found.address),
        )

    @router.get(HOME + "/preview/{number}")
    def preview(number: RowNumber, request: Request) -> Response:
        gate.ask(request)
        found = sending.preview_subscription(site.app, number)
        return gate.page(request, "preview.html", title="Next edition", found=found, number=number)

    @router.get(HOME + "/preview/{number}/mail")
    def preview_mail(number: RowNumber, request: Request) -> Response:
        gate.ask(request)
        found = sending.preview_subscription(site.app, number)
        headers = {**PRIVATE_HEADERS, "Content-Security-Policy": MAIL_POLICY}
        return HTMLResponse(found.message.html, headers=headers)

    return router


def _add_levers(router: APIRouter, site: Site, gate: Gate) -> None:
    @router.post(HOME + "/subscribers/{number}/unsubscribe")
    async def unsubscribe(number: RowNumber, request: Request) -> Response:
        await gate.form(request)
        await run_in_threadpool(subscribers.unsubscribe, site.app, number)
        return gate.go(f"{HOME}/subscribers/{number}", said="unsubscribed")

    @router.post(HOME + "/subscribers/{number}/erase")
    async def erase(number: RowNumber, request: Request) -> Response:
        form = await gate.form(request)
        if form.text("sure") != "yes":
            return gate.go(f"{HOME}/subscribers/{number}", said="unticked")
        await run_in_threadpool(erasing.erase, site.app, number, via=subscribers.OWNER)
        return gate.go(f"{HOME}/subscribers", said="erased")
