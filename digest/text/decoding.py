"""Bytes of files that people upload or write, to text: one decoder for all of them."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    # Before UTF-16, whose little-endian mark begins this one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 4096


def decode(content: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding; never fails.

    A byte order mark decides; then zero bytes that lie as UTF-16 places them, UTF-8, and the
    8-bit encodings of Western Windows. What a marked encoding cannot hold becomes U+FFFD.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding
    if unmarked := _unmarked_utf16(content[:_LOOKED_AT]):
        return content.decode(unmarked, errors="replace"), unmarked
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _unmarked_utf16(head: bytes) -> str:
    """Name the byte order of UTF-16 without a mark: most of its bytes are zero on one side."""
    pairs = len(head) // 2
    if pairs < 4:
        return ""
    first, second = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if second * 2 > pairs and first == 0:
        return "utf-16-le"
    if first * 2 > pairs and second == 0:
        return "utf-16-be"
    return ""
