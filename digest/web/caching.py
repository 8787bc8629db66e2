"""Keep what every visitor sees alike for a few seconds: a crowd costs what one visitor does.

Only answers that say of themselves that anybody may keep them (``Cache-Control: public``) are
kept, and given out for less long than they allow, and only until the next poll. What visitors
make up (searches, interests, filters) has a small place of its own, so that it cannot push out
the pages that everybody reads.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.web.parameters import is_public, normalised

SECONDS = 30.0
LARGEST = 512 * 1024
"""Larger answers are not kept."""
LONGEST_KEY = 1000
"""Requests whose address is longer are answered, and their answers not kept."""
_KEPT_TYPES = (b"text/html", b"application/atom+xml", b"application/feed+json")
Key = tuple[str, bytes, str, bytes, int]


@dataclass(frozen=True)
class Kept:
    """One whole answer."""

    start: Message
    body: bytes
    until: float


@dataclass
class Shelf:
    """The latest answers, so many of them and so many bytes."""

    most_bytes: int = 16 * 1024 * 1024
    most: int = 500
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
        while self._bytes > self.most_bytes or len(self._kept) > self.most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)


class PublicCacheMiddleware:
    """Gives public answers out again while nothing was polled; ``version`` changes when it was.

    Of several visitors who ask for the same page at once, one has it made and the others wait.
    Where the public address is configured (``one_host``) no page depends on the Host header.
    """

    def __init__(self, app: ASGIApp, version: Callable[[], int], *, one_host: bool = False) -> None:
        self._app = app
        self._version = version
        self._one_host = one_host
        self._pages = Shelf()
        self._made_up = Shelf(most_bytes=4 * 1024 * 1024, most=100)
        self._being_made: dict[Key, asyncio.Event] = {}
        self._threads: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        scope = {**scope, "query_string": normalised(path, scope["query_string"])}
        key = await self._key(scope) if is_public(path) else None
        if key is None:
            await self._app(scope, receive, send)
            return
        shelf = self._made_up if scope["query_string"] else self._pages
        while True:
            if found := shelf.take(key, time.monotonic()):
                await send({**found.start, "headers": list(found.start["headers"])})
                await send({"type": "http.response.body", "body": found.body})
                return
            if (waiting := self._being_made.get(key)) is None:
                break
            await waiting.wait()
        await self._make(scope, receive, send, shelf, key)

    async def _make(
        self, scope: Scope, receive: Receive, send: Send, shelf: Shelf, key: Key
    ) -> None:
        made = self._being_made[key] = asyncio.Event()

        def done(answer: _Recorder | None = None) -> None:
            if answer is not None and answer.start and _may_be_kept(answer.start):
                until = time.monotonic() + SECONDS
                shelf.put(key, Kept(answer.start, bytes(answer.body), until))
            if not made.is_set():
                del self._being_made[key]
                made.set()

        try:
            await self._app(scope, receive, _Recorder(send, done))
        finally:
            done()

    async def _key(self, scope: Scope) -> Key | None:
        host = b"" if self._one_host else dict(scope["headers"]).get(b"host", b"")
        if len(host) + len(scope["path"]) + len(scope["query_string"]) > LONGEST_KEY:
            return None
        # Threads of its own: what is kept is given out while all others are busy.
        self._threads = self._threads or anyio.CapacityLimiter(4)
        version = await anyio.to_thread.run_sync(self._version, limiter=self._threads)
        return (scope["scheme"], host, scope["path"], scope["query_string"], version)


class _Recorder:
    """Passes an answer on and remembers it."""

    def __init__(self, send: Send, when_whole: Callable[[_Recorder], None]) -> None:
        self._send = send
        self._when_whole = when_whole
        self.start: Message | None = None
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The guard around us adds headers to the very list: keep our own.
            self.start = {**message, "headers": list(message["headers"])}
        elif message["type"] == "http.response.body":
            if len(self.body) <= LARGEST:
                self.body += message.get("body", b"")
            if not message.get("more_body") and len(self.body) <= LARGEST:
                self._when_whole(self)
        await self._send(message)


def _may_be_kept(start: Message) -> bool:
    headers = dict(start["headers"])
    return (
        start["status"] == 200
        and headers.get(b"cache-control", b"").startswith(b"public, max-age=60")
        and headers.get(b"content-type", b"").startswith(_KEPT_TYPES)
        and b"set-cookie" not in headers
    )
