"""Bad sources, profiles, relays and titles through the whole program: named, and nothing lost."""

import socket
from collections import Counter

import pytest
from installation import Installation, a_feed, installed
from scripted import Reply
from sqlalchemy import select

from digest.cli.main import run as command
from digest.store.tables import deliveries

PAGE = Reply(b"<!doctype html><title>Just a moment</title>", headers={"Content-Type": "text/html"})
WHOLE = a_feed("First finding", "Second finding")
CUT = Reply(WHOLE.body[:180], headers=WHOLE.headers)


def endless(_asked):
    """Two hundred megabytes, as long as somebody reads."""
    chunks = (b"<x>" + b" " * 65_536 for _ in range(3_200))
    return Reply(b"<rss><channel>", headers=WHOLE.headers, chunks=chunks)


def hanging(_asked):
    return Reply(b"", headers=WHOLE.headers, length=10, chunks=[b""] * 5, pause_s=1)


BAD = {
    "answers-500": Reply(b"oops", 500),
    "hangs": hanging,
    "answers-a-page": PAGE,
    "is-cut": CUT,
    "is-endless": endless,
}


@pytest.fixture
def site(tmp_path) -> Installation:
    with installed(tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", BAD)
def test_a_bad_source_is_named_and_the_others_go_on(site, name):
    site.patience = 4 if name == "hangs" else site.patience
    site.add_feed("good", a_feed("A steady result"))
    site.add_feed("bad", BAD[name])
    report = site.run()
    assert [problem.partition(":")[0] for problem in report.problems] == ["bad"]
    assert len(site.mailbox.mails) == 1
    assert "A steady result" in site.messages()[0].get_body(("plain",)).get_content()


@pytest.mark.parametrize("name", BAD)
def test_what_a_bad_source_kept_back_comes_with_the_next_run(site, name):
    site.patience = 4 if name == "hangs" else site.patience
    site.add_feed("good", a_feed("A steady result"))
    site.add_feed("bad", BAD[name])
    site.run()
    site.web.routes["/bad"] = a_feed("A late result", site="https://late.example.org")
    report = site.run(hours=24)
    assert report.problems == ()
    assert ["A late result" in str(mail) for mail in site.messages()] == [False, True]


def test_a_failed_source_is_told_in_the_mail_and_by_the_exit_code(site, capsys):
    site.add_feed("good", a_feed("A steady result"))
    site.add_feed("bad", PAGE)
    code = command(["--config", str(site.config), "--now", "2026-04-14T14:00:00+00:00", "run"])
    assert code == 1
    assert "bad" in capsys.readouterr().out
    assert "bad" in site.messages()[0].get_body(("plain",)).get_content()


def test_a_profile_with_an_error_is_named_and_the_others_are_served(site):
    site.add_feed("good", a_feed("A steady result"))
    site.add_profile("broken", 'addresses = ["b@example.org"]\nmax_paper = 3\n')
    report = site.run()
    assert any("broken.toml" in line and "max_papers" in line for line in report.problems)
    assert Counter(mail.recipient for mail in site.mailbox.mails) == {"ada@example.org": 1}


def test_while_the_relay_is_down_mails_wait_and_then_go_once(site):
    site.add_feed("good", a_feed("A steady result"))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = unused.getsockname()[1]
    site.write(port=nobody)
    report = site.run()
    assert report.problems
    assert site.mailbox.mails == []
    with site.open() as app, app.reading() as connection:
        assert set(connection.scalars(select(deliveries.c.state))) <= {"ready", "deferred"}
    site.write()
    site.run(hours=3)
    site.run(hours=4)
    assert len(site.mailbox.mails) == 1


HOSTILE = (
    "<script>alert(1)</script> Careful",
    "A line\nBcc: everyone@example.org",
    "Split\u2028here and\u2029here",
    "Right to \u202eleft\u2066 and back",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}{% raw %}",
    "Nul \ufffe\u0085 and friends",
)


def test_hostile_titles_are_inert_everywhere(site):
    site.add_feed("good", a_feed(*HOSTILE))
    assert site.run().problems == ()
    (mail,) = site.messages()
    assert mail.defects == []
    assert mail["Bcc"] is None
    assert mail["To"] == "ada@example.org"
    html = mail.get_body(("html",)).get_content()
    text = mail.get_body(("plain",)).get_content()
    assert "<script" not in html
    assert "<img" not in html
    assert "49" not in str(mail["Subject"])
    for content in (html, text, str(mail["Subject"])):
        assert not set("\u2028\u2029\u202e\u2066\u0085") & set(content)


def test_a_day_on_which_nothing_could_be_read_is_not_called_quiet(site):
    site.add_feed("bad", PAGE)
    assert site.run().problems
    (mail,) = site.messages()
    text = mail.get_body(("plain",)).get_content()
    assert "sources could not be read" in mail["Subject"]
    assert "Not every source could be read" in text
    assert "Nothing new was announced" not in text
