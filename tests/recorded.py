"""Recorded days of real sources, served on loopback as the sources served them."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from corpus import SHARED

REPLAY = SHARED / "replay"
HERE = (REPLAY / "replay_server.py").exists()
FIRST = datetime(2026, 4, 13, 14, 0, tzinfo=UTC)  # a Monday
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI")

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


@contextlib.contextmanager
def replaying() -> Iterator[str]:
    """Serve the recorded days, beginning with the first; give the address."""
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
    try:
        yield url
    finally:
        server.terminate()
        server.wait()


def move_to(url: str, now: datetime) -> None:
    """Let the server answer as the sources did at this time."""
    control(url, day=now.date(), time=f"{now:%H:%M}")


def control(url: str, **fields: object) -> None:
    query = "&".join(f"{key}={value}" for key, value in fields.items())
    urllib.request.urlopen(f"{url}/__control/set?{query}", timeout=5).close()


def write_installation(folder: Path, url: str, port: int) -> Path:
    """Write configuration and profiles; return the configuration's path."""
    (folder / "profiles").mkdir()
    for name, text in PROFILES.items():
        (folder / "profiles" / f"{name}.toml").write_text(text)
    path = folder / "digest.toml"
    path.write_text(
        CONFIG.format(folder=folder, url=url, port=port, categories=json.dumps(CATEGORIES))
    )
    return path
