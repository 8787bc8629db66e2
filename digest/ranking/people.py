"""Recognise followed authors and institutions in a paper's author list.

An id (ORCID, OpenAlex) settles who somebody is; a name alone may be another person's, so a match
by initials is marked as uncertain, and never counts like a full name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digest.model import Author, Paper
from digest.ranking.words import words

ID_SCHEMES = ("orcid:", "openalex:", "s2:")


@dataclass(frozen=True, kw_only=True)
class PersonMatch:
    """A followed author found in a paper."""

    followed: str
    printed: str
    is_certain: bool
    """False where only initials agree: it may be somebody else."""


def match_authors(paper: Paper, followed: Sequence[str]) -> list[PersonMatch]:
    """Return one match per followed author found, certain ones first."""
    found = []
    for wanted in followed:
        best: PersonMatch | None = None
        for author in paper.authors:
            certain = _same_person(author, wanted)
            if certain is not None and (best is None or certain > best.is_certain):
                best = PersonMatch(followed=wanted, printed=author.name, is_certain=certain)
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda match: not match.is_certain)


class PeopleIndex:
    """The authors of many papers by family name and by id, so that few are compared."""

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._papers = papers
        self._positions: dict[str, list[int]] = {}
        for position, paper in enumerate(papers):
            marks = {i.casefold() for author in paper.authors for i in author.ids}
            marks |= {name[-1] for author in paper.authors if (name := _name(author.name))}
            for mark in marks:
                self._positions.setdefault(mark, []).append(position)

    def find(self, followed: str) -> dict[int, PersonMatch]:
        """Return the matches of one followed author by position."""
        name = _name(followed)
        is_id = followed.casefold().startswith(ID_SCHEMES)
        mark = followed.casefold() if is_id else name[-1] if name else ""
        return {
            position: found[0]
            for position in self._positions.get(mark, ())
            if (found := match_authors(self._papers[position], [followed]))
        }


def match_institutions(paper: Paper, followed: Sequence[str]) -> list[str]:
    """Return the followed institutions that an author of the paper belongs to."""
    printed = [
        f" {' '.join(words(affiliation))} "
        for author in paper.authors
        for affiliation in author.affiliations
    ]
    return [
        name
        for name in followed
        if (wanted := " ".join(words(name))) and any(f" {wanted} " in text for text in printed)
    ]


def _same_person(author: Author, wanted: str) -> bool | None:
    """Return True if surely the same, False if perhaps, None if not."""
    if wanted.casefold().startswith(ID_SCHEMES):
        return True if wanted.casefold() in {i.casefold() for i in author.ids} else None
    ours, theirs = _name(wanted), _name(author.name)
    if not ours or not theirs:
        return None
    if ours == theirs:
        return True
    if ours[-1] != theirs[-1] or len(ours) < 2 or len(theirs) < 2:
        return None
    first, other = ours[0], theirs[0]
    if first == other and len(first) > 1:
        # Same first and last name; a middle name that only one side prints settles nothing,
        # two different ones do.
        middle, their_middle = ours[1:-1], theirs[1:-1]
        clash = middle and their_middle and middle[0][0] != their_middle[0][0]
        return None if clash else True
    if (len(first) == 1 or len(other) == 1) and first[0] == other[0]:
        return False
    return None


def _name(text: str) -> tuple[str, ...]:
    """Return given names first, family name last, folded; ``Family, Given`` is turned round."""
    family, comma, given = text.partition(",")
    ordered = f"{given} {family}" if comma else text
    # `words` folds plurals, which no family name is: Jones and Jone are two people, but both
    # sides are folded alike and a clash of the full name is rarer than a comma.
    return tuple(words(ordered.replace(".", " ")))
