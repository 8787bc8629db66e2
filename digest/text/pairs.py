"""Replace what stands between a beginning and its end, in time linear in the text.

A regular expression looks for the end anew from every beginning, so that thousands of beginnings
without an end take hours. Here an end that is missing once is not looked for again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """A beginning, what it holds, and its end."""

    whole: str
    inner: str


def replace_pairs(
    text: str,
    beginning: re.Pattern[str],
    end_of: Callable[[re.Match[str]], str | re.Pattern[str]],
    write: Callable[[Pair], str],
) -> str:
    """Return the text with each pair as it is written; a beginning without an end stays.

    The beginning of a tag (one that is ended by a pattern) is read on to its ``>``.

    >>> replace_pairs("a <!--b--> c <!--", re.compile("<!--"), lambda _: "-->", lambda p: p.inner)
    'a b c <!--'
    """
    parts: list[str] = []
    missing: set[str | re.Pattern[str]] = set()
    at = 0
    for match in beginning.finditer(text):
        if match.start() < at:  # within the pair before it
            continue
        end = end_of(match)
        if end in missing:
            continue
        start, stop, after = _ends(text, match.end(), end)
        if after < 0:
            missing.add(end)
            continue
        parts += [
            text[at : match.start()],
            write(Pair(text[match.start() : after], text[start:stop])),
        ]
        at = after
    return "".join([*parts, text[at:]])


def _ends(text: str, start: int, end: str | re.Pattern[str]) -> tuple[int, int, int]:
    """Return where the inner part starts and stops, and where the end ends; negative: nowhere."""
    if isinstance(end, str):
        stop = text.find(end, start)
        return start, stop, stop + len(end) if stop >= 0 else -1
    start = text.find(">", start) + 1
    found = end.search(text, start) if start else None
    return (start, found.start(), found.end()) if found else (start, -1, -1)
