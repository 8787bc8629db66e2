"""Mails that came back, in the shapes of the servers that write them, and what each one means."""

import contextlib
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.bounces import BounceKind
from digest.delivery.bounces.causes import kind_of
from digest.delivery.bounces.reading import read
from digest.errors import UnreadableError

FOLDER = Path(__file__).parents[1] / "golden" / "returned"
EXPECTED = tomllib.loads((FOLDER / "expected.toml").read_text(encoding="utf-8"))
SAMPLES = sorted(path.stem for path in FOLDER.glob("*.eml"))


def test_each_sample_has_its_verdict():
    assert sorted(EXPECTED) == SAMPLES
    assert len(SAMPLES) >= 50
    assert {entry["kind"] for entry in EXPECTED.values()} == set(BounceKind) - {
        BounceKind.UNREADABLE
    }
    families = {name.partition("-")[0] for name in SAMPLES}
    writers = (
        "exchange gmail qmail exim postfix sendmail zimbra outlook courier domino opensmtpd yahoo "
        "away challenge arf"
    )
    assert set(writers.split()) <= families


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mail_that_came_back_is_understood(name):
    found = read((FOLDER / f"{name}.eml").read_bytes())
    wanted = EXPECTED[name]
    assert (found.kind, found.status) == (wanted["kind"], wanted["status"]), found.reason
    assert list(found.recipients) == wanted["recipients"]


@pytest.mark.parametrize("name", SAMPLES)
def test_line_ends_change_nothing(name):
    content = (FOLDER / f"{name}.eml").read_bytes()
    assert read(content.replace(b"\n", b"\r\n")) == read(content)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_reason_names_nobody(name):
    assert "@" not in read((FOLDER / f"{name}.eml").read_bytes()).reason


@given(st.binary(max_size=2000))
def test_rubbish_is_other_and_never_an_exception(content):
    assert read(content).kind is BounceKind.OTHER


@given(st.sampled_from(SAMPLES), st.data())
def test_a_mutilated_mail_never_raises(name, data):
    content = (FOLDER / f"{name}.eml").read_bytes()
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, 400))
    read(content[:start] + data.draw(st.binary(max_size=40)) + content[start + length :])


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        ("5.2.2", "552 5.2.2 over quota", "soft"),
        ("4.4.7", "550 4.4.7 expired", "soft"),
        ("5.4.7", "554 5.4.7 delivery time expired", "soft"),
        ("5.1.1", "", "hard"),
        ("5.1.1", "550 5.1.1 spam block list unknown", "hard"),
        ("5.7.1", "550 5.7.1 user unknown", "policy"),
        ("5.0.0", "550 mailbox unavailable", "hard"),
        ("5.0.0", "552 message too large", "policy"),
        ("5.0.0", "no reason at all", "soft"),
        ("", "connect to 5.1.1.10 failed", "soft"),
    ],
)
def test_codes_decide_and_words_only_where_codes_are_vague(status, text, kind):
    assert kind_of(status, text) == kind


@pytest.mark.parametrize("filler", [b"a", b"a@", b"<", b"550 5.1.1 ", b"- ", b"\n<a@b.c>:\n"])
@pytest.mark.parametrize("name", ["qmail-no-mailbox", "postfix-unknown", "arf-abuse"])
def test_a_swollen_mail_is_read_in_no_time(name, filler):
    content = (FOLDER / f"{name}.eml").read_bytes()
    middle = content.index(b"\n\n") + 2
    swollen = content[:middle] + filler * (400_000 // len(filler)) + content[middle:]
    began = time.perf_counter()
    with contextlib.suppress(UnreadableError):  # too many parts: it is put aside
        read(swollen)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("before", ["", "Re: ", "[EXTERNAL] ", "[EXT]", "Unsubscribe\n "])
def test_an_unsubscribe_request_is_known_behind_what_servers_prepend(before):
    token = "AQEyZ0EHBwAAABk3mTQ8uJ7yQnJvXcV6sT9z"
    found = read(f"From: a@b.example\nSubject: {before}unsubscribe {token}\n\n".encode())
    assert (found.kind, found.token) == (BounceKind.UNSUBSCRIBE, token)


@pytest.mark.parametrize(
    "words", ["call 450 1234 or mail office@uni.example", "450 people wrote; the server said hello"]
)
def test_numbers_in_an_away_notice_are_no_refusal(words):
    head = "Return-Path: <>\nFrom: Ada <ada@uni.example>\nTo: b+1-x@example.org\nSubject: hello"
    assert read(f"{head}\n\n{words}\n".encode()).kind is BounceKind.OTHER


def test_a_letter_about_unsubscribing_is_no_request():
    found = read(b"From: a@b.example\nSubject: please unsubscribe me from all of this\n\nhi\n")
    assert found.kind is BounceKind.OTHER


NOTICES = tomllib.loads((Path(__file__).parent / "notices.toml").read_text(encoding="utf-8"))


def a_notice(subject, text):
    head = "Return-Path: <>\nFrom: Mail Delivery System <MAILER-DAEMON@mx.example.org>\n"
    return f"{head}To: b+x@example.org\nSubject: {subject}\n\n{text}\n".encode()


@pytest.mark.parametrize("server", NOTICES["delayed"])
def test_a_notice_of_delay_counts_towards_nothing(server):
    assert read(a_notice(**NOTICES["delayed"][server])).kind is BounceKind.DELAYED


@pytest.mark.parametrize("server", NOTICES["final"])
def test_a_refusal_that_speaks_of_delays_is_a_refusal(server):
    assert read(a_notice(**NOTICES["final"][server])).kind in {BounceKind.HARD, BounceKind.SOFT}
