"""Take credentials and keys out of what is logged, stored and printed. Pure."""

from __future__ import annotations

import re

MOST_TEXT = 8192
"""Characters of a text that is looked at; the rest is cut."""

_USERINFO = re.compile(r"(?<=://)[^/?#\s]+@")
_NAME = re.compile(r"(?<![\w.-])[\w.-]++=")
_IS_SECRET = re.compile(
    r"api_?key|key|token|secret|passw|pwd|signature|sig|auth|credential|code", re.IGNORECASE
)
_VALUE = re.compile(r"[^&#;\s\"'<>]+")
_BEARER = re.compile(r"\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
HIDDEN = "********"


def redact(text: str) -> str:
    """Return the text with passwords, keys and tokens hidden, on one line of bounded length.

    >>> redact("GET https://me:pw@example.org/f?api_key=s3cret&page=2")
    'GET https://********@example.org/f?api_key=********&page=2'
    """
    if len(text) > MOST_TEXT:
        text = text[:MOST_TEXT] + "…"
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    if "=" in text:
        text = _without_values(text)
    text = _BEARER.sub(rf"\g<1>{HIDDEN}", text)
    return _CONTROL.sub(" ", text).strip()


def _without_values(text: str) -> str:
    parts, at = [], 0
    for name in _NAME.finditer(text):
        if name.start() < at or not _IS_SECRET.search(name[0]):
            continue
        if value := _VALUE.match(text, name.end()):
            parts += [text[at : name.end()], HIDDEN]
            at = value.end()
    return "".join([*parts, text[at:]])
