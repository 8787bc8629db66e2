"""Static files and the few fixed addresses: robots.txt, health, metrics."""

from __future__ import annotations

import re
from functools import cache
from pathlib import PurePosixPath

import anyio
from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from digest.actions import owning
from digest.errors import StoreError
from digest.rendering.templates import find_file
from digest.web.api.guard import is_owner
from digest.web.site import STATIC_TYPES, Site

CLOSED = (
    "/u/", "/f/", "/confirm/", "/refuse/", "/preferences/", "/editions/", "/saved/", "/export/",
    "/erase/", "/feeds/private/", "/owner", "/api/", "/search",
)  # fmt: skip

_FILE_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}\.[a-z0-9]{1,10}")
"""Nothing that leads to another folder."""


def routes(site: Site) -> APIRouter:
    """Return the routes."""

    @cache
    def _threads() -> anyio.CapacityLimiter:
        return anyio.CapacityLimiter(2)  # health is told while all other threads are busy

    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        kind = STATIC_TYPES.get(PurePosixPath(name).suffix)
        owner_dir = site.app.config.settings.mail.templates_dir
        path = find_file(f"web/static/{name}", owner_dir) if _FILE_NAME.fullmatch(name) else None
        if kind is None or path is None:
            return PlainTextResponse("there is no such file\n", status_code=404)
        # The address changes with the content (see Site.static_url).
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return FileResponse(path, media_type=kind, headers=headers)

    @router.get("/robots.txt")
    def robots() -> Response:
        lines = [f"Disallow: {site.url(path)}" for path in CLOSED]
        return PlainTextResponse("User-agent: *\n" + "\n".join(lines) + "\n")

    @router.get("/healthz")
    async def health() -> Response:
        try:
            revision = await anyio.to_thread.run_sync(owning.health, site.app, limiter=_threads())
        except StoreError as exc:
            return JSONResponse({"ok": False, "problem": str(exc)}, status_code=503)
        headers = {"Cache-Control": "no-store"}
        return JSONResponse({"ok": True, "revision": revision}, headers=headers)

    @router.get("/metrics")
    def metrics(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        knows = scheme.lower() == "bearer" and is_owner(site, token.strip())
        text = owning.metrics_text(site.app, with_readers=knows)
        return PlainTextResponse(
            text, media_type="text/plain; version=0.0.4", headers={"Cache-Control": "no-store"}
        )

    return router
