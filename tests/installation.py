"""A small installation for end-to-end tests: scripted feeds, a mailbox, one owner's files."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from xml.sax.saxutils import escape

from scripted import Reply, Scripted, serving

from digest.actions.run import RunReport, StageCallback, run
from digest.app import App, open_app
from digest.config import load_config
from digest.demo.servers import Mailbox, take_mail

NOW = datetime(2026, 4, 14, 14, tzinfo=UTC)  # a Tuesday

CONFIG = """\
[digest]
base_url = "https://digest.example.org"
data_dir = "{folder}/data"
[http]
allow_private = true
poll_timeout_s = {patience}
[mail]
sender = "digest@example.org"
[transports.relay]
kind = "smtp"
host = "127.0.0.1"
port = {port}
security = "none"
"""

PROFILE = """\
addresses = ["{name}@example.org"]
[[interests]]
name = "things"
terms = ["careful studies"]
"""


def a_feed(*titles: str, site: str = "https://blog.example.org") -> Reply:
    """An RSS feed with one entry a title."""
    entries = "".join(
        f"<item><title>{escape(title)}</title><link>{site}/{number}</link>"
        f"<guid>{site}/{number}</guid><pubDate>Tue, 14 Apr 2026 0{number % 10}:00:00 GMT</pubDate>"
        f"<description>Careful studies of {escape(title)}, told at length.</description></item>"
        for number, title in enumerate(titles, 1)
    )
    text = f'<rss version="2.0"><channel><title>Blog</title>{entries}</channel></rss>'
    return Reply(text.encode(), headers={"Content-Type": "application/rss+xml"})


@dataclass
class Installation:
    """An owner's folder, the web its sources live on, and where its mail arrives."""

    folder: Path
    web: Scripted
    mailbox: Mailbox
    port: int
    feeds: list[str] = field(default_factory=list)
    patience: float = 60
    """Seconds for one poll of a source."""

    @property
    def config(self) -> Path:
        return self.folder / "digest.toml"

    def add_feed(self, name: str, reply: object) -> None:
        self.web.routes[f"/{name}"] = reply  # type: ignore[assignment]
        self.feeds.append(name)
        self.write()

    def add_profile(self, name: str, text: str = PROFILE) -> None:
        (self.folder / "profiles").mkdir(exist_ok=True)
        (self.folder / "profiles" / f"{name}.toml").write_text(text.replace("{name}", name))

    def write(self, *, port: int | None = None) -> None:
        """Write the configuration, with the relay at another port if one is given."""
        sections = "".join(
            f'[sources.{name}]\nkind = "feed"\nurl = "{self.web.url(f"/{name}")}"\n'
            for name in self.feeds
        )
        text = CONFIG.format(folder=self.folder, port=port or self.port, patience=self.patience)
        self.config.write_text(text + sections)

    def open(self, *, hours: float = 0) -> contextlib.AbstractContextManager[App]:
        return open_app(load_config(self.config), now=NOW + timedelta(hours=hours))

    def run(self, *, hours: float = 0, on_stage: StageCallback | None = None) -> RunReport:
        """Do one pass, so many hours after the first day's."""
        with self.open(hours=hours) as app:
            return run(app, on_stage=on_stage)

    def messages(self) -> list[EmailMessage]:
        return [
            message_from_bytes(mail.eml.read_bytes(), policy=policy.default)  # type: ignore[misc]
            for mail in self.mailbox.mails
        ]


@contextlib.contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Give an installation with one profile (ada) and no source yet."""
    with serving() as web, take_mail(folder / "mails") as (mailbox, port):
        made = Installation(folder, web, mailbox, port)
        made.add_profile("ada")
        made.write()
        yield made
