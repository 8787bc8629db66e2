import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import AddressError
from digest.subscribers.addresses import (
    address_hmac,
    address_key,
    domain_of,
    masked_address,
    normalise,
)


@pytest.mark.parametrize(
    ("given_as", "stored"),
    [
        (" Ada@Example.ORG ", "Ada@example.org"),
        ("ada+papers@bücher.example", "ada+papers@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("a.b@localhost", "a.b@localhost"),
    ],
)
def test_one_mailbox_has_one_written_form(given_as, stored):
    assert normalise(given_as) == stored
    assert domain_of(stored) == stored.split("@")[1]


@pytest.mark.parametrize(
    "wrong",
    [
        "", "ada", "@example.org", "ada@", "ada@example", "ada @example.org", "a\u0000@example.org",
        "ada@example.org\r\nBcc: eve@example.org", "Ada <ada@example.org>", "ada@exa_mple..org",
        "\u202eada@example.org", "ada@[127.0.0.1]", "ada@127.0.0.1", '"a b"@example.org',
        "a..b@example.org", "x" * 65 + "@example.org", "a@" + "d" * 64 + ".org", "ada@-x-.org",
        "ada@example.org,eve@example.org",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(wrong):
    with pytest.raises(AddressError):
        normalise(wrong)


def test_non_ascii_local_part_is_refused_with_its_reason():
    with pytest.raises(AddressError, match="before the @ may only hold ASCII"):
        normalise("björn@example.org")


def test_spellings_of_one_mailbox_share_key_and_hmac():
    keys = (b"new", b"old")
    assert address_key("Ada@Example.org") == address_key("ada@EXAMPLE.org")
    assert address_hmac(keys, "Ada@Example.org") == address_hmac(keys, "ada@example.org")
    assert address_hmac(keys, "ada@example.org") == address_hmac((b"old",), "ada@example.org")
    assert address_hmac((b"new",), "ada@example.org") != address_hmac(keys, "ada@example.org")


def test_masked_address_hides_the_name():
    assert masked_address("ada.lovelace@example.org") == "a…@example.org"


@given(st.text(max_size=80))
def test_normalising_never_breaks_and_is_stable(text):
    try:
        once = normalise(text)
    except AddressError:
        return
    assert normalise(once) == once
    assert once.isascii()
    assert "\n" not in once
