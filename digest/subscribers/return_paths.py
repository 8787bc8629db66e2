"""Envelope senders that say which delivery a refusal is about (VERP), signed.

A refusal comes back to the address in MAIL FROM, whatever its text looks like: an address of our
own for each delivery needs no guessing. The signature keeps strangers from bouncing others out.
Only text: whether there is such a delivery is the store's to know.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from collections.abc import Sequence

from digest.keys import checked

MAC_BYTES = 10
"""HMAC-SHA256 truncated to 80 bits (RFC 2104 section 5 allows half of it, 128 are not needed for
what is worth one suppressed address and is tried one mail at a time)."""

_KEY_CONTEXT = b"digest return path v1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_MAC = rf"[a-z2-7]{{{MAC_BYTES * 8 // 5}}}"


class ReturnPaths:
    """Makes and reads the envelope senders of one installation, such as ``b+2s-k7…@bounces.org``.

    Letters are lower case and few: relays that fold case or dislike signs leave them whole.
    """

    def __init__(self, keys: Sequence[bytes], *, domain: str, prefix: str = "b+") -> None:
        """Take the keys, the present one first. Raises ConfigError where one is too short."""
        self._keys = [hmac.digest(key, _KEY_CONTEXT, "sha256") for key in checked(keys)]
        self._prefix = prefix
        self._domain = domain
        spelled = rf"{re.escape(prefix)}([0-9a-z]{{1,13}})-({_MAC})@{re.escape(domain)}"
        self._pattern = re.compile(rf"(?<![A-Za-z0-9]){spelled}(?![A-Za-z0-9.-])", re.IGNORECASE)

    def make(self, delivery_id: int) -> str:
        """Return the envelope sender of a delivery: the same on every retry."""
        number = _spelled(delivery_id)
        return f"{self._prefix}{number}-{_mac(self._keys[0], number)}@{self._domain}"

    def read(self, text: str) -> list[int]:
        """Return the deliveries whose true envelope senders stand in a text, in its order.

        Addresses of ours that somebody made up are not among them.
        """
        found: dict[int, None] = {}
        for number, mac in self._pattern.findall(text):
            spelled = number.lower()
            if any(hmac.compare_digest(_mac(key, spelled), mac.lower()) for key in self._keys):
                found[int(spelled, 36)] = None
        return list(found)


def _mac(key: bytes, number: str) -> str:
    return b32encode(hmac.digest(key, number.encode(), "sha256")[:MAC_BYTES]).decode().lower()


def _spelled(number: int) -> str:
    out = ""
    while number:
        number, digit = divmod(number, 36)
        out = _DIGITS[digit] + out
    return out or "0"
