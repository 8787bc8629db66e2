"""What the owner watches: sources, runs, what is wrong, what came back."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from digest.actions import polling, watching
from digest.actions.polling import SourceHealth
from digest.actions.watching import Returned
from digest.store.alerts import Alert
from digest.store.watching import RunLine
from digest.web.site import Site

_Most = Annotated[int, Query(ge=1, le=1000, description="Items at most.")]


def routes(site: Site) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["watching"])

    @router.get("/sources", response_model=list[SourceHealth])
    def list_sources() -> Any:
        """List the configured sources with their health and last poll."""
        return polling.health(site.app)

    @router.get("/runs", response_model=list[RunLine])
    def list_runs(limit: _Most = 100) -> Any:
        """List the latest passes, newest first, without uneventful ticks."""
        return watching.runs(site.app, limit=limit)

    @router.get("/alerts", response_model=list[Alert])
    def list_alerts() -> Any:
        """List what is wrong now, the oldest trouble first."""
        return watching.alarms(site.app)

    @router.get("/bounces", response_model=Returned)
    def list_bounces(limit: _Most = 100) -> Any:
        """List the latest bounces, complaints and suppressions (known by a hash)."""
        return watching.returned(site.app, limit=limit)

    return router
