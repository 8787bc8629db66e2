"""Put the pages together: routes, middleware, proxies, the prefix."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digest import __version__
from digest.actions import watching
from digest.app import App
from digest.errors import DigestError, MissingError, StoreError, TokenError
from digest.web import (
    assets,
    daily,
    feeds,
    hooks,
    leaving,
    papers,
    personal,
    preferences,
    search,
    subscribe,
    suggesting,
)
from digest.web.api import app as api
from digest.web.api.problems import problem
from digest.web.caching import PublicCacheMiddleware
from digest.web.costs import CostMiddleware
from digest.web.owner import mail, overview, people
from digest.web.owner.gate import Gate
from digest.web.security import GuardMiddleware, HeadMiddleware
from digest.web.site import Site, standard_limits

log = logging.getLogger(__name__)

ROUTES: tuple[Callable[[Site], APIRouter], ...] = (
    assets.routes,
    daily.routes,
    papers.routes,
    search.routes,
    feeds.routes,
    subscribe.routes,
    leaving.routes,
    hooks.routes,
    personal.routes,
    suggesting.routes,
    preferences.routes,
)
OWNER_ROUTES: tuple[Callable[[Site, Gate], APIRouter], ...] = (
    overview.routes,
    mail.routes,
    people.routes,
)
"""Off unless ``web.owner_token`` is set, like the API."""


class PrefixMiddleware:
    """Serves under a path prefix, whether the proxy keeps the prefix or strips it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the routes where they are mounted."""
        if scope["type"] == "http" and self._prefix:
            scope = dict(scope, root_path=self._prefix)
            if not scope["path"].startswith(self._prefix + "/"):
                bare = "/" if scope["path"] == self._prefix else scope["path"]
                scope["path"] = self._prefix + bare
        await self._app(scope, receive, send)


def create_app(app: App, *, limited: bool = True) -> FastAPI:
    """Return the pages of an open App as an ASGI application.

    As the public gets them they are ``limited``: rates are kept to, and public pages are cached.
    """
    site = Site(app, standard_limits(app) if limited else {})
    web = FastAPI(
        title=site.name,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # RFC 8058: the one-click address must never redirect
    )
    web.state.site = site
    for routes in ROUTES:
        web.include_router(routes(site))
    _add_errors(web, site)
    settings = app.config.settings.web
    if settings.owner_token is not None:
        gate = Gate(site)
        for owner_routes in OWNER_ROUTES:
            web.include_router(owner_routes(site, gate))
        web.mount(api.PATH, api.create_api(site))
    if limited:
        web.add_middleware(CostMiddleware, site=site)
        web.add_middleware(
            PublicCacheMiddleware,
            version=lambda: watching.polls_so_far(app),
            one_host=bool(app.config.settings.digest.base_url),
        )
    web.add_middleware(HeadMiddleware)
    web.add_middleware(GuardMiddleware, remote_images=settings.remote_images)
    web.add_middleware(PrefixMiddleware, prefix=site.prefix)
    if settings.trusted_proxies:
        web.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    return web


def _add_errors(web: FastAPI, site: Site) -> None:
    @web.exception_handler(HTTPException)
    def refused(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        if _is_api(request):
            return problem(exc.status_code, str(exc.detail), headers=exc.headers)
        if exc.status_code == 404:
            return daily.not_found(site)
        answer = site.message(
            "That did not work", str(exc.detail), status=exc.status_code, private=False
        )
        answer.headers.update(exc.headers or {})
        return answer

    @web.exception_handler(RequestValidationError)
    def unreadable(_request: Request, _exc: Exception) -> Response:
        return daily.not_found(site)  # a number in the address that is none

    @web.exception_handler(TokenError)
    def unknown_token(_request: Request, exc: Exception) -> Response:
        assert isinstance(exc, TokenError)
        return site.refusal(exc)

    @web.exception_handler(DigestError)
    def failed(request: Request, exc: Exception) -> Response:
        if _is_api(request):
            return problem(422, str(exc))
        if isinstance(exc, MissingError):
            return daily.not_found(site)
        if isinstance(exc, StoreError):
            log.error("page failed error=%s", json.dumps(str(exc)))
            return site.message(
                "The store does not answer", "It was noted. Try again in a while.", status=503
            )
        return site.message("That did not work", str(exc), status=422)

    @web.exception_handler(Exception)
    def broken(_request: Request, exc: Exception) -> Response:
        log.error("page failed error=%s", type(exc).__name__, exc_info=exc)
        return site.message(
            "Something broke here", "It was noted. Try again in a while.", status=500
        )


def _is_api(request: Request) -> bool:
    return "/api/" in request.url.path
