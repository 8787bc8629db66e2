from __future__ import annotations

from dataclasses import replace

import dkim
import pytest
from builders import NOON, an_edition_input
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from rendering.keys import a_signer, pem, published

from digest.errors import ConfigError
from digest.rendering.compose import Composer
from digest.rendering.dkim import load_key


def a_signed_message(*, both: bool = True, **changes: object) -> bytes:
    return Composer(dkim=a_signer(both=both)).compose(an_edition_input(**changes)).content


def verified(content: bytes) -> list[bool]:
    check = dkim.DKIM(content)
    count = content.count(b"DKIM-Signature:")
    answers = []
    for index in range(count):
        try:
            answers.append(check.verify(idx=index, dnsfunc=published))
        except dkim.ValidationError:  # the body does not match
            answers.append(False)
    return answers


def test_both_signatures_are_verified_by_another_implementation() -> None:
    assert verified(a_signed_message()) == [True, True]


def tags_of(content: bytes) -> dict[str, str]:
    """Return the tags of the first signature."""
    head = content.partition(b"\r\nFrom:")[0].replace(b"\r\n ", b"").decode()
    pairs = head.partition("DKIM-Signature:")[2].split(";")
    return {name.strip(): value.strip() for name, _, value in (p.partition("=") for p in pairs)}


def test_a_signature_covers_what_a_reader_or_filter_acts_on() -> None:
    sender = replace(an_edition_input().sender, reply_to="help@example.org")
    content = a_signed_message(both=False, sender=sender)
    signed = tags_of(content)["h"].replace(" ", "").split(":")
    head = content.partition(b"\r\n\r\n")[0].partition(b"\r\nFrom:")[2].decode().lower()
    for name in (
        "from", "to", "subject", "date", "message-id", "mime-version", "content-type", "reply-to",
        "list-id", "list-unsubscribe", "list-unsubscribe-post", "auto-submitted", "feedback-id",
    ):  # fmt: skip
        assert name in signed
        assert f"\n{name}:" in f"\nfrom:{head}"
    for name in ("from", "to", "subject", "date", "list-unsubscribe", "list-unsubscribe-post"):
        assert signed.count(name) == 2


def test_a_signature_is_of_the_whole_body_and_does_not_age() -> None:
    tags = tags_of(a_signed_message(both=False))
    assert (tags["v"], tags["a"], tags["d"]) == ("1", "rsa-sha256", "example.org")
    assert tags["t"] == str(int(NOON.timestamp()))
    assert not {"l", "x"} & set(tags)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b"\r\nFrom:", b"\r\nFrom: Eve <eve@example.net>\r\nFrom:"),
        (b"/u/ttt", b"/u/tXt"),
        (b"\r\nSubject:", b"\r\nSubject: Win\r\nSubject:"),
        (b"careful studies", b"careless studies"),
        (b"\r\nTo:", b"\r\nTo: eve@example.net\r\nTo:"),
        (b"\r\nDate:", b"\r\nDate: Tue, 1 Jan 2030 00:00:00 +0000\r\nDate:"),
        (b"\r\nList-Unsubscribe:", b"\r\nList-Unsubscribe: <https://e.net>\r\nList-Unsubscribe:"),
        (b"\r\nList-Unsubscribe-Post:", b"\r\nList-Unsubscribe-Post: x\r\nList-Unsubscribe-Post:"),
        (b"Auto-Submitted: auto-generated", b"Auto-Submitted: no"),
        (b"\r\nFeedback-ID: ", b"\r\nFeedback-ID: x"),
    ],
)
def test_what_is_altered_or_added_breaks_the_signature(true: bytes, false: bytes) -> None:
    content = a_signed_message()
    assert true in content
    forged = content.replace(true, false, 1)
    assert verified(forged) == [False, False]


def test_the_same_input_is_signed_to_the_same_bytes() -> None:
    assert a_signed_message() == a_signed_message()


def test_a_short_rsa_key_is_refused() -> None:
    short = generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(ConfigError, match="1024 bits"):
        load_key(pem(short), "r", where="mail.dkim.key_file")


def test_a_file_that_is_no_key_is_named() -> None:
    with pytest.raises(ConfigError, match=r"mail\.dkim\.key_file"):
        load_key(b"not a key", "r", where="mail.dkim.key_file")
