"""Tokens for links in mails: signed, bound to one purpose, small; they hold no secret.

A token says "whoever holds this may do this one thing for this subscriber". Whether it has been
used already is the store's to know; this module only tells true tokens from others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from digest.errors import TokenError
from digest.keys import checked

VERSION = 1
MAC_BYTES = 16
"""HMAC-SHA256 truncated to 128 bits, as RFC 2104 section 5 allows."""

_KEY_CONTEXT = b"digest token v1"
_LONGEST = 200


class TokenPurpose(IntEnum):
    """What a token opens. The numbers are in mails that were sent: they never change."""

    UNSUBSCRIBE = 1
    CONFIRM = 2
    PREFERENCES = 3
    VIEW = 4
    FEEDBACK = 5
    FEED = 6
    EXPORT = 7
    ERASE = 8
    REFUSE = 9
    OWNER = 10
    FORM = 11


_BEGINNINGS = [bytes((VERSION, number)) for number in range(max(TokenPurpose) + 1)]
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a true token says; ids are row ids, 0 where it names none."""

    purpose: TokenPurpose
    subscriber_id: int
    subscription_id: int = 0
    edition_id: int = 0
    issued_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def generation(self) -> int:
        """Which generation of feed addresses a FEED token is of: it names no edition."""
        return self.edition_id


class Signer:
    """Makes tokens with the first key and reads those of every key: old links keep working."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys, the present one first. Raises ConfigError where one is too short."""
        derived = [hmac.digest(key, _KEY_CONTEXT, "sha256") for key in checked(keys)]
        self._keys = {hashlib.sha256(key).digest()[:2]: key for key in reversed(derived)}
        self._present = hashlib.sha256(derived[0]).digest()[:2]
        # RFC 2104 section 4: what the key alone decides is hashed once, not for each of the four
        # tokens of each mail. A derived key is shorter than a block, so it is only padded.
        padded = derived[0].ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def make(
        self,
        purpose: TokenPurpose,
        subscriber_id: int,
        *,
        subscription_id: int = 0,
        edition_id: int = 0,
        issued_at: datetime | None = None,
        expires_at: datetime | None = None,
    ) -> str:
        """Return a token of under 100 URL-safe characters; without ``expires_at`` it lives on."""
        numbers = (
            subscriber_id,
            subscription_id,
            edition_id,
            _seconds(issued_at),
            _seconds(expires_at),
        )
        return self._signed(purpose, self._present + b"".join(map(_varint, numbers)))

    def make_each(
        self,
        purposes: Sequence[TokenPurpose],
        subscriber_id: int,
        *,
        subscription_id: int = 0,
        edition_id: int = 0,
    ) -> list[str]:
        """Return a token for each purpose, as `make` does: a mail has four for one reader."""
        numbers = (subscriber_id, subscription_id, edition_id, 0, 0)
        claims = self._present + b"".join(map(_varint, numbers))
        return [self._signed(purpose, claims) for purpose in purposes]

    def _signed(self, purpose: TokenPurpose, claims: bytes) -> str:
        body = _BEGINNINGS[purpose] + claims
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        signed = binascii.b2a_base64(body + outer.digest()[:MAC_BYTES], newline=False)
        return signed.translate(_URL_SAFE, b"=").decode()

    def read(self, token: str, purpose: TokenPurpose, *, now: datetime | None = None) -> Claims:
        """Return what a token of this purpose says; raises TokenError for every other text.

        A token that can expire needs ``now``: asking without is a mistake (ValueError).
        """
        raw = _decoded(token)
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        key = self._keys.get(body[2:4], b"")
        true = hmac.compare_digest(hmac.digest(key, body, "sha256")[:MAC_BYTES], mac)
        if not true or not key or body[:2] != bytes((VERSION, purpose)):
            raise _unknown()
        numbers = _varints(body[4:])
        claims = Claims(
            purpose=purpose,
            subscriber_id=numbers[0],
            subscription_id=numbers[1],
            edition_id=numbers[2],
            issued_at=_instant(numbers[3]),
            expires_at=_instant(numbers[4]),
        )
        if claims.expires_at is not None:
            if now is None:
                raise ValueError("a token that can expire is read with `now`")
            if now >= claims.expires_at:
                raise TokenError("this link is too old: ask for a new one", expired=True)
        return claims


def _unknown() -> TokenError:
    return TokenError("this link is not known here")


def _decoded(token: str) -> bytes:
    if len(token) > _LONGEST or not token.isascii():
        raise _unknown()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _unknown() from exc
    # One token, one text: base64 ignores the last character's spare bits, links must not.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token or len(raw) < MAC_BYTES + 4:
        raise _unknown()
    return raw


_SMALL = tuple(bytes((number,)) for number in range(0x80))


def _varint(number: int) -> bytes:
    """Return LEB128: seven bits a byte, lowest first."""
    if 0 <= number <= 0x7F:
        return _SMALL[number]
    if number < 0:
        raise ValueError(f"a token cannot hold {number}")
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*parts, number))


def _varints(raw: bytes) -> list[int]:
    numbers, number, shift = [], 0, 0
    for byte in raw:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    return numbers


def _seconds(instant: datetime | None) -> int:
    return 0 if instant is None else int(instant.timestamp())


def _instant(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
