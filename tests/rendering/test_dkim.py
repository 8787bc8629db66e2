from __future__ import annotations

from base64 import b64encode

import dkim
import pytest
from builders import an_edition_input
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from digest.errors import ConfigError
from digest.rendering.compose import Composer
from digest.rendering.dkim import Signer, load_key

RSA = generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()


def pem(key) -> bytes:  # type: ignore[no-untyped-def]
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def published(name: bytes, timeout: float = 5) -> bytes:
    rsa = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    raw = ED25519.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {
        b"r._domainkey.example.org.": b"v=DKIM1; k=rsa; p=" + b64encode(rsa),
        b"e._domainkey.example.org.": b"v=DKIM1; k=ed25519; p=" + b64encode(raw),
    }[name]


def a_signed_message(*, both: bool = True, **changes: object) -> bytes:
    keys = [load_key(pem(RSA), "r", where="test")]
    if both:
        keys.append(load_key(pem(ED25519), "e", where="test"))
    signer = Signer(domain="example.org", keys=tuple(keys))
    return Composer(dkim=signer).compose(an_edition_input(**changes)).content


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


def test_a_signature_covers_both_unsubscribe_fields() -> None:
    content = a_signed_message(both=False)
    tags = content.partition(b"\r\nFrom:")[0].replace(b"\r\n ", b"")
    signed = tags.partition(b"h=")[2].partition(b";")[0].split(b":")
    assert signed.count(b"list-unsubscribe") == 2
    assert signed.count(b"list-unsubscribe-post") == 2
    assert b"a=rsa-sha256" in tags
    assert b" l=" not in tags


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b"\r\nFrom:", b"\r\nFrom: Eve <eve@example.net>\r\nFrom:"),
        (b"/u/ttt", b"/u/tXt"),
        (b"\r\nSubject:", b"\r\nSubject: Win\r\nSubject:"),
        (b"careful studies", b"careless studies"),
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
