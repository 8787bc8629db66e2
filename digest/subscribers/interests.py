"""Interests as people type them into a form: lines and commas to an Interest, and back.

Only reads text. What a library file or an ORCID record holds is read elsewhere.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from digest.model import Interest, Term, TermMode
from digest.text.ids import parse_reference

MOST_INTERESTS = 12
MOST_TERMS = 60
MOST_AUTHORS = 60
MOST_PAPERS = 500
LONGEST_ITEM = 120
LONGEST_TEXT = 4000

_ORCID = re.compile(r"(?:https?://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])", re.IGNORECASE)
_CATEGORY = re.compile(r"[A-Za-z][A-Za-z-]{0,20}(\.[A-Za-z-]{1,20})?")
_SEPARATORS = re.compile(r"[,;\n\r]+")
_PAPER_SEPARATORS = re.compile(r"[\s,;]+")


@dataclass(frozen=True, kw_only=True)
class TypedInterest:
    """The fields of a form, as they were typed."""

    name: str = ""
    terms: str = ""
    """Words and phrases by comma or line; ``+word`` is required, ``-word`` forbidden."""
    categories: str = ""
    authors: str = ""
    """Names or ORCID iDs."""
    papers: str = ""
    """Addresses or ids of papers to find more of."""
    text: str = ""
    """What the reader works on, in their own words."""

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing was typed that could rank a paper."""
        typed = (self.terms, self.categories, self.authors, self.papers, self.text)
        return not any(field.strip() for field in typed)


def read_interest(typed: TypedInterest, *, fallback_name: str = "My interests") -> Interest:
    """Return the interest that was typed; what cannot be read is left out."""
    return Interest(
        name=_short(typed.name) or _named_after(typed) or fallback_name,
        terms=tuple(read_terms(typed.terms)),
        categories=tuple(
            item for item in _items(typed.categories, MOST_TERMS) if _CATEGORY.fullmatch(item)
        ),
        authors=tuple(_author(item) for item in _items(typed.authors, MOST_AUTHORS)),
        liked=tuple(read_papers(typed.papers)),
        text=_printable(typed.text)[:LONGEST_TEXT],
    )


def read_interests(typed: Iterable[TypedInterest]) -> tuple[Interest, ...]:
    """Return the interests that were typed, each under a name of its own; empty ones are left."""
    return distinct(read_interest(item) for item in typed if not item.is_empty)


def distinct(interests: Iterable[Interest]) -> tuple[Interest, ...]:
    """Return interests, at most so many, whose names are told apart by a number where needed."""
    found: dict[str, Interest] = {}
    for interest in itertools.islice(interests, MOST_INTERESTS):
        name, turn = interest.name, 2
        while name in found:
            name, turn = f"{interest.name} ({turn})", turn + 1
        found[name] = replace(interest, name=name)
    return tuple(found.values())


def read_terms(text: str) -> list[Term]:
    """Return terms by comma or line; a leading + or - makes one required or forbidden."""
    terms = []
    for item in _items(text, MOST_TERMS):
        mode = {"+": TermMode.MUST, "-": TermMode.MUST_NOT}.get(item[0], TermMode.SHOULD)
        words = item.lstrip("+-").strip(" \"'")
        if words:
            terms.append(Term(text=words, mode=mode))
    return terms


def read_items(text: str) -> tuple[str, ...]:
    """Return what stands between commas and line ends, each once."""
    return tuple(_items(text, MOST_TERMS))


def read_papers(text: str) -> list[str]:
    """Return the keys of papers named anywhere in a text, each once, in order."""
    keys: dict[str, None] = {}
    for item in _PAPER_SEPARATORS.split(text):
        if len(keys) >= MOST_PAPERS:
            break
        if item and (reference := parse_reference(item)):
            keys[reference.key] = None
    return list(keys)


def typed_interest(interest: Interest) -> TypedInterest:
    """Return the form's fields for an interest, so that it can be changed."""
    signs = {TermMode.MUST: "+", TermMode.MUST_NOT: "-", TermMode.SHOULD: ""}
    return TypedInterest(
        name=interest.name,
        terms=_joined(signs[term.mode] + term.text for term in interest.terms),
        categories=_joined(interest.categories),
        authors=_joined(author.removeprefix("orcid:") for author in interest.authors),
        papers="\n".join(interest.liked),
        text=interest.text,
    )


def _joined(items: Iterable[str]) -> str:
    return ", ".join(items)


def _items(text: str, most: int) -> list[str]:
    found = dict.fromkeys(_short(item) for item in _SEPARATORS.split(text))
    return [item for item in found if item][:most]


def _short(text: str) -> str:
    return _printable(text)[:LONGEST_ITEM]


def _printable(text: str) -> str:
    """Return one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _author(item: str) -> str:
    match = _ORCID.fullmatch(item)
    return f"orcid:{match[1].upper()}" if match else item


def _named_after(typed: TypedInterest) -> str:
    first = [*read_terms(typed.terms)[:1]]
    return first[0].text if first else ""
