"""The owner's alarms: real runs, real mails in a folder, a real watchdog on loopback."""

import threading
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from builders import NOON

from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config
from digest.errors import UsageError
from digest.pipeline import ping
from digest.store import alerts


class Installation:
    """One that can be given other settings between two runs."""

    def __init__(self, folder):
        self.folder = folder
        self.now = NOON
        self.problems = ()
        self.tables = {
            "digest": {"data_dir": str(folder / "data"), "owner": "owner@example.org"},
            "mail": {"sender": "digest@example.org"},
            "sources": {
                name: {"kind": "feed", "url": f"https://{name}.example.org/feed.xml"}
                for name in ("arxiv-ml", "hf")
            },
            "transports": {"out": {"kind": "file", "folder": str(folder / "out")}},
        }

    def run(self):
        config = replace(load_config(overrides=self.tables), profile_problems=self.problems)
        self.now += timedelta(hours=1)
        with open_app(config, now=self.now) as app:
            return run(app, poll=False)

    def alert(self, subject, detail):
        config = load_config(overrides=self.tables)
        with open_app(config, now=self.now) as app, app.writing() as connection:
            alerts.wrong(connection, subject, detail, now=self.now)

    def mails(self):
        """Return subject and text of the mails since the last look."""
        found = []
        for path in sorted((self.folder / "out").glob("**/*.eml")):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            assert mail["to"] == "owner@example.org"
            found.append((mail["subject"], mail.get_body(("plain",)).get_content()))
            path.unlink()
        return found


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


def test_the_owner_is_told_once_when_wrong_and_once_when_right(installation):
    installation.problems = ("ml.toml: line 3: expected a list",)
    installation.run()
    ((subject, text),) = installation.mails()
    assert "Profile files needs a look" in subject
    assert "ml.toml: line 3: expected a list" in text
    installation.run()
    assert installation.mails() == []
    installation.problems = ()
    installation.run()
    ((subject, text),) = installation.mails()
    assert "All is well again" in subject
    assert "From 2026-04-14 13:00 to 2026-04-14 15:00 UTC" in text
    installation.run()
    assert installation.mails() == []


def test_several_troubles_are_one_mail(installation):
    installation.alert("source:arxiv-ml", "the answer is not a feed")
    installation.alert("source:hf", "no answer\r\nBcc: everybody@example.org")
    installation.run()
    ((subject, text),) = installation.mails()
    assert "and 1 more" in subject
    assert "Source arxiv-ml" in text
    assert "Source hf" in text


def test_trouble_of_a_source_that_is_taken_out_is_forgotten(installation):
    installation.alert("source:hf", "no answer")
    installation.alert("silent:gone", "nothing new since 2026-04-01")
    installation.run()
    ((subject, _),) = installation.mails()
    assert "Source hf needs a look" in subject
    del installation.tables["sources"]["hf"]
    installation.run()
    assert installation.mails() == []
    with open_app(load_config(overrides=installation.tables)) as app, app.reading() as connection:
        assert alerts.open_alerts(connection) == []


def test_a_quiet_installation_mails_its_owner_nothing(installation):
    installation.run()
    assert installation.mails() == []


def test_without_an_owner_nothing_is_sent_and_nothing_breaks(installation):
    installation.tables["digest"]["owner"] = ""
    installation.problems = ("ml.toml: wrong",)
    installation.run()
    assert not (installation.folder / "out").exists()


@pytest.mark.parametrize("owner", ["not an address", "a@b\r\nBcc: x@example.org"])
def test_an_owner_who_cannot_be_written_to_stops_no_run(installation, owner):
    installation.tables["digest"]["owner"] = owner
    installation.problems = ("ml.toml: wrong",)
    assert installation.run().problems == ("ml.toml: wrong",)


def test_a_relay_that_was_down_is_told_of_when_it_is_back(installation):
    good = installation.tables["transports"]
    installation.alert("source:hf", "no answer")
    installation.tables["transports"] = {
        "main": {"kind": "smtp", "host": "127.0.0.1", "port": 9, "security": "none"}
    }
    assert installation.run().problems == ()  # the mail of the first alert meets the dead relay
    installation.run()
    installation.tables["transports"] = good
    installation.run()
    installation.run()
    assert sorted(subject.partition(" - ")[0] for subject, _ in installation.mails()) == [
        "All is well again", "Sending mail needs a look", "Source hf needs a look",
    ]  # fmt: skip


def test_a_run_that_breaks_is_told_of_by_the_next(installation):
    installation.tables["transports"] = {}
    with pytest.raises(UsageError):
        installation.run()
    with open_app(load_config(overrides=installation.tables)) as app, app.reading() as connection:
        (found,) = alerts.open_alerts(connection)
    assert found.subject == "run"
    assert "nothing can be sent" in found.detail


class Watchdog(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    hold = threading.Event()

    def do_GET(self):
        self.asked.append(self.path)
        if self.path == "/slow":
            self.hold.wait(5)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def watchdog():
    server = HTTPServer(("127.0.0.1", 0), Watchdog)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Watchdog.asked.clear()
    Watchdog.hold.clear()
    yield f"http://127.0.0.1:{server.server_port}"
    Watchdog.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_watchdog_hears_of_good_runs_only(installation, watchdog):
    installation.tables["log"] = {"ping_url": f"{watchdog}/beat"}
    installation.run()
    installation.problems = ("ml.toml: wrong",)
    installation.run()
    assert Watchdog.asked == ["/beat"]


def test_a_slow_watchdog_holds_no_run_up_and_its_address_is_in_no_log(
    installation, watchdog, monkeypatch, caplog
):
    monkeypatch.setattr(ping, "WAIT_S", 0.2)
    installation.tables["log"] = {"ping_url": f"{watchdog}/slow"}
    assert installation.run().problems == ()
    monkeypatch.setattr(ping, "WAIT_S", 5)
    installation.tables["log"] = {"ping_url": "http://127.0.0.1:9/secret"}
    installation.run()
    assert "ping failed error=ConnectError" in caplog.text
    assert "secret" not in caplog.text
