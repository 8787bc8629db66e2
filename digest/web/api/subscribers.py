"""Subscribers: list, show, add, change, unsubscribe, erase; lists as CSV in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from digest.actions import erasing, subscriber_lists, subscribers
from digest.errors import MissingError
from digest.model import SubscriberStatus
from digest.subscribers.lists import ListFormat
from digest.web.api.problems import documented
from digest.web.api.schemas import (
    After,
    Ended,
    ImportOut,
    Limit,
    Line,
    Name,
    PageOf,
    RowNumber,
    SubscriberChange,
    SubscriberIn,
    SubscriberOut,
)
from digest.web.site import Site

_CSV: dict[str, Any] = {"text/csv": {"schema": {"type": "string"}}}
_FORMAT = Annotated[ListFormat, Query(alias="format", description="Whose columns.")]


def routes(site: Site) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["subscribers"])
    _add_lists(router, site)

    @router.get("/subscribers", response_model=PageOf[SubscriberOut])
    def list_subscribers(
        status: SubscriberStatus | None = None,
        search: Annotated[Line, Query(description="Part of the address.")] = "",
        profile: Annotated[Line, Query(description="Name of a profile they subscribed to.")] = "",
        after: After = 0,
        limit: Limit = 100,
    ) -> Any:
        """List subscribers in the order in which they came."""
        return subscribers.page(
            site.app, status=status, search=search, profile=profile, after=after, limit=limit
        )

    @router.post(
        "/subscribers", response_model=SubscriberOut, status_code=201,
        responses=documented(404, 409),
    )  # fmt: skip
    def add_subscriber(wanted: SubscriberIn) -> Any:
        """Subscribe an address to profiles from files, without asking it to confirm."""
        lines = subscribers.add(site.app, wanted.address, wanted.profiles)
        return subscribers.show(site.app, lines[0].subscriber_id)

    @router.get(
        "/subscribers/{subscriber_id}", response_model=SubscriberOut, responses=documented(404)
    )
    def show_subscriber(subscriber_id: RowNumber) -> Any:
        """Show one subscriber."""
        return subscribers.show(site.app, subscriber_id)

    @router.patch(
        "/subscribers/{subscriber_id}", response_model=SubscriberOut, responses=documented(404, 409)
    )
    def change_subscriber(subscriber_id: RowNumber, wanted: SubscriberChange) -> Any:
        """Change the address or the profiles from files; what is not named stays."""
        return subscribers.change(
            site.app, subscriber_id, address=wanted.address, profile_names=wanted.profiles
        )

    @router.post(
        "/subscribers/{subscriber_id}/unsubscribe", response_model=Ended, responses=documented(404)
    )
    def unsubscribe(subscriber_id: RowNumber) -> Any:
        """End all subscriptions, at once; the address is suppressed until it opts in again."""
        return Ended(subscriptions=subscribers.unsubscribe(site.app, subscriber_id))

    @router.delete("/subscribers/{subscriber_id}", status_code=204, responses=documented(404))
    def erase_subscriber(subscriber_id: RowNumber) -> None:
        """Erase all that names the subscriber; the address stays suppressed, by a hash."""
        if not erasing.erase(site.app, subscriber_id, via=subscribers.OWNER):
            raise MissingError(f"there is no subscriber {subscriber_id}")

    return router


def _add_lists(router: APIRouter, site: Site) -> None:
    @router.get(
        "/subscribers/export",
        response_class=Response,
        responses={200: {"description": "A CSV file.", "content": _CSV}},
    )
    def export_subscribers(
        chosen: _FORMAT = ListFormat.DIGEST, status: SubscriberStatus | None = None
    ) -> Response:
        """Give all subscribers as CSV; listmonk's format holds the confirmed ones by default."""
        return StreamingResponse(
            _encoded(subscriber_lists.export_list(site.app, chosen, status=status)),
            media_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": 'attachment; filename="subscribers.csv"',
                "Cache-Control": "no-store",
            },
        )

    @router.post(
        "/subscribers/import",
        response_model=ImportOut,
        responses=documented(404, 413),
        openapi_extra={"requestBody": {"required": True, "content": _CSV}},
    )
    async def import_subscribers(
        request: Request,
        chosen: Annotated[
            ListFormat | None, Query(alias="format", description="Insist on this format.")
        ] = None,
        profile: Annotated[
            list[Name] | None, Query(max_length=100, description="For rows that name none.")
        ] = None,
        name: Annotated[Line, Query(description="The file's name, kept as proof.")] = "",
        column: Annotated[
            list[Line] | None,
            Query(max_length=100, description="NAME=MEANING: what a column says of its rows."),
        ] = None,
        dry_run: Annotated[bool, Query(description="Say what would happen.")] = False,
    ) -> Any:
        """Add the subscribers of a CSV file (the body); nobody who left is brought back."""
        try:
            content = await request.body()
        except ClientDisconnect as exc:  # so the guard ends what is too long
            raise HTTPException(413, "the file is too large, or was cut short") from exc

        def take() -> subscriber_lists.ImportReport:
            return subscriber_lists.import_list(
                site.app,
                content,
                name=name,
                profile_names=profile or (),
                reading=subscriber_lists.reading_of(column or (), chosen),
                dry_run=dry_run,
            )

        return await run_in_threadpool(take)


def _encoded(lines: Iterator[str]) -> Iterator[bytes]:
    return (line.encode() for line in lines)
