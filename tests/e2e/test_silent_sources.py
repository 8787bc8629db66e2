"""Sources that answer well and say nothing, or never a whole day: the owner hears of it once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from builders import NOON
from scripted import Reply, serving

from digest.actions.polling import health, is_good
from digest.actions.run import run
from digest.app import App, open_app
from digest.cli.main import run as digest
from digest.config import load_config
from digest.pipeline.polling import poll_sources
from digest.store import alerts

CONFIG = """
[digest]
data_dir = "{folder}/data"
owner = "owner@example.org"
[http]
allow_private = true
[sources.blog]
kind = "feed"
url = "{url}"
every_minutes = 360
[mail]
sender = "digest@example.org"
[transports.out]
kind = "file"
folder = "{folder}/out"
"""


def feed(last):
    items = "".join(
        f"<item><title>Post number {n}</title><link>https://x.example/{n}</link></item>"
        for n in range(max(0, last - 10), last + 1)
    )
    return f'<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode()


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def installation(web, tmp_path):
    path = tmp_path / "digest.toml"
    path.write_text(CONFIG.format(folder=tmp_path, url=web.url("/feed")))
    with open_app(load_config(path)) as app:
        for day in range(28):
            web.routes["/feed"] = Reply(feed(2 * day))
            poll_sources(at(app, day))
        yield app


def at(app, day):
    return replace(app, clock=lambda: NOON + timedelta(days=day))


def mails(folder):
    found = []
    for path in sorted((folder / "out").glob("**/*.eml")):
        found.append(message_from_bytes(path.read_bytes(), policy=policy.default)["subject"])
        path.unlink()
    return found


def test_a_feed_that_falls_silent_is_told_once_and_once_when_it_speaks_again(
    installation, web, tmp_path
):
    told = []
    for day in range(28, 36):
        run(at(installation, day))
        told += mails(tmp_path)
    assert [subject.partition(" - ")[0] for subject in told] == ["Silent source blog needs a look"]
    web.routes["/feed"] = Reply(feed(60))
    run(at(installation, 36))
    (subject,) = mails(tmp_path)
    assert "All is well again" in subject


def test_a_silent_feed_is_named_by_every_command_and_fails_none(
    installation, tmp_path, capsys, monkeypatch
):
    app = at(installation, 35)
    (report,) = poll_sources(app)
    assert report.notice.startswith("nothing new since 2026-05-11, though usually about 2")
    assert is_good(report)
    (found,) = health(app)
    assert (found.is_healthy, found.notice) == (True, report.notice)
    options = ["-c", str(tmp_path / "digest.toml")]
    capsys.readouterr()
    assert digest([*options, "sources"]) == 0
    assert "silent" in capsys.readouterr().out
    digest([*options, "doctor", "--offline", "--json"])
    (said,) = [i for i in json.loads(capsys.readouterr().out) if i["subject"] == "source blog"]
    assert (said["level"], said["message"]) == ("warning", report.notice)


def test_a_day_that_stays_incomplete_is_told_once_and_once_when_it_is_whole(web, engine):
    sections = {
        "a": {"kind": "toy_source:source", "allow_private": True, "url": web.url("/day")},
    }
    app = App(load_config(overrides={"sources": sections}), lambda: NOON, engine)

    def polled(hours, completeness):
        papers = [{"id": f"2604.0000{hours % 9}", "title": "A paper"}]
        page = {"papers": papers, "on": "2026-04-13", "completeness": completeness}
        web.routes["/day"] = Reply(json.dumps(page).encode())
        now = replace(app, clock=lambda: NOON + timedelta(hours=hours))
        poll_sources(now, force=True)
        with now.writing() as connection:
            found = alerts.untold(connection)
            alerts.tell(connection, found, now=now.now())
        return [(one.subject, one.right_at is None) for one in found]

    told = [polled(hours, "partial") for hours in (0, 2, 8, 9)]
    assert told == [[], [], [("incomplete:a", True)], []]
    assert polled(10, "confirmed") == [("incomplete:a", False)]
    assert polled(11, "truncated") == [("incomplete:a", True)]


def test_a_cut_feed_is_told_once_however_often_it_has_not_changed(web, tmp_path):
    def answer(asked):
        if asked.headers.get("if-none-match"):
            return Reply(status=304)
        return Reply(feed(30), headers={"ETag": '"a"'})

    web.routes["/feed"] = answer
    path = tmp_path / "digest.toml"
    text = CONFIG.format(folder=tmp_path, url=web.url("/feed"))
    path.write_text(text.replace("[http]", "[http]\nmax_items = 4"))
    told = []
    with open_app(load_config(path)) as app:
        for day in range(4):
            run(at(app, day))
            told.append(mails(tmp_path))
        (blog,) = health(app)
    assert [len(one) for one in told] == [1, 0, 0, 0]
    assert (blog.is_healthy, blog.notice) == (False, "the answer is truncated: 4 papers")
