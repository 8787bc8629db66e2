"""A paper as a BibTeX entry. Pure; braces and backslashes of titles never leave their field."""

from __future__ import annotations

import re
import unicodedata

from digest.model import Paper

_ESCAPES = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#",
    "_": r"\_", "$": r"\$", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def bibtex(paper: Paper) -> str:
    """Return the entry: @article where a venue is known, @misc with its eprint otherwise."""
    scheme, _, value = paper.key.partition(":")
    year = (paper.published_at or paper.first_seen_at).year
    fields = {
        "title": "{" + _escaped(paper.title) + "}",
        "author": " and ".join(_name(author.name) for author in paper.authors),
        "year": str(year),
        "journal": _escaped(paper.venue),
        "eprint": value if scheme == "arxiv" else "",
        "archivePrefix": "arXiv" if scheme == "arxiv" else "",
        "primaryClass": paper.categories[0] if scheme == "arxiv" and paper.categories else "",
        "doi": value if scheme == "doi" else "",
        "url": re.sub(r"[\s{}\\]", "", paper.url),
    }
    kind = "article" if paper.venue else "misc"
    lines = [f"  {name:<13} = {{{text}}}," for name, text in fields.items() if text]
    return f"@{kind}{{{_label(paper, year)},\n" + "\n".join(lines) + "\n}\n"


def _name(name: str) -> str:
    """Protect names that hold the word BibTeX splits at."""
    text = _escaped(name)
    return "{" + text + "}" if re.search(r"(?i)\band\b|,", text) else text


def _label(paper: Paper, year: int) -> str:
    family = paper.authors[0].name.split()[-1] if paper.authors and paper.authors[0].name else "x"
    words = re.findall(r"[A-Za-z]{4,}", paper.title) or ["paper"]
    return f"{_ascii(family)}{year}{_ascii(words[0])}".lower()


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]", "", plain)


def _escaped(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return "".join(_ESCAPES.get(char, char) for char in " ".join(printable.split()))
