"""Take HTML, JATS and MathML out of text, losing nothing that only looks like markup.

Only known tags go: ``<100LOC``, ``</Think>`` and ``$x<y$`` are content. It returns plain text for
mails and matching, never HTML, so nothing here has to be a sanitiser; templates escape.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from html.entities import html5

from digest.text.mathml import linear
from digest.text.pairs import Pair, replace_pairs
from digest.text.tex_symbols import SUBSCRIPTS, SUPERSCRIPTS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INLINE = _words(
    """
    a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q
    s samp small span strike strong sub sup time tt u var wbr ruby rb rt rp italic bold
    monospace sc underline overline roman sans-serif styled-content named-content ext-link
    xref email uri inline-formula inline-graphic alternatives inf
    """
)
_BLOCK = _words(
    """
    address article aside audio blockquote body br button canvas caption center dd details
    dialog dir div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 head
    header hgroup hr html iframe img input legend li link main map menu meta nav noscript
    object ol optgroup option p param picture pre section select source summary svg path
    table tbody td textarea tfoot th thead tr track ul video embed sec list list-item
    disp-formula fig abstracttext disp-quote break
    """
)
_VOID = frozenset(("br", "hr", "wbr", "img"))
_HIDDEN = "script|style|template|noembed|noframes|object|annotation|annotation-xml"
_BARE = "controls|hidden|open|disabled|checked|allowfullscreen|async|defer|autoplay|loop|muted"
_ATTRIBUTE = (
    rf"""\s+(?:[A-Za-z_:@][\w:.-]*\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>`=]+)|(?:{_BARE})(?=[\s/>]))"""
)
_TAG = re.compile(
    rf"<(?P<close>/?)(?:(?:jats|mml|m|xhtml|html):)?(?P<name>[A-Za-z][A-Za-z0-9-]*+)"
    rf"(?:{_ATTRIBUTE})*+\s*/?>"
)
_CLOSING = re.compile(r"</(?:[a-z]+:)?([A-Za-z][A-Za-z0-9-]*)\s*>")
_SKIPPED = re.compile(
    rf"<(?:(?P<comment>!--)|(?P<instruction>\?[A-Z])|(?P<doctype>!DOCTYPE)|(?P<hidden>{_HIDDEN})\b)",
    re.IGNORECASE,
)
_CDATA = re.compile(r"<!\[CDATA\[")
_MATH = re.compile(r"<(?P<p>(?:mml:|m:)?)math\b", re.IGNORECASE)
_TEX_MATH = re.compile(r"<(?:jats:)?tex-math\b")
_TEX_MATH_END = re.compile(r"</(?:jats:)?tex-math\s*>")
_HEADING = re.compile(r"<(?P<p>(?:jats:)?)title\b")
_SCRIPT = re.compile(
    r"<(?P<p>(?:jats:)?)(?P<kind>su[bp]|inf)\b[^<>]*>(?P<inner>[^<>]{1,40})</(?P=p)(?P=kind)>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([A-Za-z][A-Za-z0-9]{1,31}));")
MAX_ROUNDS = 3


def is_markup(name: str) -> bool:
    """Tell whether an element's name is one that `strip_markup` takes out, or MathML's root."""
    return name.lower() in _INLINE or name.lower() in _BLOCK or name.lower() == "math"


def strip_markup(text: str, *, declared: bool = True) -> str:
    """Return the text without markup and with entities decoded.

    ``declared`` says that the source calls it HTML or XML; otherwise only tags that are closed
    again count as such, since `if 1 <p> 2` may be all that it means.

    >>> strip_markup("<jats:p>CO<sub>2</sub> &amp; <i>E. coli</i>, $x<y$</jats:p>").strip()
    'CO₂ & E. coli, $x<y$'
    """
    for _ in range(MAX_ROUNDS):  # feeds escape twice, and the middle is markup again
        if "<" in text:
            text = _strip_once(text, declared=declared)
        if "&" not in text:
            break
        decoded = _ENTITY.sub(_decoded, text)
        if decoded == text:
            break
        text = decoded
    return text


def _strip_once(text: str, *, declared: bool) -> str:
    text = replace_pairs(text, _CDATA, lambda _: "]]>", lambda pair: pair.inner)
    text = replace_pairs(text, _SKIPPED, _end_of_skipped, lambda _: " ")
    if "math" in text:
        text = _without_math(text)
    if "title" in text:
        text = replace_pairs(text, _HEADING, lambda m: _closing(f"{m['p']}title"), _heading)
    text = _SCRIPT.sub(_script, text)
    closed = None if declared else {name.lower() for name in _CLOSING.findall(text)} | _VOID
    return _TAG.sub(lambda match: _tag(match, closed), text)


def _end_of_skipped(match: re.Match[str]) -> str | re.Pattern[str]:
    if match["comment"]:
        return "-->"
    if match["instruction"]:
        return "?>"
    return ">" if match["doctype"] else _closing(match["hidden"].lower(), anyhow=True)


def _without_math(text: str) -> str:
    formulas: list[str] = []

    def note(pair: Pair) -> str:
        formulas.append(pair.whole)
        return pair.whole

    replace_pairs(text, _MATH, _end_of_math, note)
    write = (lambda _: " ") if formulas else _tex_body
    text = replace_pairs(text, _TEX_MATH, lambda _: _TEX_MATH_END, write)
    return replace_pairs(text, _MATH, _end_of_math, lambda pair: linear(pair.whole))


def _end_of_math(match: re.Match[str]) -> re.Pattern[str]:
    return _closing(f"{match['p'].lower()}math", anyhow=True)


@lru_cache(maxsize=64)
def _closing(name: str, *, anyhow: bool = False) -> re.Pattern[str]:
    """Return what ends an element; ``anyhow``: in large and small letters."""
    return re.compile(rf"</{re.escape(name)}\s*>", re.IGNORECASE if anyhow else 0)


def _tag(match: re.Match[str], closed: Set[str] | None) -> str:
    name = match["name"].lower()
    if closed is not None and name not in closed:
        return match[0]
    if name in _INLINE:
        return ""
    return " " if name in _BLOCK else match[0]


def _tex_body(pair: Pair) -> str:
    _, begun, body = pair.inner.partition(r"\begin{document}")
    body, ended, _ = body.partition(r"\end{document}")
    return body if begun and ended else pair.inner


def _heading(pair: Pair) -> str:
    """Turn a section's title within an abstract into `Methods:`; the word Abstract says nothing."""
    label = " ".join(pair.inner.split())
    return (
        " "
        if label.rstrip(".:").lower() in ("", "abstract", "summary")
        else f" {label.rstrip(':')}: "
    )


def _script(match: re.Match[str]) -> str:
    inner = match["inner"].strip()
    raised = match["kind"].lower() == "sup"
    table = SUPERSCRIPTS if raised else SUBSCRIPTS
    plain = inner.replace("−", "-").replace("–", "-")
    if plain and all(char in table for char in plain):
        return "".join(table[char] for char in plain)
    return f"^{inner}" if raised and inner[:1].isalnum() else inner


def _decoded(match: re.Match[str]) -> str:
    if match[3]:
        return html5.get(f"{match[3]};", match[0])
    code = int(match[1]) if match[1] else int(match[2], 16)
    if 0x80 <= code < 0xA0:  # numeric references to C1 mean windows-1252, as in every browser
        return bytes([code]).decode("cp1252", "replace")
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
