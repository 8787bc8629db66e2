"""Play the two sample days through the whole program: real HTTP, SQLite and SMTP on loopback.

Nothing here is a shortcut: it writes a configuration file, as an owner would, and does the
same pass as `digest run`, once for each day.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path

from digest.actions.run import RunReport, run
from digest.app import open_app
from digest.config import load_config
from digest.demo.samples import ARXIV_FEEDS, DAYS, load_profile_texts, load_samples
from digest.demo.servers import ReceivedMail, serve_sources, take_mail
from digest.errors import UsageError

SEND_TIME = time(13, 30)
"""In UTC, after both sample sources have the day's papers."""

MARKER = "made by digest demo"

CONFIG = """\
# {marker}

[digest]
name = "Paper digest"
base_url = "https://digest.example.org"
data_dir = "{folder}/data"
contact = "owner@example.org"

[http]
allow_private = true   # the sample sources listen on 127.0.0.1

[limits.arxiv]
every_s = 0.01   # the sample server does not mind; arXiv itself wants 3

[sources.daily-papers]
kind = "huggingface"
base_url = "{url}"

[sources.arxiv]
kind = "arxiv"
base_url = "{url}"
categories = {categories}

[sources.blog]
kind = "feed"
url = "{url}/blog/feed.xml"

[mail]
sender = "digest@example.org"

[transports.loopback]
kind = "smtp"
host = "127.0.0.1"
port = {port}
security = "none"
"""


@dataclass(frozen=True, kw_only=True)
class DemoReport:
    """What the demonstration did: a run for each day, and the mails that came in."""

    folder: Path
    config: Path
    runs: tuple[RunReport, ...]
    mails: tuple[ReceivedMail, ...]


def play(folder: Path, *, on_stage: Callable[[str, object], None] | None = None) -> DemoReport:
    """Play both days into a folder, made anew; return what happened.

    Raises UsageError where the folder holds something else.
    """
    target = _empty(folder.absolute())
    config = target / "config" / "digest.toml"
    mails_folder = target / "mails"
    with serve_sources(load_samples()) as sources, take_mail(mails_folder) as (mailbox, port):
        _write_config(config, target, sources.base_url, port)
        runs = []
        for number, day in enumerate(DAYS, 1):
            sources.day = number
            mailbox.prefix = f"{day:%Y-%m-%d}-"
            now = datetime.combine(day, SEND_TIME, tzinfo=UTC)
            with open_app(load_config(config), now=now) as app:
                runs.append(run(app, on_stage=on_stage))
    return DemoReport(folder=target, config=config, runs=tuple(runs), mails=tuple(mailbox.mails))


def _empty(folder: Path) -> Path:
    if folder.exists() and any(folder.iterdir()):
        config = folder / "config" / "digest.toml"
        if not (config.exists() and MARKER in config.read_text(encoding="utf-8")):
            raise UsageError(f"{folder} holds something else: choose another with --out")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_config(path: Path, folder: Path, url: str, port: int) -> None:
    profiles = path.parent / "profiles"
    profiles.mkdir(parents=True)
    categories = "[" + ", ".join(f'"{name}"' for name in ARXIV_FEEDS) + "]"
    path.write_text(
        CONFIG.format(marker=MARKER, folder=folder, url=url, port=port, categories=categories),
        encoding="utf-8",
    )
    for name, text in load_profile_texts().items():
        (profiles / f"{Path(name).stem}.toml").write_text(text, encoding="utf-8")
