"""A relay in a process of its own: takes everything, keeps Message-IDs, replies late if told."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

FORK = multiprocessing.get_context("fork")


class SinkProcess:
    """The relay as its starter sees it: where it listens, what it took, what that cost."""

    def __init__(self, path: Path, delay_ms: float) -> None:
        self.path = path
        self.cpu_s = 0.0
        self._here, there = FORK.Pipe()
        self._child = FORK.Process(target=_serve, args=(there, path, delay_ms / 1000), daemon=True)
        self._child.start()
        self.port: int = self._here.recv()

    def taken(self) -> Counter[bytes]:
        """Return the Message-IDs that were taken, and how often."""
        return Counter(self.path.read_bytes().split(b"\n")[:-1])

    def end(self) -> None:
        if not self._child.is_alive():
            return
        self._here.send("end")
        with contextlib.suppress(EOFError):
            self.cpu_s = self._here.recv()
        self._child.join()


@contextlib.contextmanager
def sink(path: Path, delay_ms: float = 0) -> Iterator[SinkProcess]:
    """Run a relay as long as the block lasts."""
    process = SinkProcess(path, delay_ms)
    try:
        yield process
    finally:
        process.end()


def _serve(pipe: Pipe, path: Path, delay_s: float) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(pipe.fileno(), ended.set)
        with path.open("ab", buffering=1 << 16) as file:
            server = await loop.create_server(
                lambda: _Dialogue(file, delay_s, loop), "127.0.0.1", 0, backlog=200
            )
            pipe.send(server.sockets[0].getsockname()[1])
            await ended.wait()
            server.close()

    asyncio.run(serve())
    pipe.send(time.process_time())


class _Dialogue(asyncio.Protocol):
    def __init__(self, file, delay_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self.file = file
        self.delay_s = delay_s
        self.loop = loop
        self.buffer = b""
        self.in_data = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.say(b"220 sink ESMTP\r\n")

    def say(self, reply: bytes) -> None:
        if self.delay_s:
            self.loop.call_later(self.delay_s, self.write, reply)
        else:
            self.write(reply)

    def write(self, reply: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(reply)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while True:
            if self.in_data:
                body, end, rest = self.buffer.partition(b"\r\n.\r\n")
                if not end:
                    break
                start = body.lower().index(b"message-id:") + 11
                self.file.write(body[start : body.index(b">", start) + 1].strip() + b"\n")
                self.buffer, self.in_data = rest, False
                replies.append(b"250 2.0.0 Ok\r\n")
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                break
            self.buffer = rest
            replies.append(self.answer(line[:4].upper()))
        if replies:
            self.say(b"".join(replies))

    def answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"DATA":
            self.in_data = True
            return b"354 go on\r\n"
        return b"221 2.0.0 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"
