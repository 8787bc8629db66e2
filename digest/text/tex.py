r"""Make TeX in titles and abstracts readable: accents, fonts and simple maths become Unicode.

What is not simple stays exactly as written, dollars and all: no text is ever lost, and ``$x<y$``
is not mistaken for markup. It does not typeset: matrices and environments stay raw.
"""

from __future__ import annotations

import re
import unicodedata

from digest.text.tex_math import math_to_text
from digest.text.tex_own import (
    NOTES,
    character,
    is_only_braced,
    is_own_command,
    scripts,
    without_citations,
)
from digest.text.tex_symbols import ACCENTS, FONTS, LETTERS, SPACES, SWITCHES, symbol

MAX_MATH = 2000
MAX_DEPTH = 12

_SIGNS = ("\\", "$", "~", "{", "^", "``", "--")
_NEXT = re.compile(r"[\\${]")
_WORD = re.compile(r"\\([A-Za-z]+)\*?")
_BRACES = re.compile(r"[{}]|\\.", re.DOTALL)
"""What is escaped is no brace."""
_ACCENT = re.compile(
    r"""\\(?:(?P<sign>['`^"~=.])|(?P<letter>[cvuHkrdb])(?=\s*\{|\s+[A-Za-z]))\s*+"""
    r"""(?:\{\s*+(?P<braced>\\[ij]|[A-Za-z]?)\s*+\}|(?P<dotless>\\[ij](?![A-Za-z]))[ ]?"""
    r"""|(?P<bare>[A-Za-z]))"""
)
_DOLLARS = re.compile(r"\$\$(?P<display>[^$]+)\$\$|\$(?P<inline>(?:\\.|[^$\\])+)\$")
_BRACKETS = {"(": "\\)", "[": "\\]"}
_MATH_SIGNS = re.compile(r"[\\^_=<>+*/|]")
_AMOUNT = re.compile(r"\s?\.?[0-9][^\\^_{}]*")
_SPANS = frozenset({"-", "--", "+", "±", "~", ":"})
"""Formulas between two numbers: ``10$-$20 dB``."""
_ESCAPED = "%&_#{}$"
_MARKS = {"textregistered": "®", "texttrademark": "™"}
_WITH_ARGUMENT = frozenset({"url", "href", "unicode"})
_QUOTES = re.compile(r"``([^`]*?)''")
_SPELT = re.compile(r"\\textbackslash(?:\{\})?\s*(?=[A-Za-z])")
_TIE = re.compile(r"(?<=[A-Za-z.,)])~(?=[\w\\$(\[])|(?<=[0-9])~(?=[^\W\d_])")
_DASHES = re.compile(r"(?<=[\w)\]×%°])(---?)(?=[\w(\[])|(?<=\s)(---?)(?=\s)|(?<=\w)(---)(?=\s)")


def to_text(text: str) -> str:
    r"""Return the text with TeX made readable where that is certain.

    >>> to_text(r"A Poincar\'e inequality for $\alpha$-stable laws, $O(n^2)$ in $\mathbb{R}^d$")
    'A Poincaré inequality for α-stable laws, O(n²) in ℝᵈ'
    """
    if not any(map(text.__contains__, _SIGNS)):  # six times as fast as a regular expression
        return text
    if "cite" in text or "ref{" in text:
        text = without_citations(text)
    if "\\textbackslash" in text:
        text = _SPELT.sub(r"\\", text)
    if "``" in text:
        text = _QUOTES.sub("“\\1”", text)
    return _finish(_convert(text, 0))


def _finish(text: str) -> str:
    if "~" in text:
        text = _TIE.sub(" ", text)
    if "--" in text:
        text = _DASHES.sub(_dash, text)
    return scripts(text)


def _dash(match: re.Match[str]) -> str:
    return "—" if "---" in match[0] else "–"


def _convert(written: str, depth: int) -> str:
    if depth > MAX_DEPTH:
        return written
    text = _Text(written)
    parts: list[str] = []
    at = 0
    while match := _NEXT.search(text, at):
        parts.append(text[at : match.start()])
        read = {"\\": _command, "$": _dollar, "{": _group}[match[0]]
        part, at = read(text, match.start(), depth)
        parts.append(part)
    parts.append(text[at:])
    return "".join(parts)


def _dollar(text: _Text, at: int, depth: int) -> tuple[str, int]:
    match = _DOLLARS.match(text, at)
    if match is None or len(match[0]) > MAX_MATH or not _is_math(match, text):
        return "$", at + 1
    inner = match["display"] or match["inline"]
    if inner.lstrip().startswith("\\href"):
        return _convert(inner.strip(), depth + 1), match.end()
    converted = math_to_text(inner)
    return (match[0] if converted is None else converted), match.end()


def _is_math(match: re.Match[str], text: str) -> bool:
    """Tell maths from money: `from $5 to $10` holds no formula."""
    inner = match["display"] or match["inline"]
    follows = text[match.end() : match.end() + 1]
    if _AMOUNT.fullmatch(inner):  # $3.50/hour and $84/day, US$ 5/month to US$ 9, $15/$75
        is_loose = inner[0].isspace(), inner[-1].isspace()
        if is_loose in ((True, False), (False, True)) or (follows.isdigit() and not any(is_loose)):
            return False
    if inner in _SPANS:
        return True
    if _MATH_SIGNS.search(inner) and not re.match(r"[0-9][0-9,.]*[kKMB]?\s", inner):
        return True
    return not inner[0].isspace() and not inner[-1].isspace() and not follows.isdigit()


def _group(text: _Text, at: int, depth: int) -> tuple[str, int]:
    r"""Drop braces that only protect (``{B}ayes``, ``{\\'e}``, ``{\\em x}``), keep all others."""
    end = text.end_of(at)
    if end < 0:
        return "{", at + 1
    inner = text[at + 1 : end]
    before = text[at - 1 : at]
    after = text[end + 1 : end + 2]
    word = _WORD.match(inner)
    protects = inner.isalpha() and (before.isalpha() or after.isalpha())
    if word and word[1] in SWITCHES:
        return _convert(inner[word.end() :].lstrip(), depth + 1), end + 1
    if is_only_braced(inner, text[max(0, at - 9) : at], after):
        return inner, end + 1
    if protects or inner.startswith("\\"):
        return _convert(inner, depth + 1), end + 1
    return "{", at + 1


def _command(text: _Text, at: int, depth: int) -> tuple[str, int]:
    if accent := _ACCENT.match(text, at):
        composed = _compose(accent)
        if composed:
            return composed, accent.end()
    sign = text[at + 1 : at + 2]
    if sign in _BRACKETS and at < (end := text.next(_BRACKETS[sign], at + 3)) < at + MAX_MATH:
        converted = math_to_text(text[at + 2 : end])
        return (text[at : end + 2] if converted is None else converted), end + 2
    if sign and sign in _ESCAPED:
        return sign, at + 2
    if sign == "\\":
        return " ", at + 2
    if sign in SPACES and sign not in "<>-/!:":
        return SPACES[sign], at + 2
    if sign == "-":
        return "", at + 2
    if word := _WORD.match(text, at):
        return _word(text, word, depth)
    return "\\", at + 1


def _compose(accent: re.Match[str]) -> str:
    name = accent["sign"] or accent["letter"]
    letter = (accent["braced"] or accent["dotless"] or accent["bare"] or "").lstrip("\\")
    if not letter:
        return ""
    if name == '"' and letter.lower() not in "aeiouyhwx":
        return ""  # an escaped quotation mark
    return unicodedata.normalize("NFC", letter + ACCENTS[name])


def _word(text: _Text, word: re.Match[str], depth: int) -> tuple[str, int]:
    name, end = word[1], word.end()
    if name in LETTERS:
        follows = re.compile(r"\{\}| (?=[A-Za-z])|").match(text, end)
        return LETTERS[name], follows.end() if follows else end
    if name in SPACES:
        return SPACES[name], end
    if name in _MARKS:
        return _MARKS[name], _skip_empty(text, end)
    if name in FONTS or name in _WITH_ARGUMENT or name in NOTES:
        return _with_argument(text, word, depth) or (word[0], end)
    found = symbol(name)
    if found is None and is_own_command(name, text[max(0, word.start() - 1) : word.start()]):
        return _own(text, word, depth)
    return (word[0], end) if found is None else (found, _skip_empty(text, end))


def _with_argument(text: _Text, word: re.Match[str], depth: int) -> tuple[str, int] | None:
    """Return what a command with arguments shows; None where they are missing."""
    name = word[1]
    argument, after = _argument(text, word.end())
    if argument is None:
        return None
    if name == "url":
        return argument, after
    if name == "unicode":
        found = character(argument)
        return None if found is None else (found, after)
    label, end = _argument(text, after) if name == "href" else (argument, after)
    if label is None:
        return None
    shown = _convert(label, depth + 1)
    if name in NOTES:
        is_apart = text[word.start() - 1 : word.start()].isspace()
        return f"{'' if is_apart else ' '}({shown.strip()})", after
    if name == "href":
        return (shown if shown == argument else f"{shown} ({argument})"), end
    return shown, after


def _own(text: _Text, word: re.Match[str], depth: int) -> tuple[str, int]:
    """Show what an unknown command is given, or its name where it is given nothing."""
    argument, after = _argument(text, word.end())
    if argument is not None and text[word.end()] == "{":
        return (_convert(argument, depth + 1) or word[1]), after
    return word[1], word.end()


def _skip_empty(text: str, at: int) -> int:
    return at + 2 if text.startswith("{}", at) else at


def _argument(text: _Text, at: int) -> tuple[str | None, int]:
    start = at
    while text[start : start + 1] == " ":
        start += 1
    if text[start : start + 1] != "{":
        return None, at
    end = text.end_of(start)
    return (None, at) if end < 0 else (text[start + 1 : end], end + 1)


class _Text(str):
    """A text that knows where its braces close: looked for once, however many there are."""

    __slots__ = ("_found", "_pairs")
    _found: dict[str, int]

    def end_of(self, at: int) -> int:
        """Return where the brace at ``at`` closes, or -1 within 2,000 characters."""
        if not hasattr(self, "_pairs"):
            self._pairs = _pairs_of(self)
        end = self._pairs.get(at, -1)
        return end if end - at < MAX_MATH else -1

    def next(self, end: str, at: int) -> int:
        """Return where this stands next, at ``at`` or later, or -1; ``at`` only grows."""
        if not hasattr(self, "_found"):
            self._found = {}
        if 0 <= self._found.get(end, 0) < at:
            self._found[end] = self.find(end, at)
        return self._found[end]


def _pairs_of(text: str) -> dict[int, int]:
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACES.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            pairs[opened.pop()] = match.start()
    return pairs
