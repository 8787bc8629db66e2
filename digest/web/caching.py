"""Keep what every visitor sees alike for a few seconds: a crowd costs what one visitor does.

Only answers that say of themselves that anybody may keep them (``Cache-Control: public``) are
kept, and given out for less long than they allow, and only until the next poll.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = 30.0
LARGEST = 512 * 1024
"""Larger answers are not kept."""
_KEPT_TYPES = (b"text/html", b"application/atom+xml", b"application/feed+json")
Key = tuple[str, bytes, bytes, bytes, int]


@dataclass(frozen=True)
class Kept:
    """One whole answer."""

    start: Message
    body: bytes
    until: float


@dataclass
class Shelf:
    """The latest answers, so many bytes of them."""

    most_bytes: int = 16 * 1024 * 1024
    _kept: OrderedDict[Key, Kept] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def take(self, key: Key, now: float) -> Kept | None:
        """Return an answer that is still good."""
        found = self._kept.get(key)
        if found is None or found.until <= now:
            return None
        self._kept.move_to_end(key)
        return found

    def put(self, key: Key, answer: Kept) -> None:
        """Keep an answer; the ones that were not asked for the longest go."""
        if before := self._kept.pop(key, None):
            self._bytes -= len(before.body)
        self._kept[key] = answer
        self._bytes += len(answer.body)
        while self._bytes > self.most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)


class PublicCacheMiddleware:
    """Gives public answers out again while nothing was polled; ``version`` changes when it was."""

    def __init__(self, app: ASGIApp, version: Callable[[], int]) -> None:
        self._app = app
        self._version = version
        self._shelf = Shelf()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET" or _names_a_person(scope):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        version = await run_in_threadpool(self._version)
        key = (
            scope["scheme"],
            headers.get(b"host", b""),
            scope.get("raw_path") or scope["path"].encode(),
            scope["query_string"],
            version,
        )
        now = time.monotonic()
        if found := self._shelf.take(key, now):
            await send({**found.start, "headers": list(found.start["headers"])})
            await send({"type": "http.response.body", "body": found.body})
            return
        answer = _Recorder(send)
        await self._app(scope, receive, answer)
        if answer.is_complete and answer.start is not None and _may_be_kept(answer.start):
            self._shelf.put(key, Kept(answer.start, bytes(answer.body), now + SECONDS))


class _Recorder:
    """Passes an answer on and remembers it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.start: Message | None = None
        self.body = bytearray()
        self.is_complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The guard around us adds headers to the very list: keep our own.
            self.start = {**message, "headers": list(message["headers"])}
        elif message["type"] == "http.response.body":
            if len(self.body) <= LARGEST:
                self.body += message.get("body", b"")
            self.is_complete = not message.get("more_body") and len(self.body) <= LARGEST
        await self._send(message)


def _names_a_person(scope: Scope) -> bool:
    return any(name in {b"authorization", b"cookie"} for name, _ in scope["headers"])


def _may_be_kept(start: Message) -> bool:
    headers = dict(start["headers"])
    return (
        start["status"] == 200
        and headers.get(b"cache-control", b"").startswith(b"public, max-age=60")
        and headers.get(b"content-type", b"").startswith(_KEPT_TYPES)
        and b"set-cookie" not in headers
    )
