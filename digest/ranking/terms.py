"""Find an interest's terms in papers: whole words, in the fields that the term asks for.

"ai" is found in "AI for science", never in "train"; "pre-training", "pretraining" and
"pre training" are one term. Weighs nothing: says where a term stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

from digest.model import Paper, Term, TermField
from digest.ranking.words import spellings

_MOST_KEPT = 50_000
"""Terms whose places are kept: memory stays flat in readers."""

DEFAULT_FIELDS: tuple[TermField, ...] = ("title", "abstract", "keywords")


class Place(IntEnum):
    """Where a term was found; the best place counts."""

    NOWHERE = 0
    TEXT = 1
    """In the abstract or another long field."""
    TITLE = 2
    """In the title or the paper's own keywords."""


class TermIndex:
    """The words of a window's papers by field, searched once per distinct term."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._papers = papers
        self._texts: dict[TermField, list[tuple[str, ...]]] = {}
        self._postings: dict[TermField, dict[str, list[int]]] = {}
        self._found: dict[tuple[str, tuple[TermField, ...]], dict[int, Place]] = {}

    def find(self, term: Term) -> dict[int, Place]:
        """Return the positions of the papers that hold the term, and the best place in each."""
        fields = term.fields or DEFAULT_FIELDS
        known = self._found.get((term.text, fields))
        if known is None:
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            known = self._search(term.text, fields)
            self._found[term.text, fields] = known
        return known

    def _search(self, text: str, fields: tuple[TermField, ...]) -> dict[int, Place]:
        places: dict[int, Place] = {}
        for field in fields:
            place = Place.TITLE if field in ("title", "keywords", "categories") else Place.TEXT
            for position in self._in_field(text, field):
                places[position] = max(place, places.get(position, Place.NOWHERE))
        return places

    def _in_field(self, text: str, field: TermField) -> list[int]:
        if field == "categories":
            wanted = text.casefold()
            return [
                position
                for position, paper in enumerate(self._papers)
                if any(in_category(category, wanted) for category in paper.categories)
            ]
        texts, postings = self._field(field)
        phrases = _phrases(text)
        found: set[int] = set()
        for phrase in phrases:
            parts = phrase.split()
            rarest = min((postings.get(word, []) for word in parts), key=len, default=[])
            if len(parts) == 1:  # wherever it is listed, it stands
                found.update(rarest)
                continue
            found.update(p for p in rarest if any(phrase in variant for variant in texts[p]))
        return sorted(found)

    def _field(self, field: TermField) -> tuple[list[tuple[str, ...]], dict[str, list[int]]]:
        if field not in self._texts:
            spelled = [spellings(_content(paper, field)) for paper in self._papers]
            texts = [tuple(map(_padded, variants)) for variants in spelled]
            postings: dict[str, list[int]] = {}
            for position, variants in enumerate(spelled):
                for word in set().union(*variants):
                    postings.setdefault(word, []).append(position)
            self._texts[field], self._postings[field] = texts, postings
        return self._texts[field], self._postings[field]


def in_category(category: str, wanted: str) -> bool:
    """Tell whether a category is the wanted one, or below it: ``cs`` covers ``cs.LG``.

    >>> in_category("cs.LG", "cs"), in_category("cs.LG", "cs.lg"), in_category("physics", "ph")
    (True, True, False)
    """
    category, wanted = category.casefold(), wanted.casefold().removesuffix(".*")
    return category == wanted or category.startswith(wanted + ".")


def _content(paper: Paper, field: TermField) -> str:
    if field == "authors":
        return " ; ".join(author.name for author in paper.authors)
    if field == "keywords":
        return " ; ".join(paper.keywords)
    content: str = getattr(paper, field)
    return content


def _padded(found: Sequence[str]) -> str:
    return f" {' '.join(found)} "


@lru_cache(maxsize=50_000)
def _phrases(text: str) -> tuple[str, ...]:
    """Return the term's spellings, each between spaces; none if it has no word at all."""
    found = dict.fromkeys(_padded(variant) for variant in spellings(text) if variant)
    return tuple(found)
