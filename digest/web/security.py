"""What guards every answer: headers, sizes, rates. It knows nothing of papers or subscribers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 4 * 1024 * 1024
"""Largest request body: a library export or a list of subscribers."""

PRIVATE_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
"""For pages that a token opened: kept nowhere, indexed by nobody."""


def content_security_policy(*, remote_images: bool) -> str:
    """Return a policy without inline script or style, and without frames."""
    images = "'self' data: https:" if remote_images else "'self' data:"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src {images}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


class GuardMiddleware:
    """Adds security headers to every answer and refuses bodies that are too large."""

    def __init__(self, app: ASGIApp, *, remote_images: bool) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": content_security_policy(remote_images=remote_images),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
            # What may be kept says so itself.
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        if _declared_length(scope) > BODY_LIMIT:
            refusal = PlainTextResponse("The request is too large.\n", status_code=413)
            await refusal(scope, receive, send_guarded)
            return
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_LIMIT:
                # Without a declared length: end it as if the client had gone.
                return {"type": "http.disconnect"}
            return message

        await self._app(scope, receive_bounded, send_guarded)


class HeadMiddleware:
    """Answers HEAD as GET without its body (RFC 9110 section 9.3.2), on every page alike."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else BODY_LIMIT + 1
    return 0


@dataclass
class RateLimiter:
    """At most ``count`` events per ``seconds`` and name, as a bucket that refills steadily.

    Kept in this process: behind several processes each allows as many.
    """

    count: float
    seconds: float
    clock: Callable[[], datetime]
    names: int = 10_000
    _buckets: OrderedDict[str, tuple[float, datetime]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def allows(self, name: str) -> bool:
        """Take one event from the bucket of this name, or say no."""
        now = self.clock()
        with self._lock:
            tokens, at = self._buckets.pop(name, (self.count, now))
            passed = max((now - at).total_seconds(), 0.0)
            tokens = min(self.count, tokens + passed * self.count / self.seconds)
            allowed = tokens >= 1
            self._buckets[name] = (tokens - 1 if allowed else tokens, now)
            while len(self._buckets) > self.names:
                self._buckets.popitem(last=False)
            return allowed
