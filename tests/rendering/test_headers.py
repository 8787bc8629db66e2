from __future__ import annotations

import re
from email.header import decode_header, make_header
from email.parser import BytesParser

import pytest
from builders import an_edition_input
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import RenderError
from digest.rendering import PersonalLinks, headers
from digest.rendering.compose import Composer
from digest.rendering.inert import plain

COMPOSER = Composer()
ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id",
    "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted",
)  # fmt: skip


def head_of(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[0] + b"\r\n"


def unfolded(head: bytes, name: str) -> str:
    found = re.search(rb"(?im)^" + name.encode() + rb":((?:.*\r\n)(?:[ \t].*\r\n)*)", head)
    assert found is not None
    return re.sub(r"\r\n[ \t]", " ", found[1].decode()).strip()


@given(st.text(max_size=400))
def test_a_subject_survives_the_way_there_and_back(text: str) -> None:
    field = headers.text_field("Subject", text)
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert field.count(b"\r\n") == len(re.findall(rb"\r\n(?=[ ]|$)", field))
    decoded = str(make_header(decode_header(unfolded(field, "Subject"))))
    assert decoded == plain(text)


@given(st.text(max_size=200))
def test_every_encoded_word_is_short_and_whole_by_itself(text: str) -> None:
    field = headers.text_field("Subject", "é" + text)
    for word in re.findall(rb"=\?utf-8\?[qb]\?[^?]*\?=", field):
        assert len(word) <= 75
        raw, charset = decode_header(word.decode())[0]
        assert isinstance(raw, bytes)
        raw.decode(str(charset))  # a character cut in two would not decode


@given(st.text(min_size=1, max_size=120))
def test_a_display_name_survives(name: str) -> None:
    field = headers.address_field("From", "digest@example.org", name)
    phrase, address = unfolded(field, "From").removesuffix(">").rsplit("digest", 1)
    assert address == "@example.org"
    phrase = phrase.removesuffix("<").strip()
    if phrase.startswith('"'):
        phrase = re.sub(r"\\(.)", r"\1", phrase[1:-1])
    # email.policy keeps the space between encoded words of a phrase, against RFC 2047 section 6.2.
    assert str(make_header(decode_header(phrase))) == plain(name)


@given(length=st.integers(20, 890))
def test_an_unsubscribe_address_is_never_encoded_or_broken(length: int) -> None:
    address = "https://digest.example.org/u/" + "x" * (length - 20)
    links = PersonalLinks(unsubscribe=address, unsubscribe_mailto="mailto:stop@example.org")
    head = head_of(COMPOSER.compose(an_edition_input(links=links)).content)
    assert unfolded(head, "List-Unsubscribe") == f"<{address}>, <mailto:stop@example.org>"
    for name in ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Message-ID"):
        assert "=?" not in unfolded(head, name)


def test_each_field_stands_exactly_once() -> None:
    message = BytesParser().parsebytes(COMPOSER.compose(an_edition_input()).content)
    assert {name: len(message.get_all(name, [])) for name in ONCE} == dict.fromkeys(ONCE, 1)
    assert message["Bcc"] is None
    assert message["Return-Path"] is None


def test_one_click_is_announced_to_the_byte() -> None:
    content = COMPOSER.compose(an_edition_input()).content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content


def test_without_https_nothing_promises_one_click() -> None:
    links = PersonalLinks(unsubscribe="http://127.0.0.1/u/x", unsubscribe_mailto="mailto:s@x.org")
    content = COMPOSER.compose(an_edition_input(links=links)).content
    assert b"List-Unsubscribe-Post" not in content
    assert b"List-Unsubscribe: <http://127.0.0.1/u/x>, <mailto:s@x.org>\r\n" in content


def test_automatic_mail_says_so() -> None:
    message = BytesParser().parsebytes(COMPOSER.compose(an_edition_input()).content)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["List-Post"] == "NO"
    assert message["Feedback-ID"] == "20260414:digest:lab1:example.org"


def test_a_domain_outside_ascii_is_a_labelled() -> None:
    assert headers.mail_address("ada@bücher.example") == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    "address",
    ["a\r\nBcc: x@y.z@example.org", "adä@example.org", "a b@c.d", "no-at", "a@b@c.d", "<a@b.c>"],
)
def test_an_address_that_mail_cannot_carry_is_refused(address: str) -> None:
    with pytest.raises(RenderError):
        headers.mail_address(address)
