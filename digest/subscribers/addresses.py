"""Mail addresses: one written form, one key for a mailbox, one HMAC that names nobody.

It asks no server whether a mailbox exists; a confirmation mail does that.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import idna

from digest.errors import AddressError

# RFC 5321 sections 4.5.3.1.1 and 4.5.3.1.3: 64 octets, and 256 for the path with its brackets.
LOCAL_LIMIT = 64
ADDRESS_LIMIT = 254

# RFC 5322 dot-atom. Quoted local parts are lawful, unused, and a classic way around filters.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN = re.compile(r"[a-z0-9]+(?:[._+-][a-z0-9]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}")
_HMAC_CONTEXT = b"digest address v1\0"

CHANNEL_SCHEME = "chat:"
_CHANNEL = re.compile(rf"{CHANNEL_SCHEME}([A-Za-z0-9][A-Za-z0-9_-]{{0,59}})")


def normalise(address: str) -> str:
    """Return the address as it is stored: trimmed, the domain in lower case and as A-label.

    Raises AddressError with the reason; the reason never repeats the address.
    """
    text = unicodedata.normalize("NFC", address).strip(" \t\r\n")
    if any(unicodedata.category(char).startswith(("C", "Z")) for char in text):
        raise AddressError("the address holds a space or a control character")
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise AddressError("expected an address such as ada@example.org")
    if not local.isascii():
        # RFC 6531: needs SMTPUTF8 on every hop, which cannot be known beforehand.
        raise AddressError("the part before the @ may only hold ASCII letters, digits and signs")
    if not _LOCAL.fullmatch(local):
        raise AddressError("the part before the @ holds a sign that is not allowed there")
    if len(local) > LOCAL_LIMIT:
        raise AddressError(f"the part before the @ is longer than {LOCAL_LIMIT} characters")
    whole = f"{local}@{_normal_domain(domain)}"
    if len(whole) > ADDRESS_LIMIT:
        raise AddressError(f"the address is longer than {ADDRESS_LIMIT} characters")
    return whole


def channel_of(address: str) -> str:
    """Return the transport that a channel's address names: ``lab`` of ``chat:lab``, else empty."""
    found = _CHANNEL.fullmatch(address)
    return found[1] if found else ""


def destination(text: str) -> str:
    """Return a mail address, normalised, or a channel's address such as ``chat:lab``.

    For what the owner wrote alone: a stranger must not subscribe a channel. Raises AddressError.
    """
    trimmed = text.strip()
    return trimmed if channel_of(trimmed) else normalise(text)


def address_key(address: str) -> str:
    """Return what two spellings of one mailbox share. Raises AddressError.

    RFC 5321 lets a host tell ``Ada@`` from ``ada@``; none does, and mailing both is worse.
    """
    return address if channel_of(address) else normalise(address).lower()


def address_hmac(keys: Sequence[bytes], address: str) -> str:
    """Return 64 hex digits that stand for the mailbox in the list of suppressions.

    Made with the oldest key: a new secret put in front changes no suppression, so the oldest
    secret stays in ``digest.old_secrets`` for as long as the suppressions matter.
    """
    # Nearly all addresses are written as their key is: looked over at once, not sign by sign.
    is_plain = len(address) <= LOCAL_LIMIT and _PLAIN.fullmatch(address)
    key = address if is_plain else address_key(address)
    return hmac.digest(keys[-1], _HMAC_CONTEXT + key.encode(), "sha256").hex()


def domain_of(address: str) -> str:
    """Return the domain of a normalised address."""
    return address.rpartition("@")[2]


def masked_address(address: str) -> str:
    """Return ``a…@example.org``: enough for the owner of a mailbox to know it by."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


@lru_cache(maxsize=4096)
def _normal_domain(domain: str) -> str:
    if domain.lower() == "localhost":
        return "localhost"
    try:
        encoded = idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as exc:
        raise AddressError("the part after the @ is not a domain name") from exc
    if "." not in encoded or encoded.endswith("."):
        raise AddressError("the part after the @ is not a whole domain name")
    if encoded.rpartition(".")[2].isdigit():
        raise AddressError("the part after the @ is not a domain name")
    return encoded
