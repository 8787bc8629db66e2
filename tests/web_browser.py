"""The pages in a real browser: served by uvicorn, mailing through real SMTP on loopback."""

from __future__ import annotations

import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from delivery.smtpd import ScriptedServer
from web_builders import fill

from digest.app import App, open_app
from digest.config import load_config
from digest.pipeline import composing
from digest.pipeline.planning import plan_due
from digest.pipeline.sending import send_ready
from digest.web.serving import serving

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> Any:
        return self.now


@dataclass(frozen=True)
class Town:
    """One installation in the open: its pages, its mailboxes, its clock."""

    app: App
    url: str
    smtp: ScriptedServer
    clock: Clock

    def move(self, delta: Any) -> None:
        self.clock.now += delta

    def send(self) -> int:
        """Plan and send what is due, as the scheduler's tick does."""
        planned = plan_due(self.app)
        send_ready(self.app, compose=partial(composing.messages, self.app))
        return planned.mailed

    def wait_for(self, address: str, count: int) -> EmailMessage:
        """Return a mailbox's newest mail once it has so many: pages mail after they answered."""
        deadline = time.monotonic() + 10
        while len(mails := self.mails(address)) < count:
            assert time.monotonic() < deadline, f"{len(mails)} mails and not {count}"
            time.sleep(0.02)
        return mails[-1]

    def mails(self, address: str) -> list[EmailMessage]:
        parsed = [
            message_from_bytes(mail.content, policy=policy.default)
            for mail in self.smtp.received
            if mail.recipient == address
        ]
        return [mail for mail in parsed if isinstance(mail, EmailMessage)]


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    with ExitStack() as stack:
        smtp = stack.enter_context(ScriptedServer())
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        config = load_config(
            overrides={
                "digest": {
                    "data_dir": str(folder), "base_url": url, "name": "Morning papers",
                    "secret": "s" * 40,
                },
                "mail": {"sender": "digest@example.org"},
                "transports": {"main": {"kind": "smtp", "host": "127.0.0.1", "port": smtp.port}},
                "sources": {"inbox": {"kind": "inbox"}},
                "web": {"owner_token": "an-owner-token-of-some-length"},
            }
        )  # fmt: skip
        clock = Clock()
        app = replace(stack.enter_context(open_app(config)), clock=clock)
        fill(app)
        stack.enter_context(serving(app, host="127.0.0.1", port=port))
        yield Town(app, url, smtp, clock)


def body(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def link(mail: EmailMessage, path: str) -> str:
    """Return the first address of ours in a mail's text that begins with this path."""
    found = re.search(rf"http://127\.0\.0\.1:\d+/{path}/\S+", body(mail))
    assert found, f"no link to {path}"
    return found[0]


@contextmanager
def chromium() -> Iterator[Any]:
    """Give a headless Chromium, the system's or Playwright's own; skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, BROWSERS)), driver.chromium.executable_path)
        if not Path(path).exists():
            pytest.skip("there is no Chromium: install one, or run `playwright install chromium`")
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
