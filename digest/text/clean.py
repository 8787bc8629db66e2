"""Make any string safe to store, compare and print: NFC, no invisible trickery, folded space.

It does not know markup: HTML is taken away in ``html``, TeX is made readable in ``tex``.
"""

from __future__ import annotations

import unicodedata

_SPACES = {
    0x0A: " ",
    0x0D: " ",
    0x09: " ",
    0x0B: " ",
    0x0C: " ",
    0x85: " ",
    0x2028: " ",
    0x2029: " ",
}
_REMOVED = (
    *range(0x09),  # C0 controls, NUL among them: PostgreSQL refuses it
    *range(0x0E, 0x20),
    *range(0x7F, 0x85),
    *range(0x86, 0xA0),  # C1 controls
    0xAD,  # soft hyphen
    0x061C,  # Arabic letter mark
    0x180E,
    0x200B,  # zero-width space; the joiners 200C and 200D carry meaning and stay
    0x200E,
    0x200F,
    *range(0x202A, 0x202F),  # bidi embeddings and overrides: "moc.live" must not read "evil.com"
    *range(0x2060, 0x2070),  # word joiner, invisible operators, bidi isolates
    0xFEFF,  # byte order mark
    *range(0xFFF9, 0xFFFC),
    *range(0xFDD0, 0xFDF0),  # noncharacters
    0xFFFE,
    0xFFFF,
    *range(0xD800, 0xE000),  # lone surrogates: no encoder takes them
    *range(0xE0000, 0xE0080),  # tag characters: invisible text
)
_TABLE: dict[int, str | None] = {**dict.fromkeys(_REMOVED), **_SPACES}


def clean(text: str) -> str:
    r"""Return one line of NFC text without control, bidi and invisible characters.

    >>> clean(" A\x00 title\u202e \n  here ")
    'A title here'
    """
    if text.isascii() and text.isprintable():  # nearly all of it, at a fifth of the cost
        if "  " not in text and text[:1] != " " and text[-1:] != " ":
            return text
    else:
        text = unicodedata.normalize("NFC", text.translate(_TABLE))
    return " ".join(text.split())


def shorten(text: str, limit: int) -> str:
    """Cut at a word's end; the whole, with its ellipsis, has at most ``limit`` characters."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, _, _ = cut.rpartition(" ")
    return (head if len(head) > limit // 2 else cut).rstrip(" ,;:") + "…"
