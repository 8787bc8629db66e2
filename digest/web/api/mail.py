"""Editions, deliveries and sending."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from digest.actions import editions, outbox, sending
from digest.actions.outbox import DeliveryStory
from digest.model import DeliveryState, Purpose
from digest.store.deliveries import Delivery, DeliveryFilters
from digest.store.editions import EditionLine
from digest.web.api.problems import documented
from digest.web.api.schemas import (
    After,
    Day,
    EditionOut,
    Limit,
    Line,
    Moved,
    PageOf,
    RowNumber,
    SendIn,
    SendingIn,
    SendingOut,
    SendOut,
)
from digest.web.site import Site

_RowFilter = Annotated[int | None, Query(ge=1, le=2**53)]


def routes(site: Site) -> APIRouter:
    """Return the routes."""
    router = APIRouter()
    _add_deliveries(router, site)

    @router.get("/editions", response_model=PageOf[EditionLine], tags=["editions"])
    def list_editions(
        subscriber_id: _RowFilter = None,
        profile: Annotated[Line, Query(description="Name of a profile.")] = "",
        edition_on: Annotated[Day | None, Query(description="The date it carries.")] = None,
        after: After = 0,
        limit: Limit = 100,
    ) -> Any:
        """List editions, newest first."""
        return editions.page(
            site.app,
            subscriber_id=subscriber_id or 0,
            profile=profile,
            edition_on=edition_on,
            after=after,
            limit=limit,
        )

    @router.get(
        "/editions/{edition_id}", response_model=EditionOut, responses=documented(404),
        tags=["editions"],
    )  # fmt: skip
    def show_edition(edition_id: RowNumber) -> Any:
        """Show an edition with its picks and the reason of each."""
        return editions.show(site.app, edition_id)

    @router.post("/send", response_model=SendOut, responses=documented(404), tags=["send"])
    def send(wanted: SendIn) -> Any:
        """Make a profile's edition now and mail it; papers shown before are not sent again."""
        return sending.send(
            site.app, wanted.profile, to=wanted.to, dry_run=wanted.dry_run, on=wanted.on
        )

    @router.get("/sending", response_model=SendingOut, tags=["send"])
    def show_sending() -> Any:
        """Tell whether sending is on hold, and what is in the outbox."""
        return outbox.standing(site.app)

    @router.put("/sending", response_model=SendingOut, tags=["send"])
    def hold_sending(wanted: SendingIn) -> Any:
        """Hold all sending, at once and on every machine, or let it go on."""
        (outbox.pause if wanted.is_paused else outbox.resume)(site.app)
        return outbox.standing(site.app)

    return router


def _add_deliveries(router: APIRouter, site: Site) -> None:
    @router.get("/deliveries", response_model=PageOf[Delivery], tags=["deliveries"])
    def list_deliveries(
        state: DeliveryState | None = None,
        purpose: Purpose | None = None,
        edition_id: _RowFilter = None,
        subscriber_id: _RowFilter = None,
        domain: Line = "",
        after: After = 0,
        limit: Limit = 100,
    ) -> Any:
        """List deliveries, newest first."""
        filters = DeliveryFilters(
            state=state,
            purpose=purpose,
            edition_id=edition_id,
            subscriber_id=subscriber_id,
            domain=domain,
        )
        return outbox.page(site.app, filters, after=after, limit=limit)

    @router.get(
        "/deliveries/{delivery_id}", response_model=DeliveryStory, responses=documented(404),
        tags=["deliveries"],
    )  # fmt: skip
    def show_delivery(delivery_id: RowNumber) -> Any:
        """Show a delivery and each of its attempts."""
        return outbox.story(site.app, delivery_id)

    @router.post(
        "/deliveries/{delivery_id}/retry", response_model=Moved, responses=documented(404),
        tags=["deliveries"],
    )  # fmt: skip
    def retry_delivery(delivery_id: RowNumber) -> Any:
        """Make an unsent one due now, even if late (an uncertain one may come twice)."""
        return Moved(moved=outbox.retry(site.app, [delivery_id]))

    @router.post(
        "/deliveries/{delivery_id}/cancel", response_model=Moved, responses=documented(404),
        tags=["deliveries"],
    )  # fmt: skip
    def cancel_delivery(delivery_id: RowNumber) -> Any:
        """End one that is not sent."""
        return Moved(moved=outbox.cancel(site.app, [delivery_id]))
