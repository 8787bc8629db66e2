"""Split author strings into names and affiliations, and make keys of surnames.

It does not decide who is who: two people may share a key, and one person may have two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from digest.model import Author
from digest.text.clean import clean
from digest.text.keys import fold_words

MAX_AUTHORS = 5000
_SUFFIXES = frozenset(("jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"))
_AND = re.compile(r"(?<!\s)\s++(?:and|&)\s+|(?:(?<!\s)\s++)?+;\s*", re.IGNORECASE)
_LEADING_AND = re.compile(r"^(?:and|&)\s+", re.IGNORECASE)
_FOOTNOTES = re.compile(r"\(\s*+(?=\(1\))")
_NOTE = re.compile(r"\(([0-9]{1,3})\)")
_MARKS = re.compile(r"(?:(?<!\s)\s++)?+(?:,|\band\b|&)\s*")
_COLLECTIVE = re.compile(
    r"\b(?:collaborations?|consortium|team|group|project|network|investigators|initiative)\b",
    re.IGNORECASE,
)


def split_authors(text: str) -> tuple[Author, ...]:
    """Split `Ada B. (MIT, Boston), Carl D. and Eve F.` at commas that are not in parentheses.

    >>> [a.affiliations for a in split_authors("Ada B. (MIT, Boston), Carl D.")]
    [('MIT, Boston',), ()]

    Footnotes, as arXiv has them, are looked up:

    >>> [a.affiliations for a in split_authors("Ada B. (1 and 2), C. D. (2) ((1) MIT, (2) Bonn)")]
    [('MIT', 'Bonn'), ('Bonn',)]
    """
    found: list[Author] = []
    text = clean(text)
    listed = _FOOTNOTES.search(text) if text.endswith(")") else None
    notes = _notes(text[listed.end() : -1]) if listed else {}
    for part in _top_level_parts(text[: listed.start()] if listed else text):
        for piece in _AND.split(part) if "(" not in part else [part]:
            author = _author(piece, notes)
            if author is not None:
                found.append(author)
    return tuple(found[:MAX_AUTHORS])


def _notes(text: str) -> dict[str, str]:
    _, *parts = _NOTE.split(text)
    return {mark: note.strip(" ,;") for mark, note in zip(parts[::2], parts[1::2], strict=True)}


def split_names(text: str) -> tuple[Author, ...]:
    """Split names whose commas may stand between them or within them.

    A semicolon separates names, and then commas invert them. Initials behind each second comma,
    or single words on both sides of the commas of an even number of parts, invert as well.

    >>> [a.name for a in split_names("Lovelace, A., Turing, K.")]
    ['A. Lovelace', 'K. Turing']
    >>> [a.name for a in split_names("Lovelace, Ada")], len(split_names("Ada B., Karl T."))
    (['Ada Lovelace'], 2)
    """
    text = clean(text)
    if "(" in text or "," not in text:
        return split_authors(text)
    if ";" in text:
        return split_inverted(text)
    joined = _AND.sub(", ", text).replace(",,", ",")
    parts = [part.strip() for part in joined.split(",") if part.strip()]
    if len(parts) % 2 == 0 and _are_inverted(parts):
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return tuple(Author(name=f"{given} {family}") for family, given in pairs)[:MAX_AUTHORS]
    return split_authors(text)


def _are_inverted(parts: list[str]) -> bool:
    families, given = parts[::2], parts[1::2]
    if any(fold_words(part) in _SUFFIXES or _COLLECTIVE.search(part) for part in parts):
        return False
    if all(_INITIALS.fullmatch(part) for part in given):
        return not any(_INITIALS.fullmatch(part) for part in families)
    return all(_is_family(part) for part in families) and all(
        " " not in _MIDDLE.sub("", part) for part in given
    )


def _is_family(part: str) -> bool:
    """Tell a word, or several that begin with a particle: ``van der Berg``."""
    first, space, _ = part.partition(" ")
    return not space or first.lower() in _PARTICLES


_INITIALS = re.compile(r"(?:[^\W\d_a-z]\.?[ -]?){1,5}")
_MIDDLE = re.compile(r" [^\W\d_]\.?(?= |\Z)")
_PARTICLES = frozenset((
    "van", "von", "de", "der", "den", "da", "di", "du", "dos", "del", "della", "la", "le", "el",
    "al", "bin", "ibn", "ten", "ter", "zu", "st.", "saint",
))  # fmt: skip


def split_inverted(text: str, separator: str = ";") -> tuple[Author, ...]:
    """Split `Last, F. M.; Other, A.` and turn the names around.

    >>> [a.name for a in split_inverted("Lovelace, A. K.; Turing, Alan")]
    ['A. K. Lovelace', 'Alan Turing']
    """
    names = (natural_name(part) for part in clean(text).split(separator))
    return tuple(Author(name=name) for name in names if name)[:MAX_AUTHORS]


def natural_name(text: str) -> str:
    """Return `Given Family` for `Family, Given`; other forms as they are."""
    family, comma, given = clean(text).partition(",")
    if not comma or "," in given:
        return clean(text).strip(" ,;")
    return f"{given.strip()} {family.strip()}".strip()


def _top_level_parts(text: str) -> list[str]:
    if "(" not in text:
        return text.split(",")
    parts, level, start = [], 0, 0
    for index, char in enumerate(text):
        if char == "(":
            level += 1
        elif char == ")":
            level = max(0, level - 1)
        elif char == "," and level == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _author(text: str, notes: Mapping[str, str]) -> Author | None:
    name, opened, rest = text.partition("(")
    name = name.strip(" ,;:&")
    if name[:1] in "aA&":
        name = _LEADING_AND.sub("", name)
    if not any(map(str.isalpha, name)):
        return None
    places: tuple[str, ...] = ()
    if opened:
        inner = rest.rsplit(")", 1)[0]
        places = tuple(place for part in inner.split(";") if (place := part.strip(" ,")))
    marks = [mark for part in places for mark in _MARKS.split(part)]
    if marks and all(map(str.isdigit, marks)):
        places = tuple(notes[mark] for mark in marks if notes.get(mark))  # the list is often cut
    return Author(name=name, affiliations=places)


def surname_key(name: str) -> str:
    """Return the folded family name, whichever way the name is written.

    >>> surname_key("Jan van der Berg") == surname_key("van der Berg, J.") == "berg"
    True
    """
    if _COLLECTIVE.search(name):
        return fold_words(name)
    family, comma, given = name.partition(",")
    if comma and fold_words(given) not in _SUFFIXES:
        name = family
    words = [word for raw in name.split() if (word := fold_words(raw).replace(" ", ""))]
    while len(words) > 1 and (words[-1] in _SUFFIXES or len(words[-1]) == 1):
        words.pop()
    return words[-1] if words else ""
