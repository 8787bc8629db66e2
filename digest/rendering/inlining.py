"""Move CSS into style attributes, once per template: Jinja2 tags are kept out of premailer's way.

premailer never sees a reader's data, so the cost is paid when templates are loaded. It is held to
what survives mail clients: no network, ``!important`` kept, attributes not doubled. A ``<style
data-premailer="ignore">`` keeps the rules that cannot be inlined (dark mode, phones); classes that
only served inlining are dropped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

from digest.errors import RenderError

_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_TOKEN = re.compile(r'<!--jx(\d+)x-->| jx(\d+)x=""|jx(\d+)x')
_BLANK = re.compile(r"\n\s+")
_STYLE = re.compile(r"style=(\"[^\"]*\"|'[^']*')")
_SHEET = re.compile(r"(<style\b[^>]*>)(.*?)(</style>)", re.DOTALL)
_DECLARED = re.compile(r":[ ]+(?=[^()]*[;{}])")
_NAMED = re.compile(r"\.([A-Za-z][\w-]*)")
_CLASS = re.compile(r' class="([^"]*)"')
_RAW = re.compile(r"<(style|title)\b[^>]*>(?!.*</\1>)", re.DOTALL | re.IGNORECASE)

BASIC_ATTRIBUTES = [
    "align", "valign", "bgcolor", "width", "height", "text-align", "vertical-align",
    "background-color",
]  # fmt: skip


def inline(source: str) -> str:
    """Return the template with its CSS inlined and its Jinja2 tags as they were.

    Tags may stand in text, in attribute values, between attributes and in comments. Raises
    RenderError where one was lost: a sign of HTML that is not well-formed.
    """
    # Imported here: premailer brings an HTTP client along, which only template loading pays for.
    from premailer import Premailer  # noqa: PLC0415

    guarded, tags = _guard(source)
    result = Premailer(
        html=guarded,
        allow_network=False,
        strip_important=False,
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
        disable_basic_attributes=BASIC_ATTRIBUTES,
        keep_style_tags=False,
        remove_classes=False,
        align_floating_images=False,
    ).transform(pretty_print=False)
    lost = set(range(len(tags))) - set(_found(result))
    if lost:
        raise RenderError(
            f"a template is not well-formed HTML around {tags[min(lost)]!r}: the tag got lost"
        )
    restored = _TOKEN.sub(lambda match: tags[_index(match)], result)
    tightened = _STYLE.sub(_tight, restored)
    tightened = _SHEET.sub(_tight_sheet, tightened)
    return _BLANK.sub("\n", _without_idle_classes(tightened))


def _tight(match: re.Match[str]) -> str:
    """Drop the white space that CSS can do without: it travels with every card."""
    return match.group().replace("; ", ";").replace(", ", ",")


def _tight_sheet(match: re.Match[str]) -> str:
    sheet = re.sub(r"\s*([{;,])\s*", r"\1", match[2].strip())
    return f"{match[1]}{_DECLARED.sub(':', sheet)}{match[3]}"


def _without_idle_classes(html: str) -> str:
    """Drop the classes that no kept rule names: inlined, they only make each mail larger."""
    kept = {name for _, sheet, _ in _SHEET.findall(html) for name in _NAMED.findall(sheet)}

    def needed(match: re.Match[str]) -> str:
        if "{" in match[1]:
            return match.group()  # what a tag will say is not known here
        names = " ".join(name for name in match[1].split() if name in kept)
        return f' class="{names}"' if names else ""

    return _CLASS.sub(needed, html)


def _guard(source: str) -> tuple[str, list[str]]:
    """Replace each Jinja2 tag by a token that an HTML parser leaves where it is."""
    tags: list[str] = []
    out: list[str] = []
    at = 0
    for match in _JINJA.finditer(source):
        out.append(source[at : match.start()])
        at = match.end()
        tag = match.group()
        if tag.startswith("{#"):
            continue
        out.append(_token(len(tags), "".join(out)))
        # An attribute brings its own space along, what a tag prints does not.
        is_printed = tag.startswith("{{") and _between_attributes("".join(out[:-1]))
        tags.append(f" {tag}" if is_printed else tag)
    out.append(source[at:])
    return "".join(out), tags


def _token(index: int, before: str) -> str:
    if before.rfind("<!--") > before.rfind("-->") or _RAW.search(before):
        return f"jx{index}x"
    opened = before.rfind("<")
    if opened <= before.rfind(">"):
        return f"<!--jx{index}x-->"
    return f' jx{index}x="" ' if _between_attributes(before) else f"jx{index}x"


def _between_attributes(before: str) -> bool:
    opened = before.rfind("<")
    in_tag = opened > before.rfind(">") and before.rfind("<!--") <= before.rfind("-->")
    return in_tag and before[opened:].count('"') % 2 == 0


def _found(result: str) -> Iterator[int]:
    return (_index(match) for match in _TOKEN.finditer(result))


def _index(match: re.Match[str]) -> int:
    return int(match[1] or match[2] or match[3])
