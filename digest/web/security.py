"""What guards every answer: headers, sizes, rates. It knows nothing of papers or subscribers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from threading import Lock

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 4 * 1024 * 1024
"""Largest request body: a library export, a list of subscribers, a service's report."""
_LARGE = ("/preview", "/subscribe", "/preferences/", "/hooks/", "/api/v1/subscribers/import")
_API_BODY_LIMIT = 256 * 1024
_FORM_LIMIT = 64 * 1024
_ENCODED_LIMIT = 512 * 1024
"""Of a form without files, which is read byte by byte: every interest filled in whole."""
MOST_HEADERS = 100
LONGEST_ADDRESS = 12 * 1024

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

        limit = body_limit(scope["path"].removeprefix(scope.get("root_path", "")))
        if not _is_upload(scope):
            limit = min(limit, _ENCODED_LIMIT)
        if (status := _excess(scope, limit)) is not None:
            text = f"The request is too large: {HTTPStatus(status).phrase}.\n"
            refusal = PlainTextResponse(text, status_code=status, headers={"Connection": "close"})
            await refusal(scope, receive, send_guarded)
            return
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
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


def body_limit(path: str) -> int:
    """Return how many bytes may be posted to a path of ours."""
    if path.startswith(_LARGE):
        return BODY_LIMIT
    return _API_BODY_LIMIT if path.startswith("/api/") else _FORM_LIMIT


def _excess(scope: Scope, limit: int) -> int | None:
    """Return the status that refuses a request for its size; None where it has none."""
    if _declared_length(scope) > limit:
        return 413
    if len(scope["path"]) + len(scope["query_string"]) > LONGEST_ADDRESS:
        return 414
    return 431 if len(scope["headers"]) > MOST_HEADERS else None


def _is_upload(scope: Scope) -> bool:
    kinds = [value for name, value in scope["headers"] if name == b"content-type"]
    return not any(b"x-www-form-urlencoded" in value.lower() for value in kinds)


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
