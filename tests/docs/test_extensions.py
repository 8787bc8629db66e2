"""A stranger's source, ranker, transport and summarizer carry a whole pass, by dotted name."""

import contextlib
import json
import mailbox
import os
import threading
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from builders import NOON

from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config

TESTS = Path(__file__).parents[1]
EXAMPLES = sorted((TESTS / "extensions").glob("lab_*.py"))
TALKS = [
    {"id": n, "title": f"Talk {n} on careful studies", "link": f"https://lab.example.org/{n}",
     "about": f"We look at things. We find that {n} of them hold."}
    for n in range(1, 4)
]  # fmt: skip


class _Lab(BaseHTTPRequestHandler):
    def do_GET(self):
        answer = json.dumps(TALKS).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def lab():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Lab)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/talks.json"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_examples_carry_a_whole_pass(lab, tmp_path, monkeypatch):
    # Feeds are parsed in a process of their own, which must find the stranger's module, too.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "ada.toml").write_text(
        'addresses = ["ada@example.org"]\nranker = "extensions.lab_ranker:ranker"\n'
        'send_time = 06:00:00\n[[interests]]\nname = "all"\n'
    )
    path = tmp_path / "digest.toml"
    path.write_text(
        f"""
        [digest]
        data_dir = "{tmp_path / "data"}"
        [http]
        allow_private = true
        [sources.lab]
        kind = "extensions.lab_source:source"
        url = "{lab}"
        allow_private = true
        [mail]
        sender = "digest@example.org"
        [transports.box]
        kind = "extensions.lab_transport:transport"
        path = "{tmp_path / "mbox"}"
        [summaries]
        enabled = true
        kind = "extensions.lab_summarizer:summarizer"
        """
    )
    with open_app(load_config(path), now=NOON) as app:
        report = run(app)
    assert report.problems == ()
    with contextlib.closing(mailbox.mbox(tmp_path / "mbox")) as box:
        (mail,) = list(box)
    text = message_from_bytes(bytes(mail), policy=policy.default).get_body(("plain",)).get_content()
    for n in range(1, 4):
        assert f"Talk {n} on careful studies" in text
        assert f"We find that {n} of them hold." in " ".join(text.split())
    assert "hot off the press" in text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short(path):
    lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 35


def test_the_readme_shows_the_examples_as_they_are_run():
    readme = (TESTS.parent / "README.md").read_text("utf-8")
    for path in EXAMPLES:
        if f"extensions.{path.stem}" in readme:
            assert path.read_text("utf-8").strip() in readme, f"{path.name} differs in README.md"
