"""Make text and addresses from outside harmless before they meet a template or a header.

Sources clean what they store; this is the last gate before the wire, whatever the store holds.
Escaping for HTML is the template engine's work; here goes what no escaping helps against: line
breaks, control, bidi and hidden characters, addresses that are not http(s).
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from digest.text.clean import clean, shorten

__all__ = ["direction", "plain", "safe_url", "shorten"]

URL_LIMIT = 2000

_RTL = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
_PLAIN = re.compile(r"[!-~]+( [!-~]+)*")
_URL_UNSAFE = re.compile(r"[\x00-\x20\x7f<>\"\\^`{|}]")


def plain(text: str) -> str:
    r"""Return the text on one line, without control, bidi or hidden characters.

    >>> plain("A\u202etitle\r\nBcc:  x")
    'Atitle Bcc: x'
    """
    if _PLAIN.fullmatch(text):
        return text
    return clean(text.replace("\0", " "))


def direction(text: str) -> str:
    """Return ``rtl`` where the text begins in a right-to-left script, else ``ltr``."""
    for char in text:
        if _RTL.match(char):
            return "rtl"
        if char.isalpha():
            return "ltr"
    return "ltr"


def safe_url(url: str) -> str:
    """Return an http(s) address fit for a link, or an empty string.

    Refused: other schemes, credentials before the host (``https://arxiv.org@evil.example``),
    anything longer than 2,000 characters. Characters outside ASCII are percent-encoded, hosts
    are A-labelled.
    """
    url = url.strip()
    if not url.lower().startswith(("http://", "https://")) or len(url) > URL_LIMIT:
        return ""
    try:
        parts = urlsplit(_URL_UNSAFE.sub(lambda m: quote(m.group()), url))
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        return ""
    if not host or "@" in parts.netloc or "%" in host:
        return ""
    if ":" in host:
        host = f"[{host}]"
    netloc = f"{host}:{port}" if port else host
    keep = "%/:=&?~#+!$,;'@()*[]"
    return urlunsplit(
        (
            parts.scheme,
            netloc,
            quote(parts.path, safe=keep),
            quote(parts.query, safe=keep),
            quote(parts.fragment, safe=keep),
        )
    )
