"""A web server on loopback whose every byte a test decides."""

from __future__ import annotations

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Reply:
    """One answer; ``chunks`` are sent as they are, ``pause_s`` apart."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunks: Iterable[bytes] | None = None
    pause_s: float = 0.0
    length: int | None = None
    raw: bytes | None = None


@dataclass
class Scripted:
    """Routes by path: a reply, a list of replies (the last one stays), or a function."""

    routes: dict[str, Reply | list[Reply] | Callable[[Asked], Reply]] = field(default_factory=dict)
    log: list[Asked] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def asked(self, path: str) -> list[Asked]:
        return [one for one in self.log if one.path.partition("?")[0] == path]

    def reply(self, asked: Asked) -> Reply:
        route = self.routes.get(asked.path) or self.routes.get(asked.path.partition("?")[0])
        if route is None:
            return Reply(b"no such page", 404, {"Content-Type": "text/plain"})
        if callable(route):
            return route(asked)
        if isinstance(route, list):
            return route.pop(0) if len(route) > 1 else route[0]
        return route


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        script: Scripted = self.server.script  # type: ignore[attr-defined]
        with contextlib.suppress(OSError, ValueError):
            method, path, _ = self.rfile.readline().decode("latin-1").split(" ", 2)
            headers = {}
            while (line := self.rfile.readline().decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length", 0)))
            asked = Asked(method, path, headers, body, time.monotonic())
            script.log.append(asked)
            self._send(script.reply(asked))

    def _send(self, reply: Reply) -> None:
        if reply.raw is not None:
            self.wfile.write(reply.raw)
        else:
            length = len(reply.body) if reply.length is None else reply.length
            lines = [f"HTTP/1.1 {reply.status} Scripted", "Connection: close"]
            if reply.chunks is None or reply.length is not None:
                lines.append(f"Content-Length: {length}")
            lines += [f"{name}: {value}" for name, value in reply.headers.items()]
            self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            self.wfile.write(reply.body)
        for chunk in reply.chunks or ():
            time.sleep(reply.pause_s)
            self.wfile.write(chunk)
            self.wfile.flush()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: clients that hang up are what the tests are about."""


@contextlib.contextmanager
def serving() -> Iterator[Scripted]:
    script = Scripted()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.script = script  # type: ignore[attr-defined]
        script.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield script
        server.shutdown()
        thread.join()
