"""Check the header fields of a composed message (RFC 5322, 2047, 2369, 2919, 8058, 3834).

The codes begin with H. Bodies and their structure are ``lint``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header

from digest.rendering.findings import Finding, poor, wrong

ONCE = (
    "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    "Auto-Submitted",
)  # fmt: skip
AT_MOST_ONCE = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To", "Sender")
NEVER = ("Bcc", "Return-Path")
UNENCODED = ("List-Unsubscribe", "List-Unsubscribe-Post", "Message-ID", "References", "List-Post")
WORDED = ("Subject", "From", "To", "Reply-To", "List-Id")
WORD = 75

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_LIST_ID = re.compile(r"[^<>]*<[^\s<>@][^\s<>@.]*+\.[^\s<>@]+>")
_MESSAGE_ID = re.compile(r"<[^\s<>@]+@[^\s<>@]+>")
_FEEDBACK = re.compile(r"[^:\s]*:[^:\s]*:[^:\s]*:[^:\s]+")
_WORD = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=")

Fields = list[tuple[str, str]]


def fields_of(head: bytes) -> Fields:
    """Return names and unfolded values as they stand, undecoded."""
    found: Fields = []
    for line in re.split(rb"\r?\n", head):
        shown = line.decode("ascii", "replace")
        if shown[:1] in (" ", "\t") and found:
            name, before = found[-1]
            found[-1] = (name, f"{before} {shown.strip()}".strip())
        else:
            name, _, content = shown.partition(":")
            found.append((name, content.strip()))
    return found


def values_of(fields: Fields, name: str) -> list[str]:
    """Return every value of a field."""
    return [content for other, content in fields if other.lower() == name.lower()]


def field_findings(fields: Fields) -> Iterator[Finding]:
    """Yield what is wrong with header fields."""
    yield from _counts(fields)
    yield from _values(fields)
    yield from _words(fields)
    yield from _unsubscribe(fields)


def _counts(fields: Fields) -> Iterator[Finding]:
    for name in ONCE:
        count = len(values_of(fields, name))
        if count != 1:
            yield wrong("H3", f"{name} stands {count} times; it must stand once")
    for name in AT_MOST_ONCE:
        if len(values_of(fields, name)) > 1:
            yield wrong("H3", f"{name} stands more than once")
    for name in NEVER:
        if values_of(fields, name):
            yield wrong("H3", f"{name} stands in the mail; it must not")


def _values(fields: Fields) -> Iterator[Finding]:
    for name, content in fields:
        if _CONTROL.search(content):
            yield wrong("H11", f"{name} holds a control character")
    for name in UNENCODED:
        if any("=?" in content for content in values_of(fields, name)):
            yield wrong("H4", f"{name} holds an encoded word, which mail programs do not read")
    for content in values_of(fields, "List-Id"):
        if not _LIST_ID.fullmatch(content) or "=?" in content[content.rfind("<") :]:
            yield wrong("H7", "List-Id has no plain identifier of the form <label.domain>")
    for content in values_of(fields, "Message-ID"):
        if not _MESSAGE_ID.fullmatch(content):
            yield wrong("H9", "Message-ID is not of the form <left@right>")
    for content in values_of(fields, "Auto-Submitted"):
        if content != "auto-generated":
            yield wrong("H8", "Auto-Submitted does not say auto-generated")


def _words(fields: Fields) -> Iterator[Finding]:
    for content in values_of(fields, "Feedback-ID"):
        if not _FEEDBACK.fullmatch(content):
            yield poor("H13", "Feedback-ID is not of the form a:b:c:sender")
    for name in WORDED:
        for word in _WORD.findall(" ".join(values_of(fields, name))):
            if not _is_whole(word):
                yield wrong("H10", f"{name} has an encoded word that is too long or cut: {word}")


def _is_whole(word: str) -> bool:
    """Tell whether an encoded word can be read by itself (RFC 2047 sections 2 and 5)."""
    try:
        raw, charset = decode_header(word)[0]
        return len(word) <= WORD and isinstance(raw, bytes) and bool(raw.decode(charset or "ascii"))
    except (ValueError, LookupError, HeaderParseError):
        return False


def _unsubscribe(fields: Fields) -> Iterator[Finding]:
    """Check RFC 8058; a notice, which has no List-Id, needs no unsubscribe address."""
    post = values_of(fields, "List-Unsubscribe-Post")
    found = values_of(fields, "List-Unsubscribe")
    if not found:
        if values_of(fields, "List-Id"):
            yield poor("H5", "there is no List-Unsubscribe: no public address is configured")
        if post:
            yield wrong("H6", "List-Unsubscribe-Post stands without List-Unsubscribe")
        return
    uris = [uri.strip() for uri in found[0].split(",")]
    bare = [uri[1:-1] for uri in uris if re.fullmatch(r"<[!-;=?-~]+>", uri)]
    secure = [uri for uri in bare if uri.lower().startswith("https://")]
    if len(bare) != len(uris):
        yield wrong("H5", "List-Unsubscribe is not a list of unbroken addresses in <>")
    elif len(secure) > 1:
        yield wrong("H5", "List-Unsubscribe has more than one HTTPS address")
    elif secure and bare[0] != secure[0]:
        yield wrong("H5", "List-Unsubscribe does not begin with its HTTPS address")
    elif not secure:
        yield poor("H5", "List-Unsubscribe has no HTTPS address: no one-click unsubscribing")
    if secure and post != ["List-Unsubscribe=One-Click"]:
        yield wrong("H6", "List-Unsubscribe-Post is not exactly List-Unsubscribe=One-Click")
    if post and not secure:
        yield wrong("H6", "List-Unsubscribe-Post promises one click without an HTTPS address")
