"""The sample papers and posts of the demonstration, read from the package's data.

They are invented; no name, paper or number in them is real.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import resources
from typing import Any

FIRST_DAY = date(2026, 4, 13)  # a Monday: the papers of Thursday and Friday
DAYS = (FIRST_DAY, FIRST_DAY + timedelta(days=1))
ARXIV_FEEDS = ("cs.CL", "cs.LG", "cs.CV", "q-bio.BM")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A paper's place on the Daily Papers list; tuples hold Monday's and Tuesday's counts."""

    day: int
    votes: tuple[int, int]
    comments: tuple[int, int]
    stars: tuple[int, int] | None
    repo: str
    keywords: tuple[str, ...]
    summary: str


@dataclass(frozen=True, kw_only=True)
class SamplePaper:
    """One announcement of a paper; a second version is another one. Text is TeX, as arXiv's."""

    id: str
    version: int
    day: int
    title: str
    authors: tuple[str, ...]
    categories: tuple[str, ...]
    abstract: str
    listing: Listing | None


@dataclass(frozen=True, kw_only=True)
class SamplePost:
    """A post of the sample blog."""

    slug: str
    day: int
    title: str
    author: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All that the sample sources announce."""

    papers: tuple[SamplePaper, ...]
    posts: tuple[SamplePost, ...]


def load_samples() -> Samples:
    """Read the package's data."""
    text = (resources.files("digest.demo") / "data" / "papers.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return Samples(
        papers=tuple(_paper(table) for table in tables["papers"]),
        posts=tuple(SamplePost(**table) for table in tables["posts"]),
    )


def load_profile_texts() -> Mapping[str, str]:
    """Return the sample profile files by name."""
    folder = resources.files("digest.demo") / "data" / "profiles"
    return {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if file.name.endswith(".toml")
    }


def _paper(table: Mapping[str, Any]) -> SamplePaper:
    return SamplePaper(
        id=table["id"],
        version=table.get("version", 1),
        day=table["day"],
        title=table["title"],
        authors=tuple(table["authors"]),
        categories=tuple(table["categories"]),
        abstract=table["abstract"].strip(),
        listing=_listing(table["huggingface"]) if "huggingface" in table else None,
    )


def _listing(table: Mapping[str, Any]) -> Listing:
    first, second = table["votes"]
    stars = table.get("stars")
    return Listing(
        day=table["day"],
        votes=(first, second),
        comments=(table["comments"][0], table["comments"][1]),
        stars=(stars[0], stars[1]) if stars else None,
        repo=table.get("repo", ""),
        keywords=tuple(table.get("keywords", ())),
        summary=table.get("summary", ""),
    )
