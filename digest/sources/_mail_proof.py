"""Whether a mail is from the domain that it names.

By its DKIM signature (RFC 6376), or by the word of the reader's own mail server (RFC 8601).
Anybody can write anything behind ``From:``. SPF is not asked: of a mail in a folder nobody can see
any more which way it came. Mails are read in a worker process, which asks nobody: it names the
keys that it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from digest import isolated
from digest.mails import domain_of, fields, is_within, parsed_head, verdict
from digest.nameserver import Ask

MOST_SIGNATURES = 5

_unheard = logging.getLogger(f"{__name__}.library")
"""The library tells of every bad signature; whoever asks here does so once."""
_unheard.setLevel(logging.CRITICAL)


class NoNameServerError(Exception):
    """Nobody answered for the key of a signature: the mail may be good."""


@dataclass(frozen=True)
class KeyWanted:
    """What a name server has to be asked for before a signature can be checked."""

    name: str


class _KeyWantedError(Exception):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)


def doubt(content: bytes, domain: str, *, ask: Ask, trusted_server: str = "") -> str:
    """Return why a mail cannot be taken for the domain's own; empty where it can.

    ``trusted_server`` is the name under which the reader's mail server writes down what it has
    checked; where it has, that decides. Raises NoNameServerError, UnreadableError.
    """
    keys: dict[str, bytes | None] = {}
    for _ in range(2 * MOST_SIGNATURES):
        found = isolated.call(examine, content, domain, trusted_server, keys)
        if not isinstance(found, KeyWanted):
            return found
        texts = ask(found.name, "TXT")
        if texts is None:
            raise NoNameServerError(f"no name server answered for {found.name.rstrip('.')}")
        keys[found.name] = texts[0].encode() if texts else None
    return f"its signatures by {domain} need too many keys"


def examine(
    content: bytes, domain: str, trusted_server: str, keys: Mapping[str, bytes | None]
) -> str | KeyWanted:
    """Return what `doubt` does, or the key that is needed first and not among ``keys``. Pure."""
    mail = parsed_head(content)
    senders = list(fields(mail, "From"))
    if len(senders) != 1 or not is_within(domain_of(senders[0]), domain):
        return f"it is not from {domain} alone"
    if trusted_server:
        word = verdict(list(fields(mail, "Authentication-Results")), trusted_server, domain)
        if word is not None:
            return "" if word else f"{trusted_server} says that it is not from {domain}"
    signatures = list(fields(mail, "DKIM-Signature"))
    ours = [
        number
        for number, signature in enumerate(signatures[:MOST_SIGNATURES])
        if _covers(signature, domain)
    ]
    try:
        if any(_is_right(content, number, keys) for number in ours):
            return ""
    except _KeyWantedError as exc:
        return KeyWanted(exc.name)
    return f"its signature by {domain} is wrong" if ours else f"it is not signed by {domain}"


def _covers(signature: str, domain: str) -> bool:
    """Tell a signature by the domain over the whole body: behind ``l=`` anything may follow."""
    try:
        tags = parse_tag_value(signature.encode("ascii", "replace"))
    except InvalidTagValueList:
        return False
    signer = tags.get(b"d", b"").decode("ascii", "replace").lower()
    return is_within(signer, domain) and b"l" not in tags


def _is_right(content: bytes, number: int, keys: Mapping[str, bytes | None]) -> bool:
    def find(name: bytes, **_: object) -> bytes | None:
        text = name.decode("ascii", "replace")
        if text not in keys:
            raise _KeyWantedError(text)
        return keys[text]

    try:
        signed = dkim.DKIM(content, logger=_unheard)
        return bool(signed.verify(number, dnsfunc=find))
    except (dkim.DKIMException, ValueError, LookupError, TypeError):  # malformed in some way
        return False
