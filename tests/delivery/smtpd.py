"""A real SMTP server on loopback that does what its script says, and counts.

Not aiosmtpd: refusing mid-dialogue, dropping after the dot and answering 421 to an idle
connection need control of every byte. ``ScriptedServer`` speaks enough SMTP to be a relay, with
PIPELINING; a script maps a command (``connect``, ``EHLO``, ``MAIL``, ``RCPT``, ``DATA``, ``.``)
to replies, first one first: a line, ``DROP``, or ``HANG``.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field

DROP = "DROP"
HANG = "HANG"


@dataclass(eq=False)
class Received:
    sender: str
    recipient: str
    content: bytes


@dataclass
class ScriptedServer:
    script: dict[str, list[str]] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE 10000000", "ENHANCEDSTATUSCODES")
    received: list[Received] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    connections: int = 0
    keeps_unanswered: bool = False
    """Take a message in whose reply is then lost: what makes deliveries uncertain."""

    def __enter__(self) -> ScriptedServer:
        self._script = {key: deque(replies) for key, replies in self.script.items()}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that blocks in accept() is not woken by close() alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def say(self, command: str, *replies: str) -> None:
        self._script.setdefault(command, deque()).extend(replies)

    def count(self, command: str) -> int:
        return sum(line.upper().startswith(command) for line in self.lines)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError, ConnectionError),
            connection,
            connection.makefile("rb") as reader,
        ):
            if self._answer(connection, "connect", "220 relay.test ESMTP"):
                _Talk(self, connection, reader).run()

    def _answer(self, connection: socket.socket, command: str, default: str) -> str:
        """Say the next scripted reply (or the default); empty where the connection ends."""
        return self._say(connection, self._next(command, default))

    def _next(self, command: str, default: str) -> str:
        with self._lock:
            queue = self._script.get(command)
            return queue.popleft() if queue else default

    def _say(self, connection: socket.socket, said: str) -> str:
        if said == HANG:
            time.sleep(3)
        if said in {HANG, DROP}:
            return ""
        connection.sendall(said.encode() + b"\r\n")
        return "" if said.startswith("421") else said


class _Talk:
    """One client's conversation."""

    def __init__(self, server: ScriptedServer, connection: socket.socket, reader) -> None:
        self.server = server
        self.connection = connection
        self.reader = reader
        self.sender = self.recipient = ""

    def run(self) -> None:
        while raw := self.reader.readline():
            line = raw.decode().strip()
            self.server.lines.append(line)
            verb = line[:4].upper()
            said = self.server._answer(self.connection, verb, self.default(verb))
            if not said or verb == "QUIT" or not self.follow(verb, line, said):
                return

    def default(self, verb: str) -> str:
        match verb:
            case "EHLO":
                lines = ["relay.test", *self.server.extensions]
                marks = ["-"] * (len(lines) - 1) + [" "]
                return "\r\n".join(f"250{m}{x}" for m, x in zip(marks, lines, strict=True))
            case "DATA":
                return "354 go on" if self.recipient else "503 5.5.1 no recipient"
            case "QUIT":
                return "221 2.0.0 bye"
        return "250 2.0.0 Ok"

    def follow(self, verb: str, line: str, said: str) -> bool:
        """Do as the reply promised; False where the connection ends."""
        if verb == "MAIL" and said[0] == "2":
            self.sender, self.recipient = line[10:].partition(">")[0].lstrip("<"), ""
        elif verb == "RCPT" and said[0] == "2":
            self.recipient = line[8:].partition(">")[0].lstrip("<")
        elif verb == "RSET":
            self.sender = self.recipient = ""
        elif verb == "DATA" and said[0] == "3":
            return self.take()
        return True

    def take(self) -> bool:
        content = _text(self.reader)
        if content is None:
            return False
        if not (self.recipient and content):
            self.connection.sendall(b"554 5.5.1 no valid recipients\r\n")
            return True
        said = self.server._next(".", "250 2.0.0 Ok: queued as 4F00BA")
        # Kept before the reply: a test may look as soon as its client has read it.
        if said[0] == "2" or self.server.keeps_unanswered:
            self.server.received.append(Received(self.sender, self.recipient, content))
        self.sender = self.recipient = ""
        return bool(self.server._say(self.connection, said))


def _text(reader) -> bytes | None:
    """Read up to the final dot, dots undone; None where the connection ended before it."""
    lines = []
    while raw := reader.readline():
        if raw == b".\r\n":
            return b"".join(lines)
        lines.append(raw[1:] if raw.startswith(b".") else raw)
    return None
