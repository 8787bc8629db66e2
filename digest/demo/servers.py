"""Two loopback servers: one answers as the sample sources do, one takes mail and files it.

They listen on ports that the system chooses, and only on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtpd.controller import Controller

from digest.demo import formats
from digest.demo.samples import ARXIV_FEEDS, DAYS, Samples

HOST = "127.0.0.1"


@dataclass
class SampleSources:
    """The sources' side of the demonstration: set ``day`` to 1 or 2."""

    samples: Samples
    base_url: str = ""
    day: int = 1

    def answer(self, target: str) -> tuple[str, bytes] | None:
        """Return content type and body for a request's path and query, None for unknown ones."""
        parts = urlsplit(target)
        if parts.path == "/api/daily_papers":
            asked = parse_qs(parts.query).get("date", [DAYS[self.day - 1].isoformat()])[0]
            body = formats.daily_papers(
                self.samples, asked_on=date.fromisoformat(asked), day=self.day
            )
            return "application/json; charset=utf-8", body
        if parts.path.startswith("/atom/") and (name := unquote(parts.path[6:])) in ARXIV_FEEDS:
            body = formats.announcements(self.samples, category=name, day=self.day)
            return "application/atom+xml; charset=utf-8", body
        if parts.path == "/blog/feed.xml":
            body = formats.blog(self.samples, base_url=self.base_url, day=self.day)
            return "application/rss+xml; charset=utf-8", body
        return None


@dataclass(frozen=True, kw_only=True)
class ReceivedMail:
    """A mail that came in over SMTP, and the files it was put into."""

    recipient: str
    subject: str
    eml: Path
    html: Path | None
    text: Path | None


@dataclass
class Mailbox:
    """The receiving side: each message becomes an .eml, an .html and a .txt file."""

    folder: Path
    prefix: str = ""
    mails: list[ReceivedMail] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take a message (aiosmtpd calls this after the final dot)."""
        for recipient in envelope.rcpt_tos:
            self.keep(recipient, envelope.original_content)
        return "250 2.0.0 Filed"

    def keep(self, recipient: str, content: bytes) -> ReceivedMail:
        """Write the files of one message."""
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        local = "".join(letter for letter in recipient.partition("@")[0] if letter.isalnum())
        stem = f"{self.prefix}{local or 'mail'}"
        number = 1
        while (self.folder / f"{stem}.eml").exists():
            number += 1
            stem = f"{stem.rpartition('--')[0] or stem}--{number}"
        eml = self.folder / f"{stem}.eml"
        eml.write_bytes(content)
        mail = ReceivedMail(
            recipient=recipient,
            subject=str(message["Subject"] or ""),
            eml=eml,
            html=_part(message, "html", self.folder / f"{stem}.html"),
            text=_part(message, "plain", self.folder / f"{stem}.txt"),
        )
        self.mails.append(mail)
        return mail


@contextlib.contextmanager
def serve_sources(samples: Samples) -> Iterator[SampleSources]:
    """Answer HTTP on loopback until the block ends."""
    sources = SampleSources(samples)
    server = ThreadingHTTPServer((HOST, 0), _handler(sources))
    sources.base_url = f"http://{HOST}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield sources
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def take_mail(folder: Path) -> Iterator[tuple[Mailbox, int]]:
    """Take mail on loopback until the block ends; give the mailbox and its port."""
    folder.mkdir(parents=True, exist_ok=True)
    mailbox = Mailbox(folder)
    # aiosmtpd cannot say which port the system chose, so one is chosen for it.
    port = _free_port()
    controller = Controller(
        mailbox, hostname=HOST, port=port, server_hostname="mail.demo.localhost"
    )
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _handler(sources: SampleSources) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = sources.answer(self.path)
            content_type, body = found or ("text/plain; charset=utf-8", b"no such page\n")
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            if found and self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
            else:
                status = 200 if found else 404
            self.send_response(status)
            self.send_header("ETag", tag)
            if status != 304:
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet: the demonstration prints its own lines."""

    return Handler


def _part(message: EmailMessage, subtype: str, path: Path) -> Path | None:
    part = message.get_body(preferencelist=(subtype,))
    if part is None:
        return None
    path.write_text(part.get_content(), encoding="utf-8")
    return path
