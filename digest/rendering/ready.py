"""The shipped templates, inlined beforehand: to do it, and to import what does it, takes long.

A quarter of a second, which every process of a run would spend. ``python -m
digest.rendering.ready`` writes them anew; a test holds them true. What is not among them, an
owner's template, is inlined when it is loaded.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import orjson

from digest.rendering.inlining import inline

KEPT = Path(__file__).with_name("inlined.json")
"""By the sum of a template's text: the text as `inlining.inline` returns it."""
_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def inlined(source: str) -> str:
    """Return the template with its CSS inlined. Raises RenderError as `inlining.inline` does."""
    return _kept().get(sum_of(source)) or inline(source)


def sum_of(source: str) -> str:
    """Return the name that a template's text is kept under."""
    return hashlib.sha256(source.encode()).hexdigest()


@cache
def _kept() -> dict[str, str]:
    found: dict[str, str] = orjson.loads(KEPT.read_bytes())
    return found


def made_now() -> dict[str, str]:
    """Inline every shipped template, as they are kept."""
    from digest.rendering.parts import load_templates  # noqa: PLC0415 - which loads from here

    found: dict[str, str] = {}

    def note(source: str) -> str:
        return found.setdefault(sum_of(source), inline(source))

    load_templates(inliner=note)
    return found


if __name__ == "__main__":
    KEPT.write_bytes(orjson.dumps(made_now(), option=_FORM))
