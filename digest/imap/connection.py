"""An IMAP connection that ends: every command has a deadline and a bound on what is kept of it.

``imaplib`` waits for as long as a server sends anything at all, and keeps whatever it sends.
"""

from __future__ import annotations

import imaplib
import ssl
import time
from collections.abc import Callable
from io import BufferedReader
from typing import Any, cast

GREETING_BYTES = 64 * 1024
_PIECE = 64 * 1024


class TooMuchError(ValueError):
    """The server sends more than was asked for: the connection cannot be used any more.

    No error of ``imaplib``, which would wrap it into one of its own.
    """


class Bounded(imaplib.IMAP4):
    """Reads and writes within what `allow` granted last. Raises ``imaplib.IMAP4.abort``."""

    def __init__(self, host: str, port: int, *, timeout_s: float) -> None:
        self.allow(GREETING_BYTES, timeout_s)
        super().__init__(host, port, timeout=timeout_s)

    def allow(self, most_bytes: int, seconds: float) -> None:
        """Grant the next command so many bytes of answers and so much time."""
        self._left = most_bytes
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds

    def read(self, size: int) -> bytes:
        """Return a literal, whole; one that is too large is refused when it is announced."""
        if size > self._left:
            raise TooMuchError(f"the server sends {size} bytes, {self._left} at most were wanted")
        pieces = []
        while size:
            piece = self._piece(size)
            if not piece:
                break
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def readline(self) -> bytes:
        """Return a line with its end; what there is of it at the end of the stream."""
        line = bytearray()
        while not line.endswith(b"\n"):
            self._wait()
            window = self._in_time(self._stream.peek, 1)
            end = window.find(b"\n") + 1
            piece = self._piece(end or len(window))
            if not piece:
                break
            line += piece
        return bytes(line)

    def send(self, data: Any) -> None:
        """Write a command."""
        self._wait()
        super().send(data)

    @property
    def _stream(self) -> BufferedReader:
        return cast("BufferedReader", self.file)

    def _piece(self, most: int) -> bytes:
        """Return what has come, ``most`` bytes at most; nothing at the end of the stream."""
        self._wait()
        if not most:
            return b""
        piece = self._in_time(self._stream.read1, min(most, _PIECE))
        self._left -= len(piece)
        if self._left < 0:
            raise TooMuchError("the server sends more than was asked for")
        return piece

    def _in_time(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except TimeoutError:
            raise self._late() from None

    def _wait(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._late()
        self.sock.settimeout(left)

    def _late(self) -> imaplib.IMAP4.abort:
        return self.abort(f"the server has not finished its answer in {self._seconds:.3g} s")


class BoundedTls(Bounded):
    """The same, encrypted from the first byte on."""

    def __init__(self, host: str, port: int, *, timeout_s: float, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(host, port, timeout_s=timeout_s)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        plain = super()._create_socket(timeout)  # type: ignore[misc]
        return self._context.wrap_socket(plain, server_hostname=self.host)
