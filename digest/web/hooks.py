"""Where mail services post refusals and complaints; the address itself holds the secret."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from digest.actions import posted
from digest.delivery.bounces.posted import TooMuchError
from digest.errors import MissingError
from digest.web.security import PRIVATE_HEADERS
from digest.web.site import Site


def routes(site: Site) -> APIRouter:
    """Return the routes of webhooks."""
    router = APIRouter(include_in_schema=False)

    @router.post("/hooks/bounces/{secret}")
    async def bounces(secret: str, request: Request) -> Response:
        if not posted.may_post(site.app, secret):
            raise MissingError("there is no such page")
        content = await request.body()
        try:
            report = await run_in_threadpool(posted.take, site.app, content)
        except TooMuchError as exc:
            return JSONResponse({"error": str(exc)}, status_code=413, headers=PRIVATE_HEADERS)
        except ValueError as exc:
            return JSONResponse({"error": str(exc)}, status_code=422, headers=PRIVATE_HEADERS)
        told = {"seen": report.seen, "unmatched": report.unmatched}
        return JSONResponse(told, headers=PRIVATE_HEADERS)

    return router
