r"""TeX that authors leave in abstracts: citations, footnotes, and commands of their own making.

What such a command stands for is not known here; its name reads better than its backslash
(``We propose \DiffHLS``), and a citation's key says nothing to a reader.
"""

from __future__ import annotations

import re

from digest.text.tex_symbols import DOUBLE_STRUCK, SUBSCRIPTS, SUPERSCRIPTS

NOTES = frozenset({"footnote", "footnotemark", "thanks"})

_CITED = re.compile(
    r"(?<!\s)\s*+\\(?:(?:text|paren|auto|foot)?cite[a-z]*|[cC]?ref|autoref|eqref|label)\*?"
    r"(?:\[[^\[\]]*\]){0,2}\{[^{}]*\}"
)
_BEFORE = re.compile(r"(?:\A|[\s(\[“\"'—–-])\Z")
_SHORTEST = 2
_NAME = re.compile(r"[A-Za-z][\w.-]{2,}(?: [\w.-]+){0,8}")
_PLAIN = re.compile(r"(?:\A|(?<!\bin)(?<!\bset)(?<![∈=:⊂⊆])\s)\Z")
_RAISED = re.compile(
    r"https?://\S+"
    r"|(?<=[\w)\]])\^(?:\{(?P<braced>[-+]?\w{1,6})\}|(?P<bare>-?\d{1,3})(?![\w^{]|\.\d))"
)
_LOWERED = re.compile(r"(?<=[A-Za-z)\]])_\{(?P<braced>\d{1,3})\}")
_UNICODE = re.compile(r"\s*x?([0-9A-Fa-f]{2,6})\s*\Z")


def without_citations(text: str) -> str:
    r"""Leave out ``\cite{key}`` and the like, whose keys say nothing to a reader.

    >>> without_citations(r"as in \cite{doe2024}, by \citet[p. 3]{roe}; Figure~\ref{fig:a}")
    'as in, by; Figure~'
    """
    return _CITED.sub("", text)


def is_own_command(name: str, before: str) -> bool:
    r"""Tell a command of the author's from a path (``C:\Users``) or an escape (``.\nThe``)."""
    return len(name) >= _SHORTEST and bool(_BEFORE.search(before[-1:]))


def is_only_braced(inner: str, before: str, after: str) -> bool:
    """Tell braces that mean nothing to a reader: ``6{,}181``, ``{https://...}``, ``{A Name}``.

    Those of a set stay: ``k in {2}``, ``x = {a}``.
    """
    if inner.startswith(("https://", "http://")):
        return True
    if len(inner) == 1 and not inner.isalnum():
        return before[-1:].isalnum() and after.isalnum()
    return bool(_NAME.fullmatch(inner)) and bool(_PLAIN.search(before)) and not after.isalnum()


def in_formula(name: str) -> str:
    r"""Return an unknown command of a formula: ``\R`` is mostly the reals, others their names."""
    return DOUBLE_STRUCK.get(name, name)


def character(code: str) -> str | None:
    r"""Return the character of ``\unicode{x2014}``; None for one that is no text.

    >>> character("x2014")
    '—'
    """
    match = _UNICODE.match(code)
    found = chr(int(match[1], 16)) if match and int(match[1], 16) <= 0x10FFFF else ""
    return found if found.isprintable() and found else None


def scripts(text: str) -> str:
    """Write powers and indices outside formulas: ``10^{-27}`` and ``km^2``, not ``a^b``.

    >>> scripts("p < 10^{-27}, R^2 = 0.9, H_{0}; Agent_2, x^y")
    'p < 10⁻²⁷, R² = 0.9, H₀; Agent_2, x^y'
    """
    if "^" in text:
        text = _RAISED.sub(_raised, text)
    return _LOWERED.sub(_lowered, text) if "_{" in text else text


def _raised(match: re.Match[str]) -> str:
    inner = match["braced"] or match["bare"] or "/"
    if not all(char in SUPERSCRIPTS for char in inner):
        return match[0]
    return "".join(SUPERSCRIPTS[char] for char in inner)


def _lowered(match: re.Match[str]) -> str:
    return "".join(SUBSCRIPTS[char] for char in match["braced"])
