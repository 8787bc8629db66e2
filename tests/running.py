"""A real `digest serve` in a process of its own, with a store, a source and a mail server."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from crowd import fill
from delivery.smtpd import ScriptedServer
from scripted import Asked, Reply, Scripted, serving
from sqlalchemy import insert, literal, select

from digest.app import open_app
from digest.config import load_config
from digest.store.tables import papers, sightings

CONFIG = """\
[digest]
data_dir = "{folder}/data"
base_url = "http://127.0.0.1:{port}"
[http]
allow_private = true
[mail]
sender = "digest@example.org"
[transports.relay]
kind = "smtp"
host = "127.0.0.1"
port = {relay}
security = "none"
[sources.blog]
kind = "feed"
url = "{feed}"
every_minutes = 1
[web]
host = "127.0.0.1"
port = {port}
owner_token = "an-owner-token-of-some-length"
{web}
"""
OWNER = {"Authorization": "Bearer an-owner-token-of-some-length"}
DAYS = 28


@dataclass
class Running:
    """The process, what it polls, and where its mail goes."""

    folder: Path
    port: int
    web: Scripted
    relay: ScriptedServer
    process: subprocess.Popen[bytes]
    log: Path
    per_minute: int = 0
    """New papers that each poll of the source brings."""
    _entries: list[int] = field(default_factory=lambda: [10])

    def ask(
        self,
        path: str = "/",
        *,
        method: str = "GET",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout: float = 30,
    ) -> tuple[int, bytes]:
        """Return status and body of an honest request on a connection of its own."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method != "GET":
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*lines, "", ""]).encode("utf-8") + body, timeout)

    def raw(self, request: bytes, timeout: float = 30) -> tuple[int, bytes]:
        """Send bytes as they are; 0 where the connection was closed without an answer."""
        found = b""
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection(("127.0.0.1", self.port), timeout) as connection,
        ):
            connection.settimeout(timeout)
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
            while part := connection.recv(1 << 16):
                found += part
        head, _, content = found.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head.startswith(b"HTTP/") else 0), content

    def subscribe(self, address: str) -> int:
        """Ask for a subscription as a visitor does, and return the status."""
        begun = re.search(rb'name="begun" value="([^"]+)"', self.ask("/subscribe")[1])
        assert begun, "the form has no time stamp"
        time.sleep(1.6)  # the form refuses whoever is quicker than people type
        body = f"address={address}&begun={begun[1].decode()}&terms-0=proteins".encode()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("/subscribe", method="POST", body=body, headers=form)[0]

    def mails(self) -> int:
        """Return how many mails arrived."""
        return len(self.relay.received)

    def open_connections(self) -> int:
        """Return how many connections the pages hold."""
        found = psutil.Process(self.process.pid).net_connections("tcp")
        return sum(
            one.status == psutil.CONN_ESTABLISHED and one.laddr.port == self.port for one in found
        )

    @property
    def resident_mb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    @property
    def cpu_s(self) -> float:
        """Return the seconds of processor time so far, of the process and those it started."""
        found = psutil.Process(self.process.pid)
        own = found.cpu_times()
        total = own.user + own.system + own.children_user + own.children_system
        for child in found.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += child.cpu_times().user + child.cpu_times().system
        return float(total)

    def feed(self, _asked: Asked) -> Reply:
        """Return the source's feed: each poll finds so many new entries."""
        last = self._entries[-1] + self.per_minute
        self._entries.append(last)
        items = "".join(
            f"<item><title>Entry {n} on proteins</title><link>https://blog.example.org/{n}</link>"
            f"<guid>https://blog.example.org/{n}</guid>"
            f"<description>{'Careful words on protein folding. ' * 30}{n}</description></item>"
            for n in range(last, max(last - 100, 0), -1)
        )
        text = f'<rss version="2.0"><channel><title>Blog</title>{items}</channel></rss>'
        return Reply(text.encode(), headers={"Content-Type": "application/rss+xml"})


def fill_store(folder: Path, config: Path, works: int, people: int) -> None:
    """Store papers of the last four weeks, listed day by day, and readers who are due soon.

    Nothing is dated in the future: the program would rightly do nothing until the clock is set.
    """
    now = datetime.now(UTC)
    with open_app(load_config(config)) as app, app.writing() as connection:
        fill(connection, people=people, works=works, due_at=now + timedelta(hours=5))
        for back in range(DAYS):
            day = (now - timedelta(days=back)).date()
            connection.execute(
                insert(sightings).from_select(
                    ["paper_id", "source", "announced_on", "announce_type", "seen_at"],
                    select(
                        papers.c.id, literal("arxiv-ml"), literal(day), literal("new"),
                        papers.c.first_seen_at,
                    ).where(papers.c.id % DAYS == back),
                )
            )  # fmt: skip


@contextlib.contextmanager
def running(
    folder: Path, *, works: int = 500, people: int = 5, per_minute: int = 0, web: str = "",
    env: dict[str, str] | None = None,
) -> Iterator[Running]:  # fmt: skip
    """Run `digest serve` as long as the block lasts."""
    with serving() as script, ScriptedServer() as relay:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        config = folder / "digest.toml"
        text = CONFIG.format(
            folder=folder, port=port, relay=relay.port, feed=script.url("/feed"), web=web
        )
        config.write_text(text)
        fill_store(folder, config, works, people)
        log = folder / "log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "digest", "--config", str(config), "serve"],
                stderr=errors, stdout=errors, env={**os.environ, **(env or {})},
            )  # fmt: skip
        found = Running(folder, port, script, relay, process, log, per_minute)
        script.routes["/feed"] = found.feed
        try:
            _wait(found)
            yield found
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(found: Running) -> None:
    for _ in range(600):
        assert found.process.poll() is None, found.log.read_text()
        with contextlib.suppress(OSError):
            if found.ask("/healthz")[0] == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"it does not answer: {found.log.read_text()[-2000:]}")
