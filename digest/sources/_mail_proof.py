"""Whether a mail is from the domain that it names.

By its DKIM signature (RFC 6376), or by the word of the reader's own mail server (RFC 8601).
Anybody can write anything behind ``From:``. SPF is not asked: of a mail in a folder nobody can see
any more which way it came.
"""

from __future__ import annotations

import email
import email.policy
import logging
import re
from collections.abc import Sequence

import dkim
from dkim.util import InvalidTagValueList, parse_tag_value

from digest.nameserver import Ask

MOST_SIGNATURES = 5

_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*(?P<method>dkim|dmarc)\s*=\s*(?P<result>[a-z]+)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\bheader\.(?:d|i|from)\s*=\s*\"?(?:[^\s;\"@]*@)?(?P<domain>[^\s;\"@]+)", re.IGNORECASE
)

_unheard = logging.getLogger(f"{__name__}.library")
"""The library tells of every bad signature; whoever asks here does so once."""
_unheard.setLevel(logging.CRITICAL)


class NoNameServerError(Exception):
    """Nobody answered for the key of a signature: the mail may be good."""


def doubt(content: bytes, domain: str, *, ask: Ask, trusted_server: str = "") -> str:
    """Return why a mail cannot be taken for the domain's own; empty where it can.

    ``trusted_server`` is the name under which the reader's mail server writes down what it has
    checked; where it has, that decides. Raises NoNameServerError.
    """
    mail = email.message_from_bytes(content, policy=email.policy.compat32)
    senders = [str(value) for value in mail.get_all("From", [])]
    if len(senders) != 1 or not _is_within(domain_of(senders[0]), domain):
        return f"it is not from {domain} alone"
    if trusted_server:
        results = [str(value) for value in mail.get_all("Authentication-Results", [])]
        said = _said_by(results, trusted_server, domain)
        if said is not None:
            return "" if said else f"{trusted_server} says that it is not from {domain}"
    signatures = [str(value) for value in mail.get_all("DKIM-Signature", [])]
    ours = [
        number
        for number, signature in enumerate(signatures[:MOST_SIGNATURES])
        if _covers(signature, domain)
    ]
    if any(_is_right(content, number, ask) for number in ours):
        return ""
    return f"its signature by {domain} is wrong" if ours else f"it is not signed by {domain}"


def domain_of(sender: str) -> str:
    """Return the domain of a ``From`` field, also of arXiv's ``a@b (some words)``."""
    return _COMMENT.sub("", sender).strip().rstrip("> ").rpartition("@")[2].lower()


def _is_within(found: str, domain: str) -> bool:
    return found == domain or found.endswith(f".{domain}")


def _said_by(fields: Sequence[str], server: str, domain: str) -> bool | None:
    """Return what a server says of the domain; None where it says nothing.

    One forged field is enough to pass nothing: the server's own is there beside it.
    """
    verdicts = []
    for field in fields:
        name, _, rest = _COMMENT.sub(" ", field).partition(";")
        if not name.split() or name.split()[0].lower() != server.lower():
            continue
        for part in rest.split(";"):
            result, named = _RESULT.match(part), _NAMED.findall(part)
            if result and any(_is_within(one.lower(), domain) for one in named):
                verdicts.append(result["result"].lower() == "pass")
    return all(verdicts) if verdicts else None


def _covers(signature: str, domain: str) -> bool:
    """Tell a signature by the domain over the whole body: behind ``l=`` anything may follow."""
    try:
        tags = parse_tag_value(signature.encode("ascii", "replace"))
    except InvalidTagValueList:
        return False
    signer = tags.get(b"d", b"").decode("ascii", "replace").lower()
    return _is_within(signer, domain) and b"l" not in tags


def _is_right(content: bytes, number: int, ask: Ask) -> bool:
    def find(name: bytes, **_: object) -> bytes | None:
        text = name.decode("ascii", "replace")
        found = ask(text, "TXT")
        if found is None:
            raise NoNameServerError(f"no name server answered for {text.rstrip('.')}")
        return found[0].encode() if found else None

    try:
        signed = dkim.DKIM(content, logger=_unheard)
        return bool(signed.verify(number, dnsfunc=find))
    except (dkim.DKIMException, ValueError, LookupError, TypeError):  # malformed in some way
        return False
