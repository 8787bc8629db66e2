"""Hold as many connections as the process can afford, and none for longer than it is used.

A client that trickles its request, or never reads its answer, costs one connection for some
seconds. When all are taken, the one that has waited longest makes room: a visitor who sends a
request at once is always served.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from digest.subscribers.limits import network_of

log = logging.getLogger(__name__)

HEAD_BYTES = 16 * 1024
"""Most bytes of a request's line and headers together."""
HEAD_S = 10.0
"""Seconds for the whole head of a request, counted from the opening of the connection."""
IDLE_S = 15
"""Seconds that an answered connection stays open for another request."""
BODY_S = 15.0
"""Seconds that every body may take; larger ones get what BODY_RATE gives them."""
BODY_RATE = 2_000
"""Bytes per second that a body must come in with."""
READ_BYTES = 16 * 1024
"""Most bytes of one connection that are parsed before the others get their turn."""
LOOSE_BYTES = 64 * 1024
"""From so many bytes on, a quarter of them must be content: not chunks of a byte each."""
UNREAD_S = 30.0
"""Seconds that an answer may wait for its reader without any progress."""
SWEEP_S = 1.0
REPORT_S = 30.0
"""Seconds between two lines in the log about connections that were closed."""
ACCEPTS = 64
"""Connections accepted before those that wait for an answer get their turn."""
GREEDY = 16
"""A network with so many connections makes room before all others do."""
QUEUE = 1024
"""Connections that the system holds until they are accepted."""
DESCRIPTORS = 8192
"""Descriptors that the process asks for, where it may have so many."""
OTHER_WORK = 384
"""Descriptors that stay free for polling, sending and the store."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many connections are held at once."""

    connections: int = 2500
    exempt: frozenset[str] = frozenset()
    """Addresses of trusted proxies: their connections are those of many visitors."""

    @property
    def per_network(self) -> int:
        """Return how many one IPv4 address or IPv6 /64 may have; this machine may have all."""
        return max(self.connections // 5, 4)


def raise_descriptors() -> int:
    """Raise the soft limit on open files as far as useful and allowed; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    wanted = DESCRIPTORS if hard == infinite else min(DESCRIPTORS, hard)
    if soft != infinite and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return DESCRIPTORS if soft == infinite else soft


def affordable(wanted: int, descriptors: int) -> int:
    """Return how many connections fit beside the process's other work.

    >>> affordable(1000, 8192), affordable(1000, 1024), affordable(1000, 256)
    (1000, 640, 64)
    """
    return min(wanted, max(descriptors - OTHER_WORK, descriptors // 4))


@dataclass
class Held:
    """The connections that are open now, those first that have waited longest."""

    limits: Limits
    open: dict[Bounded, None] = field(default_factory=dict)
    by_network: dict[str, dict[Bounded, None]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    """Connections closed by us since the last line in the log, by reason."""
    _report_at: float = 0.0

    def add(self, connection: Bounded) -> bool:
        """Take a connection in, at the cost of another one if need be; False where none can go."""
        limits, network = self.limits, connection.network
        has_room = True
        if network and len(self.by_network.get(network, ())) >= limits.per_network:
            has_room = self._evict(self.by_network[network])
        if has_room and len(self.open) >= limits.connections:
            has_room = self._evict(self._greediest()) or self._evict(self.open)
        if not has_room:
            self.dropped["full"] += 1
            return False
        self.open[connection] = None
        self.by_network.setdefault(network, {})[connection] = None
        return True

    def remove(self, connection: Bounded) -> None:
        """Forget a connection that was closed."""
        if connection in self.open:
            del self.open[connection]
            mates = self.by_network[connection.network]
            del mates[connection]
            if not mates:
                del self.by_network[connection.network]

    def begin_to_wait(self, connection: Bounded) -> None:
        """Put a connection behind all that have waited longer."""
        if connection in self.open:
            for kept in (self.open, self.by_network[connection.network]):
                del kept[connection]
                kept[connection] = None

    def sweep(self, now: float) -> None:
        """Close what is overdue, and tell how many were closed."""
        for connection in list(self.open):
            if reason := connection.overdue(now):
                self.drop(connection, reason)
        if self.dropped and now >= self._report_at:
            self._report_at = now + REPORT_S
            told = " ".join(f"{reason}={count}" for reason, count in sorted(self.dropped.items()))
            log.warning("closed connections open=%d %s", len(self.open), told)
            self.dropped.clear()

    def drop(self, connection: Bounded, reason: str) -> None:
        """Close a connection at once, whatever it waits for."""
        self.dropped[reason] += 1
        self.remove(connection)
        connection.transport.abort()

    def _greediest(self) -> dict[Bounded, None]:
        named = (mates for network, mates in self.by_network.items() if network)
        mates = max(named, key=len, default={})
        return mates if len(mates) >= GREEDY else {}

    def _evict(self, among: Iterable[Bounded]) -> bool:
        for connection in among:
            if connection.is_waiting:
                self.drop(connection, "evicted")
                return True
        return False


class Bounded(H11Protocol):
    """One connection with deadlines for its head, its body, its answer and its rest."""

    def __init__(self, *, config: BoundedConfig, **options: Any) -> None:
        super().__init__(config=config, **options)
        self._held = config.held
        self.network = ""
        self.since = self.loop.time()
        """When the connection began to wait for what it waits for now."""
        self._received = 0
        self._content = 0
        self._blocked_since: float | None = None

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for its client: between requests, or amid one."""
        return not self._is_asking or self._is_sending_body

    @property
    def _is_asking(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _is_sending_body(self) -> bool:
        return self._is_asking and self.cycle.more_body and not self.flow.read_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in, or close it."""
        super().connection_made(transport)
        if hasattr(transport, "max_size"):  # asyncio's own reads 256 kB at a time
            transport.max_size = READ_BYTES
        host = self.client[0] if self.client else ""
        is_free = host in self._held.limits.exempt or host.startswith("127.") or host == "::1"
        self.network = "" if is_free else network_of(host, ipv4=32, ipv6=64)
        if not self._held.add(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Make room for another."""
        self._held.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        before = self.cycle
        held = len(before.body) if before is not None else 0
        self._received += len(data)
        super().data_received(data)
        if self.cycle is not before:
            self._received = self._content = 0
            self.since = self.loop.time()
            self._held.begin_to_wait(self)
        elif before is not None:
            self._content += len(before.body) - held
            if self._received > LOOSE_BYTES and self._content < self._received // 4:
                self._held.drop(self, "loose")

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self.since = self.loop.time()
        self._held.begin_to_wait(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Remember since when the client does not read."""
        self._blocked_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Forget that the client was slow."""
        self._blocked_since = None
        super().resume_writing()

    def overdue(self, now: float) -> str:
        """Return why this connection is to be closed; empty where it may stay."""
        waited = now - self.since
        if self._blocked_since is not None and now - self._blocked_since > UNREAD_S:
            return "unread"
        if self.transport.is_closing():
            return "unread" if waited > UNREAD_S else ""
        if not self._is_asking:
            allowed = HEAD_S if self.cycle is None else IDLE_S + HEAD_S
            return "head" if waited > allowed else ""
        if self._is_sending_body and waited > BODY_S + self._received / BODY_RATE:
            return "body"
        return ""

    def _should_upgrade(self) -> bool:
        return False  # there are no WebSockets here, and no line in the log for who asks


class BoundedConfig(uvicorn.Config):
    """uvicorn's settings with the connections that are held."""

    def __init__(self, app: Any, *, limits: Limits, **options: Any) -> None:
        super().__init__(
            app,
            http=Bounded,
            ws="none",
            backlog=ACCEPTS,
            h11_max_incomplete_event_size=HEAD_BYTES,
            timeout_keep_alive=IDLE_S,
            **options,
        )
        self.held = Held(limits)


class BoundedServer(uvicorn.Server):
    """uvicorn's server, which closes overdue connections and survives a lack of descriptors."""

    config: BoundedConfig

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and begin to look after connections."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_note)
        await super().startup(sockets)
        for server in getattr(self, "servers", ()):
            for listener in server.sockets:
                # asyncio accepts as many at a time as it lets the system hold: those two differ.
                with socket.socket(fileno=socket.dup(listener.fileno())) as twin:
                    twin.listen(QUEUE)
        self._sweeping = loop.create_task(self._sweep())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening; unfinished requests do not hold the process up."""
        self._sweeping.cancel()
        for connection in [one for one in self.config.held.open if one.is_waiting]:
            connection.transport.abort()
        await super().shutdown(sockets)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            self.config.held.sweep(loop.time())


def _note(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log.error("connection failed error=%s", type(error).__name__ if error else context["message"])
