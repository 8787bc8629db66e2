"""Write MathML in one line of text. Presentation markup only; annotations are dropped."""

from __future__ import annotations

from collections.abc import Callable

from lxml import etree

from digest.text.tex_symbols import SUBSCRIPTS, SUPERSCRIPTS

MAX_LENGTH = 20_000
MAX_DEPTH = 40


def linear(markup: str) -> str:
    """Return the formula as text; its bare letters where it cannot be parsed.

    >>> linear("<math><msup><mi>x</mi><mn>2</mn></msup><mo>≤</mo><mn>1</mn></math>")
    'x²≤1'
    """
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(markup[:MAX_LENGTH].encode("utf-8", "ignore"), parser)
    except etree.XMLSyntaxError:
        root = None
    return "" if root is None else _write(root, 0)


def _write(node: etree._Element, depth: int) -> str:
    if not isinstance(node.tag, str) or depth > MAX_DEPTH:
        return ""
    name = node.tag.rpartition("}")[2].rpartition(":")[2]
    if name.startswith("annotation"):
        return ""
    parts = [_write(child, depth + 1) for child in node if isinstance(child.tag, str)]
    own = " ".join((node.text or "").split())
    if (name, len(parts)) in _LAYOUT:
        return _LAYOUT[name, len(parts)](*parts)
    if name == "mspace":
        return " "
    tails = [" ".join((child.tail or "").split()) for child in node]
    inner = own + "".join(part + tail for part, tail in zip(parts, tails, strict=False))
    if name == "msqrt":
        return f"√{inner}" if len(inner) == 1 else f"√({inner})"
    return inner


def _fraction(*parts: str) -> str:
    return "/".join(part if len(part) < 2 or part.isalnum() else f"({part})" for part in parts)


def _upper(text: str) -> str:
    return _script(text, SUPERSCRIPTS, "^")


def _lower(text: str) -> str:
    return _script(text, SUBSCRIPTS, "_")


def _script(text: str, table: dict[str, str], sign: str) -> str:
    plain = text.strip().replace("−", "-")
    if plain and all(char in table for char in plain):
        return "".join(table[char] for char in plain)
    return f"{sign}{plain}" if len(plain) < 2 or plain.isalnum() else f"{sign}({plain})"


_LAYOUT: dict[tuple[str, int], Callable[..., str]] = {
    ("msup", 2): lambda base, high: base + _upper(high),
    ("msub", 2): lambda base, low: base + _lower(low),
    ("msubsup", 3): lambda base, low, high: base + _lower(low) + _upper(high),
    ("mfrac", 2): _fraction,
}
