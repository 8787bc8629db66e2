"""What a page that is not kept may cost: so many a minute for each network, so many at once.

Static files, health, one-click unsubscribing and webhooks are never held up. Requests that wait
for their turn hold no thread, so every other page goes on.
"""

from __future__ import annotations

import math
from urllib.parse import parse_qs

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from digest.web.parameters import is_public
from digest.web.site import Site

AT_ONCE = 3
"""Dear pages that are made at the same time: Python runs one of them at a time anyway."""
MOST_WAITING = 60
"""More visitors than this are told to come again."""
LONGEST_WAIT_S = 20.0
_FREE = ("/static/", "/robots.txt", "/healthz")
_OWN = ("/owner", "/api/")


class CostMiddleware:
    """Stands behind the cache: what comes here has to be made."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site
        self._turns: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, refuse it, or let it wait for its turn."""
        if scope["type"] != "http" or scope["method"] != "GET":
            # What is posted is bounded by its own routes: a body may take its time to come in.
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if path.startswith((*_FREE, *_OWN)):
            await self._app(scope, receive, send)
            return
        limit = "rankings" if _is_ranked(path, scope["query_string"]) else "pages"
        if not self._site.allows(limit, Request(scope)):
            await self._site.too_many()(scope, receive, send)
        elif not (is_public(path) or path == "/subscribe"):
            await self._app(scope, receive, send)
        elif not await self._in_turn(scope, receive, send):
            await self._site.busy()(scope, receive, send)

    async def _in_turn(self, scope: Scope, receive: Receive, send: Send) -> bool:
        self._turns = turns = self._turns or anyio.CapacityLimiter(AT_ONCE)
        if turns.statistics().tasks_waiting >= MOST_WAITING:
            return False
        with anyio.move_on_after(LONGEST_WAIT_S) as waiting:
            async with turns:
                waiting.shield, waiting.deadline = True, math.inf
                await self._app(scope, receive, send)
                return True
        return False


def _is_ranked(path: str, query: bytes) -> bool:
    asked = parse_qs(query.decode("latin-1"))
    has_interest = any(asked.get(name) for name in ("terms", "authors", "categories"))
    return has_interest and (path == "/subscribe" or asked.get("sort") == ["interests"])
