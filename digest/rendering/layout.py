"""Check what a mail's HTML owes the programs that show it: layout, colour schemes, preheader.

What it finds makes a mail look poor somewhere and keeps none back; `lint` has what forbids.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from digest.rendering.markup import Markup

PREHEADER_LIMIT = 90
STYLE_LIMIT = 16_000
"""Gmail drops a style element longer than this (caniemail.com, feature html-style)."""

_DARK = "prefers-color-scheme: dark"
_LAYOUT = re.compile(
    r"(?<![\w-])(display:\s*(?:inline-)?(?:flex|grid)|position:|float:|grid-[a-z-]+:)",
    re.IGNORECASE,
)
_DECLARATION = re.compile(r"(?<![^;{}])[^;{}]++(?=[;}])")


def faults(markup: Markup) -> Iterator[tuple[str, str]]:
    """Yield the code and the sentence of each thing found."""
    if markup.plain_tables:
        yield "W2", f"{markup.plain_tables} tables do not say role=presentation: they are read out"
    for style in markup.inline_styles:
        if found := _LAYOUT.search(style):
            yield "W2", f"layout by {found[1].strip()}, which Outlook does not know"
            break
    if markup.h1_count != 1:
        yield "W3", f"there are {markup.h1_count} h1 headings; one tells what the mail is"
    if markup.silent_links:
        yield "W3", f"{markup.silent_links} links have no words to be read out"
    yield from _schemes(markup)
    if len(markup.preheader) > PREHEADER_LIMIT:
        yield "W5", f"the preheader has {len(markup.preheader)} characters; 90 are shown"


def _schemes(markup: Markup) -> Iterator[tuple[str, str]]:
    if "dark" not in markup.colour_schemes:
        yield "W4", "no meta color-scheme names dark: programs invert the colours themselves"
    for sheet in markup.sheets:
        if len(sheet.encode()) > STYLE_LIMIT:
            yield "W1", f"a style element has over {STYLE_LIMIT:,} bytes: Gmail drops it"
        dark = _block(sheet, sheet.find(_DARK))
        weak = [
            rule for rule in _DECLARATION.findall(dark) if ":" in rule and "!important" not in rule
        ]
        if weak:
            yield "W4", f"{len(weak)} dark rules lack !important: inlined styles beat them"


def _block(sheet: str, start: int) -> str:
    """Return what stands in the braces that follow; empty where nothing begins."""
    opened = sheet.find("{", start) if start >= 0 else -1
    depth = 0
    for at in range(opened, len(sheet)) if opened >= 0 else ():
        depth += {"{": 1, "}": -1}.get(sheet[at], 0)
        if depth == 0:
            return sheet[opened + 1 : at]
    return ""
