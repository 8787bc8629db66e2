"""One SMTP reply as a value: code, enhanced code, text, and the queue id found in it.

Only parses; what a reply means is ``policy``'s business.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$|:)")
_QUEUED = re.compile(
    r"queued as ([^\s,;()<>]+)|\bid=([^\s,;()<>]+)|^ok:? +([0-9A-Za-z._-]{6,})$", re.IGNORECASE
)
_LINE = re.compile(rb"[2-5]\d\d(?=[ \r-]|$)")
REPLY_LIMIT = 500
"""Characters of a reply that are kept: some relays answer with a page of advice."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the other side said: ``250 2.0.0 Ok: queued as 4F1`` and its parts."""

    code: int
    enhanced_code: str
    text: str
    """Lines joined by one space, without the codes, at most 500 characters."""

    @property
    def queue_id(self) -> str:
        """Return what the next hop calls the message, or an empty string."""
        found = _QUEUED.search(self.text)
        return next((group for group in found.groups() if group), "")[:200] if found else ""


def parse_reply(lines: Sequence[bytes]) -> Reply:
    """Make a Reply of the raw lines (``250-...``, ``250 ...``). Raises ValueError.

    The enhanced code (RFC 3463) is taken only where its class agrees with the basic code
    (RFC 2034, section 4); it is repeated on each line of a multi-line reply and removed there.
    """
    digits = lines[0][:3]
    if not _LINE.match(lines[0]) or any(line[:3] != digits for line in lines):
        raise ValueError(f"not an SMTP reply: {digits!r}")
    code = int(digits)
    enhanced = ""
    texts = []
    for line in lines:
        text = line[4:].decode("utf-8", "replace").strip()
        found = _ENHANCED.match(text)
        if found and found[1] == str(code)[0]:
            enhanced = enhanced or found[0]
            text = text[found.end() :].lstrip(" :")
        texts.append(text)
    printable = "".join(c if c.isprintable() else " " for c in " ".join(filter(None, texts)))
    return Reply(code=code, enhanced_code=enhanced, text=printable[:REPLY_LIMIT])
