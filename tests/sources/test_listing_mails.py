"""arXiv's listing mails in a folder or a Maildir on disk."""

import contextlib
import os
from datetime import date, timedelta

import pytest
from builders import NOON
from delivery.imapd import ImapServer
from hostile_inputs import hostile_inputs
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digest import isolated
from digest.errors import DigestError, SourceError, UnreadableError
from digest.sources import Body, _listing_mail

LISTING = (
    "From: no-reply@arXiv.org (send mail ONLY to cs)\nDate: Tue, 14 Apr 2026 00:31:55 GMT\n\n"
    "\\\\\narXiv:{number}\nDate: Fri, 10 Apr 2026 19:05:11 GMT   (2kb)\n\nTitle: On {number}\n"
    "Authors: A. B.\nCategories: cs.LG\n\\\\\n  We look.\n\\\\ ( https://arxiv.org/abs/{number} )\n"
)


@pytest.fixture
def mails(tmp_path):
    folder = tmp_path / "mails"
    folder.mkdir()
    return folder


def put(path, number="2604.00001", *, text="", age=timedelta(0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text or LISTING.format(number=number))
    at = (NOON - age).timestamp()
    os.utime(path, (at, at))


def keys(source, since=NOON - timedelta(days=1)):
    bodies = source.fetch(None, watermark={"since": since.isoformat()}, now=NOON)
    return [record.key for body in bodies for record in source.parse(body).records]


@pytest.fixture
def listing(mails, source_of):
    return source_of("listing", path=str(mails), authentication="off")


def test_mails_in_a_folder_are_read_oldest_first_and_left_there(mails, listing):
    put(mails / "b.eml", "2604.00002")
    put(mails / "a.eml", "2604.00001", age=timedelta(hours=5))
    assert keys(listing) == keys(listing) == ["arxiv:2604.00001", "arxiv:2604.00002"]


def test_a_maildir_is_read_in_both_its_folders(mails, listing):
    put(mails / "cur" / "1.host:2,S", "2604.00001", age=timedelta(hours=1))
    put(mails / "new" / "2.host", "2604.00002")
    put(mails / "tmp" / "3.host", "2604.00003")
    assert keys(listing) == ["arxiv:2604.00001", "arxiv:2604.00002"]


def test_mails_read_long_ago_are_not_read_again_but_late_ones_are(mails, listing):
    put(mails / "old", "2604.00001", age=timedelta(days=9))
    put(mails / "late", "2604.00002", age=timedelta(days=3))
    assert keys(listing) == ["arxiv:2604.00002"]


@pytest.mark.parametrize(
    "text",
    [
        "From: friend@example.org\n\nHow are you?\n",
        LISTING.format(number="2604.00001").replace(
            "no-reply@arXiv.org", "x@arxiv.org.example.com"
        ),
        "From: help@arxiv.org\n\nYour subscription is confirmed.\n",
        "From: no-reply@arXiv.org\nContent-Type: text/plain; charset=klingon\n\n\\\\\narXiv:1\n",
        "From: =?utf-8?b?!!?=@example.com\n\nBuy this.\n",
        "From: undisclosed:;@example.com\n\nBuy this.\n",
        "\0\0\0",
        "",
    ],
)
def test_other_mail_is_passed_over(mails, listing, text):
    put(mails / "other", text=text or " ")
    assert keys(listing) == []


NESTED = "From: x@arxiv.org\n" + "Content-Type: message/rfc822\n\n" * 1000
WEIRD = {
    "nested": NESTED,
    "lines": "From: x@arxiv.org\nContent-Type: multipart/mixed; boundary=b\n\n" + "\n" * 3_000_000,
    "subject": "From: x@arxiv.org\nSubject: =?utf-8?b?A?=\n\nx\n",
    "charset": "From: x@arxiv.org\nContent-Type: text/plain; charset=idna\n\n\\\\\narXiv:1\n",
    "slashes": "From: x@arxiv.org\n\n" + "\\\\\n" * 400_000,
    "large": "From: x@arxiv.org\n\n" + "x" * 5_000_000,
}


def rejected(source):
    bodies = source.fetch(None, watermark={}, now=NOON)
    return [one.reason for body in bodies for one in source.parse(body).rejected]


@pytest.mark.parametrize("authentication", ["off", "required"])
def test_no_mail_stops_those_behind_it(mails, source_of, authentication):
    for number, text in enumerate(WEIRD.values()):
        put(mails / f"{number}", text=text, age=timedelta(hours=5))
    (mails / "link").symlink_to("/nowhere")
    put(mails / "z.eml", "2604.00002")
    options = {"path": str(mails), "trusted_server": "mx.example.org"}
    if authentication == "required":
        put(
            mails / "z.eml",
            text="Authentication-Results: mx.example.org; dkim=pass header.d=arxiv.org\n"
            + LISTING.format(number="2604.00002"),
        )
    source = source_of("listing", **options, authentication=authentication)
    assert keys(source) == ["arxiv:2604.00002"]
    assert {"parts", "lines", "larger"} <= {w for said in rejected(source) for w in said.split()}


def test_a_mail_that_the_server_does_not_give_out_stops_nothing(server, on_server):
    bad = server.add(LISTING.format(number="2604.00001").encode(), date(2026, 4, 14))
    server.refused = {bad.uid}
    server.add(LISTING.format(number="2604.00002").encode(), date(2026, 4, 14))
    assert keys(on_server()) == ["arxiv:2604.00002"]
    assert "internal error" in rejected(on_server())[0]


def test_hostile_mails_are_no_listings_or_errors_of_ours():
    for one in hostile_inputs():
        if one.door == "mail":
            with contextlib.suppress(UnreadableError):
                content = b"From: x@arxiv.org\n" + one.content
                assert not isolated.call(_listing_mail.is_listing, content), one.name


FIELDS = ["From", "Date", "Content-Type", "Content-Transfer-Encoding", "Authentication-Results"]
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["no-reply@arxiv.org", "multipart/mixed; boundary=b", "text/plain; charset=idna", "base64",
     "=?utf-8?b?A?= <x@arxiv.org>", "mx.example.org; dkim=pass header.d=arxiv.org"]
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=5), st.binary(max_size=200))
def test_any_mail_is_a_listing_or_none_or_an_error_of_ours(head, body):
    listing = LISTING.format(number="2604.00001").partition("\n\n")[2].encode()
    fields = "".join(f"{name}: {text}\n" for name, text in head).encode("utf-8", "replace")
    for content in (fields + b"\n" + body, fields + b"\n" + listing + body):
        try:
            if _listing_mail.is_listing(content):
                at = Body(url="file:///x", content=content, fetched_at=NOON)
                _listing_mail.parse_listing("a", at)
        except DigestError:
            pass


def test_a_folder_that_is_not_there_is_an_error_not_a_quiet_day(source_of, tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        keys(source_of("listing", path=str(tmp_path / "nowhere"), authentication="off"))


@pytest.fixture
def server():
    with ImapServer() as started:
        yield started


@pytest.fixture
def on_server(server, source_of):
    def make(**more):
        place = {"imap_host": "127.0.0.1", "imap_port": server.port, "imap_security": "none"}
        place["authentication"] = "off"
        return source_of("listing", **place, imap_user="ada", **{"imap_password": "secret"} | more)

    return make


def test_a_folder_on_a_server_is_only_looked_at(server, on_server):
    server.add(LISTING.format(number="2604.00001").encode(), date(2026, 4, 9))
    server.add(LISTING.format(number="2604.00002").encode(), date(2026, 4, 11))
    server.add(b"From: friend@example.org\n\nHello\n", date(2026, 4, 13))
    assert keys(on_server()) == ["arxiv:2604.00002"]
    assert not any(mail.flags for mail in server.mails)
    used = {command.partition(" ")[0] for command in server.commands}
    assert used <= {"CAPABILITY", "LOGIN", "EXAMINE", "UID", "LOGOUT"}


@pytest.mark.parametrize("wrong", [{"imap_password": "guess"}, {"imap_folder": "Nowhere"}])
def test_a_server_that_does_not_open_is_an_error_without_the_password(on_server, wrong):
    with pytest.raises(SourceError, match="does not open") as caught:
        keys(on_server(**wrong))
    assert "guess" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"path": "a", "imap_host": "imap.example.org"},
        {"imap_host": "imap.example.org", "imap_security": "none"},
    ],
)
def test_mails_come_from_one_place_over_a_safe_line(source_of, options):
    with pytest.raises(ValidationError):
        source_of("listing", **options)
