"""Why no database could keep a record. Pure: the two databases differ in what they refuse.

A record that only one of them, or a row that is there already, stands against is found by storing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite

from digest.model import PaperKey, Record

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
"""In JSON; not behind a backslash that is itself written twice."""

MAX_KEY = 300
MAX_NATIVE_ID = 400
MAX_VERSION = 10_000


def flaw_of(record: Record, *, ids: Iterable[PaperKey], name: str, content: str) -> str:
    """Return what is wrong with a record, or nothing.

    ``ids`` are all that it bears, ``name`` is the longest it may be stored under, ``content`` what
    is stored of it.
    """
    if not record.title.strip():
        return "it has no title"
    for key in ids:
        scheme, colon, value = key.partition(":")
        if not (scheme and colon and value) or len(scheme) > 20 or len(value) > MAX_KEY:
            return f"its id {key[:60]!r} is not scheme:value"
    if len(name) > MAX_NATIVE_ID:
        return "its native id is too long"
    return _flaw_of_values(record) or _flaw_of_text(content)


def _flaw_of_values(record: Record) -> str:
    if record.published_at is not None and record.published_at.tzinfo is None:
        return "its date has no time zone"
    if record.version is not None and not 0 <= record.version < MAX_VERSION:
        return f"its version is {record.version}"
    if not all(isfinite(signal.value) for signal in record.signals):
        return "one of its signals is not a number"
    return ""


def _flaw_of_text(content: str) -> str:
    try:
        content.encode()
    except UnicodeEncodeError:
        return "its text holds half a surrogate pair"
    is_cut = "\\u0000" in content and _NUL.search(content)
    return "its text holds a NUL character" if is_cut else ""
