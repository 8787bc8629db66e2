"""Ten recorded days, weekend included, through the whole program; needs the replay corpus."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from corpus import SHARED
from sqlalchemy import func, select

from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config
from digest.demo.servers import take_mail
from digest.store.tables import deliveries, editions, paper_ids, shown, signals

REPLAY = SHARED / "replay"
FIRST = datetime(2026, 4, 13, 14, 0, tzinfo=UTC)  # a Monday
DAYS = 10
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI")

pytestmark = [
    pytest.mark.skipif(not (REPLAY / "replay_server.py").exists(), reason="no replay corpus here"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

CONFIG = """
[digest]
base_url = "https://digest.example.org"
data_dir = "{folder}/data"
[http]
allow_private = true
[limits.arxiv]
every_s = 0.01
[sources.hf]
kind = "huggingface"
base_url = "{url}"
[sources.arxiv]
kind = "arxiv"
base_url = "{url}"
categories = {categories}
[sources.google]
kind = "feed"
url = "{url}/feeds/google_ai.xml"
[mail]
sender = "digest@example.org"
[transports.loopback]
kind = "smtp"
host = "127.0.0.1"
port = {port}
security = "none"
"""

PROFILES = {
    "vision": """
addresses = ["vera@example.org"]
max_papers = 10
[[interests]]
name = "3D vision"
terms = ["gaussian splatting", "3D reconstruction", "point cloud"]
categories = ["cs.CV"]
""",
    "language": """
addresses = ["lars@example.org", "lena@example.org"]
max_papers = 15
trending_weight = 0.5
[[interests]]
name = "reasoning"
terms = ["chain of thought", "reasoning", {text = "reinforcement learning", weight = 2}]
[[interests]]
name = "evaluation"
terms = ["benchmark", "evaluation"]
quota = 4
""",
    "trend": """
addresses = ["tom@example.org"]
trending_weight = 1.0
on_empty = "note"
""",
}


@pytest.fixture
def replay():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "replay_server.py",
            "--day",
            "2026-04-13",
            "--port",
            str(port),
            "--hf-mode",
            "live",
        ],
        cwd=REPLAY,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            urllib.request.urlopen(f"{url}/__control/state", timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield url
    server.terminate()
    server.wait()


def control(url, **fields):
    query = "&".join(f"{key}={value}" for key, value in fields.items())
    urllib.request.urlopen(f"{url}/__control/set?{query}", timeout=5).close()


def test_ten_days_tell_everybody_everything_once(replay, tmp_path):
    folder = tmp_path / "mails"
    folder.mkdir()
    (tmp_path / "profiles").mkdir()
    for name, text in PROFILES.items():
        (tmp_path / "profiles" / f"{name}.toml").write_text(text)
    with take_mail(folder) as (mailbox, port):
        path = tmp_path / "digest.toml"
        path.write_text(
            CONFIG.format(folder=tmp_path, url=replay, port=port, categories=json.dumps(CATEGORIES))
        )
        for day in range(DAYS):
            now = FIRST + timedelta(days=day)
            control(replay, day=now.date(), time="14:00")
            with open_app(load_config(path), now=now) as app:
                report = run(app)
                assert report.problems == ()
                again = run(app)
                assert again.planned.mailed == 0
                assert again.sent.counts.get("sent", 0) == 0
        assert_nothing_twice(path)
        assert_mails(mailbox)


def assert_nothing_twice(path):
    with open_app(load_config(path)) as app, app.reading() as connection:
        picked = Counter(
            (row.subscriber_id, pick[0])
            for row in connection.execute(select(editions.c.subscriber_id, editions.c.content))
            for pick in row.content["picks"]
        )
        assert picked
        assert max(picked.values()) == 1
        assert connection.scalar(select(func.count()).select_from(shown)) == len(picked)
        states = Counter(connection.scalars(select(deliveries.c.state)))
        assert states == {"sent": 4 * DAYS}
        growing = connection.execute(
            select(signals.c.paper_id, func.count().label("n"))
            .where(signals.c.kind == "hf_upvotes")
            .group_by(signals.c.paper_id)
            .having(func.count() > 1)
        ).all()
        assert len(growing) > 50
        doubled = connection.execute(
            select(paper_ids.c.paper_id, func.count().label("n"))
            .where(paper_ids.c.scheme == "arxiv")
            .group_by(paper_ids.c.paper_id)
            .having(func.count() > 1)
        ).all()
        assert doubled == []


def assert_mails(mailbox):
    by_reader = Counter(mail.recipient for mail in mailbox.mails)
    assert set(by_reader.values()) == {DAYS}
    seen: Counter[tuple[str, str]] = Counter()
    ids = set()
    for mail in mailbox.mails:
        message = message_from_bytes(Path(mail.eml).read_bytes(), policy=policy.default)
        assert message["Message-ID"] not in ids
        ids.add(message["Message-ID"])
        text = message.get_body(("plain",)).get_content()
        picks = text.partition("Every other new title")[0]
        for key in set(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", picks)):
            seen[mail.recipient, key] += 1
    assert len(seen) > 100
