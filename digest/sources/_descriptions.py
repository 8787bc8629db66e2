"""What a feed says of an entry besides its abstract, or instead of one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from digest.text.clean import clean
from digest.text.plain import MAX_RAW

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"\b(?:([0-9]{1,2}) )?([A-Z][a-z]{2})[a-z]{0,6}\.? ((?:19|20)[0-9]{2})\b")
_LABELS = {
    "publication date:": "date", "available online": "date", "source:": "venue",
    "author(s):": "authors", "authors:": "authors", "author:": "authors", "abstract": "abstract",
    "abstract:": "abstract",
}  # fmt: skip
_LABEL = re.compile(
    r"\b(?:publication date:|available online|source:|author\(s\):|authors?:|abstract\b:?)",
    re.IGNORECASE,
)
_OF_PUBMED = re.compile(r"[^.;]{2,120}\. (?:19|20)[0-9]{2}\b[^.]{0,40}[.;:]")
_OF_JOURNALS = re.compile(
    r"(?:[^.]{2,150}, )?(?:early ?view|ahead of print|volume [0-9]|vol\. ?[0-9]|published online)",
    re.IGNORECASE,
)
_IN_JOURNAL = re.compile(r"; ?[0-9]|\bdoi:", re.IGNORECASE)
_VENUE_END = re.compile(
    r"[,;] (?:published online|volume|vol\.|issue|ahead of print|early ?view)", re.IGNORECASE
)
_CUT_ENDS = ("…", "...", "[…]", "[...]", "read more", "continue reading", "(more)")
LONGEST_CITATION = 500
_TAIL = 200
"""Characters at the end of an abstract in which PubMed's feed names its ids."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What an entry's texts say, told apart."""

    abstract: str = ""
    authors: str = ""
    venue: str = ""
    published_at: datetime | None = None


def read_description(summary: str, content: str) -> Description:
    """Tell an abstract from lists of facts and citations in two plain texts.

    The content is taken where the summary is none, or is cut short.
    """
    listed = _listed(summary) or _listed(content)
    if listed:
        return listed
    rest = _without_frame(content, summary)
    if not summary or is_citation(summary):
        return Description(abstract="" if is_citation(rest) else rest)
    if summary.lower().endswith(_CUT_ENDS) and len(rest) > len(summary):
        return Description(abstract=rest)
    return Description(abstract=summary)


def is_citation(text: str) -> bool:
    """Tell a line that says where a paper stands from what it is about.

    >>> is_citation("J Kernels. 2026 Apr 13;12(3):45-50. doi: 10.1000/x.")
    True
    >>> is_citation("We fuse kernels. In 2026, this was hard; 12 did it.")
    False
    """
    if len(text) > LONGEST_CITATION:
        return False
    if _OF_PUBMED.match(text) and _IN_JOURNAL.search(text):
        return True
    return len(text) <= LONGEST_CITATION // 2 and _OF_JOURNALS.match(text) is not None


def venue_of(text: str) -> str:
    """Return the journal's name at the start of a citation.

    >>> venue_of("Nature, Published online: 13 April 2026; doi:10.1038/s1")
    'Nature'
    """
    found = _VENUE_END.search(text)
    return text[: found.start()].strip() if found else text


def _listed(text: str) -> Description | None:
    """Read ``Publication date: ... Source: ... Author(s): ...``; None for anything else."""
    text = clean(text[:MAX_RAW])
    first = _LABEL.match(text)
    if first is None or _LABELS.get(first[0].lower()) not in ("date", "venue"):
        return None
    parts: dict[str, str] = {}
    matches = list(_LABEL.finditer(text))
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        value = text[match.end() : following.start() if following else len(text)].strip()
        parts.setdefault(_LABELS[match[0].lower()], value)
    if "venue" not in parts:
        return None
    return Description(
        abstract=parts.get("abstract", ""),
        authors=parts.get("authors", ""),
        venue=venue_of(parts["venue"]),
        published_at=_day(parts.get("date", "")),
    )


def _day(text: str) -> datetime | None:
    found = _DAY.search(text)
    if found is None or found[2].lower() not in _MONTHS:
        return None
    try:
        month = _MONTHS.index(found[2].lower()) + 1
        return datetime(int(found[3]), month, int(found[1] or 1), tzinfo=UTC)
    except ValueError:
        return None


def _without_frame(content: str, summary: str) -> str:
    """Take off what PubMed's feed puts around an abstract: the citation, a heading, the ids."""
    rest = content.removeprefix(summary).strip() if summary else content
    if rest[:8].upper() == "ABSTRACT" and not rest[8:9].isalpha():
        rest = rest[8:].lstrip(" :")
    if is_citation(summary):
        end = rest.rfind("PMID:")
        rest = rest[:end].strip() if end >= max(0, len(rest) - _TAIL) else rest
    return rest
