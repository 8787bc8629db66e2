"""Turn what a source wrote into one line of plain, readable text: markup, TeX and cleaning."""

from __future__ import annotations

from digest.text.clean import clean
from digest.text.html import strip_markup
from digest.text.tex import to_text

MAX_RAW = 40_000
"""Longest text looked at: abstracts have 3,000 characters at most; blogs put whole posts in."""


def plain(text: str, *, markup: bool = False, tex: bool = True) -> str:
    r"""Return readable text; ``markup`` says that the source declares it as HTML or XML.

    >>> plain("On  <i>E. coli</i>:\n a Poincar\\'e map, $x<y$")
    'On E. coli: a Poincaré map, x<y'
    """
    cleaned = clean(text[:MAX_RAW]) if text else ""
    if not cleaned:
        return ""
    readable = strip_markup(cleaned, declared=markup)
    if tex:
        readable = to_text(readable)
    return cleaned if readable == cleaned else clean(readable)
