"""Readers are told that a source is missing, never how it failed; owners are told both."""

import json
import re

import pytest
from installation import PROFILE, a_feed, installed
from scripted import Reply
from sqlalchemy import select

from digest.cli.main import run as command
from digest.store import tables

FAILURES = {
    "http-500": Reply(b"Traceback (most recent call last): secret", 500),
    "http-503": Reply(b"come back later", 503, {"Retry-After": "60"}),
    "http-403": Reply(b"go away", 403),
    "http-404": Reply(b"no such page", 404),
    "gone": Reply(b"", 410),
    "rate-limited": Reply(b"slow down", 429),
    "nothing": Reply(b"", 200),
    "html": Reply(b"<html><title>Sign in please</title></html>", 200),
    "json": Reply(json.dumps({"error": "bad key ABC"}).encode(), 200),
    "rubbish": Reply(b"\x00\xff\xfe<rss", 200),
    "cut": Reply(b"<rss><channel><item>", 200),
    "short": Reply(b"<rss>", 200, length=500),
    "hangs up": Reply(raw=b""),
    "no http": Reply(raw=b"SSH-2.0-OpenSSH\r\n"),
    "elsewhere": Reply(b"", 302, {"Location": "http://127.0.0.1:1/internal"}),
    "loop": Reply(b"", 302, {"Location": "/bad"}),
    "bomb": Reply(b"", 200, {"Content-Encoding": "gzip"}),
}
DETAILS = (
    "127.0.0.1", "http-", "Traceback", "secret", "answers", "Error", "Exception",
    "Sign in", "ABC", "slow down", "go away", "no such page", "redirect", "failed:",
)  # fmt: skip

EVENING = f"send_time = 23:30:00\n{PROFILE}"


@pytest.fixture
def installation(tmp_path):
    with installed(tmp_path) as made:
        yield made


def _words(text):
    """Return what a person sees of a part."""
    return re.sub(r"(?s)<style.*?</style>|<[^>]*>", " ", text)


@pytest.mark.parametrize("kind", FAILURES)
@pytest.mark.parametrize("others", [True, False], ids=["some papers", "no papers"])
def test_no_failure_of_a_source_shows_its_address_or_its_words(installation, kind, others):
    if others:
        installation.add_feed("good", a_feed("Bees", "Wasps"))
    installation.add_feed("bad", FAILURES[kind])
    installation.run()
    (message,) = installation.messages()
    for text in (
        *(part.get_content() for part in message.walk() if not part.is_multipart()),
        str(message["Subject"]),
    ):
        found = [detail for detail in DETAILS if detail in _words(text)]
        assert found == []
    plain = message.get_body(("plain",)).get_content()
    assert "bad did not answer in time; its papers follow when it does." in " ".join(plain.split())


def test_the_owner_is_told_the_detail(installation, capsys):
    installation.add_feed("bad", FAILURES["http-500"])
    installation.run()
    command(["-c", str(installation.config), "explain", "ada@example.org", "--json"])
    assert "500" in capsys.readouterr().out


def test_who_joins_in_the_evening_gets_no_second_mail_of_nothing(installation):
    installation.add_profile("ada", EVENING)
    installation.add_feed("good", a_feed("Bees", "Wasps"))
    installation.run()
    assert len(installation.messages()) == 1
    installation.run(hours=9.6)
    assert len(installation.messages()) == 1
    with installation.open() as app, app.reading() as connection:
        outcomes = connection.scalars(
            select(tables.editions.c.outcome).order_by(tables.editions.c.id)
        ).all()
    assert outcomes == ["mailed", "empty"]
    installation.run(hours=9.6 + 24)
    assert len(installation.messages()) == 2


def test_new_papers_are_mailed_however_soon(installation):
    installation.add_profile("ada", EVENING)
    installation.add_feed("good", a_feed("Bees"))
    installation.run()
    installation.web.routes["/good"] = a_feed("Bees", "Wasps")
    installation.run(hours=9.6)
    assert len(installation.messages()) == 2
