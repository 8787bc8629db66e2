"""Mails that anybody may have written: parsed within bounds, and whose word they are.

To be called in a worker process (``isolated``): the standard library's parser falls over some of
what is sent, and takes long over the rest. Whatever is asked here of a mail that was parsed is
answered, however malformed it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import Compat32, compat32

from digest.errors import UnreadableError

MOST_PARTS = 40
"""Multiparts and mails within a mail. A refusal has three to six; the parser takes time that
grows with their square, and overflows at some hundreds."""
MOST_STEPS = 4_000_000
"""Lines times parts: the parser tries every line against the end of every part around it."""
MOST_BLOCKS = 20_000
"""Empty lines of a mail with a delivery status: the parser makes a message of each block."""
HEAD_LIMIT = 256 * 1024
FIELD_LIMIT = 4_000

_NESTED = re.compile(
    rb"^content-type:[ \t\r\n]{0,100}(multipart|message)/", re.IGNORECASE | re.MULTILINE
)
_STATUS = re.compile(rb"message/(global-)?delivery-status", re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*(?P<method>dkim|dmarc)\s*=\s*(?P<result>[a-z]+)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\bheader\.(?:d|i|from)\s*=\s*\"?(?:[^\s;\"@]*@)?(?P<domain>[^\s;\"@]+)", re.IGNORECASE
)
_HOP = re.compile(r"(?:^|\s)(from|by|with)\s+([^\s;()]+)", re.IGNORECASE)


class _Bounded(Compat32):
    """Cuts header fields before the parser reads their parameters, and drops unreadable ones.

    Parameters are read in time that grows with the square of their length, and continuations
    (RFC 2231) that contradict each other end in a TypeError.
    """

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Return name and value of a field as it was sent."""
        name, value = super().header_source_parse(sourcelines)
        value = value[:FIELD_LIMIT]
        if ";" in value and name.lower().startswith("content-"):
            single = Message(policy=compat32)
            single[name] = value
            try:
                single.get_params(header=name)
            except (TypeError, ValueError, LookupError):
                value = value.partition(";")[0]
        return name, value


_BOUNDED = _Bounded()


def parsed(content: bytes) -> Message:
    """Return a mail, each field cut to ``FIELD_LIMIT``.

    Raises UnreadableError for one of more than ``MOST_PARTS`` parts, ``MOST_STEPS`` or
    ``MOST_BLOCKS``.
    """
    parts = 1
    for _ in _NESTED.finditer(content):
        parts += 1
        if parts > MOST_PARTS:
            raise UnreadableError(f"it has more than {MOST_PARTS} parts within parts", "too-deep")
    if parts * content.count(b"\n") > MOST_STEPS:
        raise UnreadableError("it has too many lines within parts", "too-large")
    if _STATUS.search(content) and len(_BLANK.findall(content)) > MOST_BLOCKS:
        raise UnreadableError(f"it has more than {MOST_BLOCKS:,} blocks of fields", "too-large")
    return message_from_bytes(content, policy=_BOUNDED)


def parsed_head(content: bytes) -> Message:
    """Return a mail's header fields, its first ``HEAD_LIMIT`` bytes at most."""
    head = content[:HEAD_LIMIT]
    end = _BLANK.search(head)
    return BytesHeaderParser(policy=_BOUNDED).parsebytes(head[: end.start()] if end else head)


def field(mail: Message, name: str) -> str:
    """Return a header field as it is written, cut to ``FIELD_LIMIT``; empty where there is none."""
    return next(fields(mail, name), "")


def fields(mail: Message, name: str) -> Iterator[str]:
    """Yield every header field of this name, as `field` does."""
    for value in mail.get_all(name, []):
        yield str(value)[:FIELD_LIMIT]


def decoded(mail: Message, name: str) -> str:
    """Return a header field with its encoded words (RFC 2047) read, as far as they can be."""
    raw = field(mail, name)
    try:
        return str(make_header(decode_header(raw)))[:FIELD_LIMIT]
    except (MessageError, LookupError, ValueError):
        return raw


def plain_text(mail: Message, longest: int, *, lenient: bool = True) -> str:
    """Return the beginning of the first plain text part; empty where there is none.

    Text in no encoding that is known is read as UTF-8 as far as it goes, or not at all.
    """
    for part in mail.walk():
        if part.get_content_type() == "text/plain":
            raw = part.get_payload(decode=True)
            return _text(raw, part, lenient)[:longest] if isinstance(raw, bytes) else ""
    return ""


def _text(raw: bytes, part: Message, lenient: bool) -> str:
    try:
        return raw.decode(part.get_content_charset("utf-8") or "utf-8", "replace")
    except (LookupError, ValueError):  # unknown, no encoding of text, or one that takes no errors
        return raw.decode("utf-8", "replace") if lenient else ""


def domain_of(sender: str) -> str:
    """Return the domain of a ``From`` field, also of arXiv's ``a@b (some words)``."""
    return _COMMENT.sub("", sender).strip().rstrip("> ").rpartition("@")[2].lower()


def is_within(found: str, domain: str) -> bool:
    """Tell a domain and those below it."""
    return found == domain or found.endswith(f".{domain}")


def verdict(results: Sequence[str], server: str, domain: str) -> bool | None:
    """Return what a server's ``Authentication-Results`` (RFC 8601) say of a domain; None: nothing.

    One forged field is enough to pass nothing: the server's own is there beside it.
    """
    verdicts = []
    for one in results:
        name, _, rest = _COMMENT.sub(" ", one).partition(";")
        if not name.split() or name.split()[0].lower() != server.lower():
            continue
        for part in rest.split(";"):
            result, named = _RESULT.match(part), _NAMED.findall(part)
            if result and any(is_within(each.lower(), domain) for each in named):
                verdicts.append(result["result"].lower() == "pass")
    return all(verdicts) if verdicts else None


def vouched_for(mail: Message, server: str) -> str:
    """Return who wrote a mail, on the word of the mail server that delivered it here.

    A domain that the server has authenticated, or its own name where it wrote the mail itself:
    what comes from elsewhere begins with a ``Received`` field that it cannot take away. Empty
    where the server says nothing, or is not known (``server`` is empty).
    """
    if not server:
        return ""
    if _is_its_own(mail, server):
        return server.lower()
    senders = list(fields(mail, "From"))
    domain = domain_of(senders[0]) if len(senders) == 1 else ""
    is_good = domain and verdict(list(fields(mail, "Authentication-Results")), server, domain)
    return domain if is_good else ""


def _is_its_own(mail: Message, server: str) -> bool:
    for hop in fields(mail, "Received"):
        words = {name.lower(): value.lower() for name, value in _HOP.findall(_COMMENT.sub("", hop))}
        if words.get("by") != server.lower():
            return False
        if "from" not in words:
            return True
        if not words.get("with", "").startswith("lmtp"):  # handed on within the machine
            return False
    return False
