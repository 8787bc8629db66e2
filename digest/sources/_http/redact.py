"""Take credentials and keys out of what is logged, stored and printed. Pure."""

from __future__ import annotations

import re

_USERINFO = re.compile(r"(?<=://)[^/?#\s@]+@")
_SECRET = re.compile(
    r"((?:[?&;]|\b)[\w.-]*(?:api_?key|apikey|key|token|secret|password|passwd|pwd|signature|sig"
    r"|auth|credential|code)[\w.-]*=)[^&#;\s\"'<>]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
HIDDEN = "********"


def redact(text: str) -> str:
    """Return the text with passwords, keys and tokens hidden, on one line.

    >>> redact("GET https://me:pw@example.org/f?api_key=s3cret&page=2")
    'GET https://********@example.org/f?api_key=********&page=2'
    """
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _SECRET.sub(rf"\g<1>{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<1>{HIDDEN}", text)
    return _CONTROL.sub(" ", text).strip()
