r"""Write a simple formula in one line of Unicode: ``\frac{a}{b}``, ``x_i^2``, ``\alpha \le 1``.

Anything else (matrices, environments, unknown commands) gives None, so that the caller keeps the
formula as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from digest.text.tex_own import character, in_formula
from digest.text.tex_symbols import (
    BINARY,
    DOUBLE_STRUCK,
    FONTS,
    MATH_ACCENTS,
    OPERATORS,
    RELATIONS,
    SPACES,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    SWITCHES,
    symbol,
)

MAX_DEPTH = 20

_TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|\s+|.", re.DOTALL)
_RELATION = re.compile(r"(?:(?<!\s)\s++)?+([" + "".join(sorted(set(RELATIONS.values()))) + r"])\s*")
_SIMPLE = re.compile(r"[\w.′°]+\Z|.\Z")
_ESCAPED = {"%": "%", "&": "&", "_": "_", "#": "#", "{": "{", "}": "}", "$": "$", "|": "‖"}


_STRUCTURES = frozenset({"begin", "end", "sqrt", "over", "atop", "choose", "hline", "cr", "def"})


class _NotSimpleError(Exception):
    """The formula has something that one line cannot show."""


def math_to_text(formula: str) -> str | None:
    r"""Return the formula in one readable line, or None where that is not certain.

    >>> math_to_text(r"\frac{1}{2}\|x_{i}-y\|^2 \leq \epsilon")
    '1/2‖xᵢ-y‖² ≤ ϵ'
    >>> math_to_text(r"\begin{pmatrix} a & b \end{pmatrix}") is None
    True
    """
    try:
        text = _Formula(_TOKEN.findall(formula)).sequence()
    except _NotSimpleError:
        return None
    text = _RELATION.sub(r" \1 ", text)
    return unicodedata.normalize("NFC", " ".join(text.split()))


@dataclass
class _Formula:
    tokens: list[str]
    at: int = 0
    depth: int = 0

    def sequence(self, *, closed_by: str = "") -> str:
        parts: list[str] = []
        while self.at < len(self.tokens):
            piece = self.tokens[self.at]
            if piece == closed_by:
                self.at += 1
                return "".join(parts)
            parts.append(self.script() if piece in "^_" else self.atom(parts))
        if closed_by:
            raise _NotSimpleError
        return "".join(parts)

    def atom(self, before: list[str]) -> str:
        piece = self.tokens[self.at]
        self.at += 1
        if piece == "{":
            return self.group()
        if piece in ("}", "&", "#", "$"):
            raise _NotSimpleError
        if piece == "'":
            return "′"
        if piece == "~" or piece.isspace():
            return " "
        if not piece.startswith("\\"):
            return piece
        return self.command(piece[1:], before)

    def group(self) -> str:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _NotSimpleError
        inner = self.sequence(closed_by="}")
        self.depth -= 1
        return inner

    def argument(self) -> str:
        self.skip_space()
        if self.at >= len(self.tokens):
            raise _NotSimpleError
        return self.atom([])

    def skip_space(self) -> None:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1

    def script(self) -> str:
        sign = self.tokens[self.at]
        self.at += 1
        inner = self.argument().strip()
        table = SUPERSCRIPTS if sign == "^" else SUBSCRIPTS
        if inner and all(char in table for char in inner):
            return "".join(table[char] for char in inner)
        if not inner:
            return ""
        return f"{sign}{inner}" if _SIMPLE.match(inner) else f"{sign}({inner})"

    def command(self, name: str, before: list[str]) -> str:
        name = name.rstrip("*")
        if name in _ESCAPED:
            return _ESCAPED[name]
        if name in SPACES:
            return SPACES[name]
        if name in SWITCHES:
            return self.switch(name)
        if name in OPERATORS:
            return self.operator(name, before)
        if name in FONTS:
            return self.font(name)
        if name in MATH_ACCENTS:
            return self.accent(MATH_ACCENTS[name])
        return self.structure(name)

    def structure(self, name: str) -> str:
        if name in ("frac", "tfrac", "dfrac", "nicefrac"):
            return f"{_bracketed(self.argument())}/{_bracketed(self.argument())}"
        if name == "sqrt" and self.tokens[self.at : self.at + 1] != ["["]:
            return f"√{_bracketed(self.argument())}"
        if name in ("binom", "tbinom", "dbinom"):
            return f"({self.argument()} choose {self.argument()})"
        if name == "pmod":
            return f" (mod {self.argument()})"
        if name == "unicode":
            return self.character()
        if name == "not":
            return unicodedata.normalize("NFC", self.argument() + "\u0338")
        return self.symbol(name)

    def symbol(self, name: str) -> str:
        found = symbol(name)
        if found is None:
            return self.own(name)
        if name in RELATIONS:
            return f" {found} "
        if name not in BINARY:  # \alpha x is one product; the space only ends the command
            self.skip_space()
        return found

    def own(self, name: str) -> str:
        """Return the name of an author's own command; given anything, it may mean anything."""
        follows = self.tokens[self.at : self.at + 1]
        if name in _STRUCTURES or not name.isalpha() or follows in (["{"], ["["]):
            raise _NotSimpleError
        return in_formula(name)

    def character(self) -> str:
        found = character(self.argument())
        if found is None:
            raise _NotSimpleError
        return found

    def switch(self, name: str) -> str:
        self.skip_space()
        if name in ("left", "right", "middle") and self.tokens[self.at : self.at + 1] == ["."]:
            self.at += 1
        return ""

    def operator(self, name: str, before: list[str]) -> str:
        spaced = bool(before) and before[-1][-1:].isalnum()
        follows = self.tokens[self.at : self.at + 1]
        if follows and follows[0].isspace():
            self.skip_space()
            follows = self.tokens[self.at : self.at + 1]
        tight = not follows or follows[0] in ("(", "_", "^", "[", ")", "}", ",", "{")
        return f"{' ' if spaced else ''}{name}{'' if tight else ' '}"

    def font(self, name: str) -> str:
        inner = self.argument()
        if name in ("mathbb", "mathds", "mathbbm"):
            return DOUBLE_STRUCK.get(inner, inner)
        if name in {"textsuperscript", "textsubscript"}:
            raise _NotSimpleError
        return inner

    def accent(self, combining: str) -> str:
        inner = self.argument().strip()
        if len(inner) != 1:
            raise _NotSimpleError
        return unicodedata.normalize("NFC", inner + combining)


def _bracketed(text: str) -> str:
    text = text.strip()
    return text if _SIMPLE.match(text) or not text else f"({text})"
