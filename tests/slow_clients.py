"""Clients that hold connections and never finish what they ask: one byte in two seconds."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

EVERY_S = 2.0
STARTS = (
    b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 60000\r\n\r\na",
    b"POST /preview HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n1\r\n-\r\n", b"",
)  # fmt: skip
"""How they begin: within the line, the headers, a body, a chunked body, or not at all."""


@dataclass
class SlowClients:
    """So many of them, each of which comes back when it is thrown out."""

    port: int
    count: int
    returns: bool = True
    opened: int = 0
    """Connections that were opened altogether."""
    _open: dict[int, socket.socket] = field(default_factory=dict)
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def held(self) -> int:
        """Return how many are connected now, as far as they know."""
        return len(self._open)

    def run(self) -> None:
        """Hold the connections until told to stop."""
        turn_at = {place: time.monotonic() for place in range(self.count)}
        while not self._ended.wait(0.05):
            now = time.monotonic()
            for place in [place for place, at in turn_at.items() if at <= now]:
                turn_at[place] = now + EVERY_S
                self._turn(place)
                if self._ended.is_set():
                    break
        for connection in self._open.values():
            connection.close()

    def stop(self) -> None:
        self._ended.set()

    def _turn(self, place: int) -> None:
        connection = self._open.get(place)
        try:
            if connection is None:
                if not self.returns:
                    return
                self._open[place] = connection = socket.create_connection(
                    ("127.0.0.1", self.port), 5
                )
                self.opened += 1
                connection.setblocking(False)
                connection.send(STARTS[place % len(STARTS)])
            elif place % len(STARTS) != len(STARTS) - 1:
                connection.send(b"a")
            if self._is_closed(connection):
                raise ConnectionError
        except OSError:
            if (gone := self._open.pop(place, None)) is not None:
                gone.close()

    def _is_closed(self, connection: socket.socket) -> bool:
        with contextlib.suppress(BlockingIOError):
            return connection.recv(4096) == b""
        return False


@contextlib.contextmanager
def slow_clients(port: int, count: int) -> Iterator[SlowClients]:
    """Hold so many connections as long as the block lasts."""
    found = SlowClients(port, count)
    thread = threading.Thread(target=found.run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join(30)
