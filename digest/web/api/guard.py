"""Who may use the API: the bearer of the owner's token, so many times a minute (RFC 6750)."""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from digest.web.api.problems import problem
from digest.web.site import Site


def is_owner(site: Site, token: str) -> bool:
    """Tell the owner's token from others, in a time that says nothing of it."""
    kept = site.app.config.settings.web.owner_token
    if kept is None:
        return False
    known, shown = (
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        for text in (kept.get_secret_value(), token)
    )
    return hmac.compare_digest(known, shown)


class TokenMiddleware:
    """Refuses whoever has no token before anything of the request is read."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_owner(self._site, token.strip()):
            if not self._site.allows("login", request):
                answer = problem(429, "too many wrong tokens", headers={"Retry-After": "60"})
            else:
                answer = problem(
                    401, "send the owner's token", headers={"WWW-Authenticate": "Bearer"}
                )
            await answer(scope, receive, send)
        elif not self._site.allows("api", request):
            answer = problem(429, "too many requests", headers={"Retry-After": "60"})
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
