"""What a template sees: frozen values made of papers and editions, text already harmless.

Nothing personal is in them but what `compose` passes as marks, so that a paper's card is the same
for every reader with the same options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from digest.model import Edition, Frequency, Paper, Pick, SourceLine
from digest.rendering import words
from digest.rendering.extracts import best_sentence, excerpt
from digest.rendering.inert import direction, plain, safe_url, shorten

AbstractLevel = Literal["none", "short", "full"]

TITLE_LIMIT = 300
AUTHOR_LIMIT = 80
AUTHORS_NAMED = 3
CATEGORIES_NAMED = 4
NOTE_LIMIT = 110
SUMMARY_LIMIT = 400
FULL_ABSTRACT_LIMIT = 4000

_LINK = re.compile(r"https?://\S+", re.IGNORECASE)
_KINDS = ("project", "code", "home", "web")
_BEFORE_LINKS = (
    (":", "at", "on"), ("available",), ("is", "are"),
    ("website", "page", "site", "repository", "code", "demo"), _KINDS,
)  # fmt: skip
"""Words that only lead to an address, from the last one to the first."""

SignalValues = Mapping[str, tuple[float, float]]


class CardOptions(NamedTuple):
    """What makes one reader's card of a paper different from another's."""

    locale: str = "en"
    abstract: AbstractLevel = "short"
    badge: str = ""
    has_reason: bool = True
    has_feedback: bool = True
    images: bool = False
    summary: str = ""
    """A summary from elsewhere, used where the source has none."""
    papers_base: str = ""


@dataclass(frozen=True, kw_only=True)
class PaperView:
    """A paper as a card shows it. Every address is http(s) or empty."""

    row_id: int
    title: str
    dir: str
    url: str
    authors: str
    """The first three names, joined."""
    more_authors: int
    affiliation: str
    categories: str
    note: str
    """Venue, or what the authors say of themselves (``12 pages, ICML``)."""
    date: str
    signals: tuple[str, ...]
    summary: str
    abstract: str
    pdf_url: str
    code_url: str
    project_url: str
    discussion_url: str
    page_url: str
    thumbnail: str
    withdrawn: bool
    version: int | None


@dataclass(frozen=True, kw_only=True)
class EditionView:
    """An edition's frame: what the masthead, the empty note and the foot say."""

    edition_on: str
    """The date in full, or the week."""
    short_on: str
    weekly: bool
    selection: str
    """``10 papers for you, from 412 new today.``"""
    sources: str
    """The one plain line on sources and completeness."""
    source_details: tuple[str, ...]
    empty: bool
    quiet: bool
    """Nothing new at all: a weekend or holiday, as the sources' calendars say."""
    unread: bool
    """There is nothing, and some sources could not be read: never called a quiet day."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Picks under one heading, in their order."""

    name: str
    title: str
    picks: tuple[Pick, ...]


def paper_view(paper: Paper, signals: SignalValues, options: CardOptions) -> PaperView:
    """Return what a card shows of a paper."""
    title = shorten(plain(paper.title), TITLE_LIMIT) or "(no title)"
    abstract = plain(paper.abstract)
    summary, excerpted = _said(paper, abstract, options)
    names = [shorten(plain(author.name), AUTHOR_LIMIT) for author in paper.authors]
    names = [name for name in names if name]
    shown = names if len(names) == AUTHORS_NAMED + 1 else names[:AUTHORS_NAMED]
    url = safe_url(paper.url)
    page = safe_url(f"{options.papers_base}/{paper.key}") if options.papers_base else ""
    return PaperView(
        row_id=paper.row_id,
        title=title,
        dir=direction(title),
        url=url or page,
        authors=", ".join(shown),
        more_authors=len(names) - len(shown),
        affiliation=_affiliation(paper),
        categories=_categories(paper),
        note=_note(paper),
        date=words.short_date(paper.published_at.date(), options.locale)
        if paper.published_at
        else "",
        signals=words.signal_phrases(signals, options.locale),
        summary=summary,
        abstract=excerpted,
        pdf_url=safe_url(paper.link("pdf")),
        code_url=safe_url(paper.link("code")),
        project_url=safe_url(paper.link("project")),
        discussion_url=safe_url(paper.link("discussion")),
        page_url=page,
        thumbnail=safe_url(paper.link("thumbnail")) if options.images else "",
        withdrawn=paper.withdrawn,
        version=paper.version,
    )


def title_view(paper: Paper) -> PaperView:
    """Return what the list of all other titles shows of a paper: title and address."""
    bare = CardOptions(abstract="none", has_reason=False, has_feedback=False)
    return paper_view(paper, {}, bare)


def edition_view(edition: Edition, locale: str) -> EditionView:
    """Return what the frame of a mail says."""
    lines = _cleaned(edition.source_lines)
    empty = not edition.picks
    nothing = empty and not edition.other_count
    unread = nothing and words.is_unread(edition.source_lines)
    return EditionView(
        edition_on=words.long_date(edition.edition_on, edition.frequency, locale),
        short_on=words.short_date(edition.edition_on, locale),
        weekly=edition.frequency is Frequency.WEEKLY,
        selection=words.selection_line(edition, locale),
        sources=words.sources_line(lines, locale, weekly=edition.frequency is Frequency.WEEKLY),
        source_details=tuple(words.source_detail(line, locale) for line in lines),
        empty=empty,
        quiet=nothing and not unread,
        unread=unread,
    )


def sections(picks: Sequence[Pick]) -> tuple[Section, ...]:
    """Group picks: interests by their best pick, then trending, exploration, carried over, updates.

    The order within a section is the edition's.
    """
    return tuple(
        Section(name=name, title=section_title(name), picks=tuple(picks[at] for at in places))
        for name, places in grouped([pick.section for pick in picks])
    )


def grouped(sections: Sequence[str]) -> list[tuple[str, list[int]]]:
    """Return the sections in the order of `sections`, each with the places of its picks."""
    found: dict[str, list[int]] = {}
    for place, section in enumerate(sections):
        found.setdefault(section, []).append(place)
    names = [name for name in found if name not in words.SECTION_NAMES]
    names += [name for name in words.SECTION_ORDER if name in found]
    return [(name, found[name]) for name in names]


@lru_cache(maxsize=4096)
def section_title(name: str) -> str:
    """Return a section's heading."""
    return shorten(plain(words.section_title(name)), 80)


def badge(section: str, *, is_new: bool) -> str:
    """Return the word beside a title: ``new``, ``earlier``, ``updated``, or nothing."""
    if section == "update":
        return "updated"
    if is_new:
        return "new"
    return "" if section == "carried-over" else "earlier"


def subject(
    best_title: str, count: int, edition: EditionView, installation: str, *, limit: int = 78
) -> str:
    """Return the subject: the best paper's title, how many more, and the date."""
    when = f"{edition.edition_on}" if edition.weekly else edition.short_on
    if not best_title:
        state = _nothing(edition)
        return f"{plain(installation)}: {state} · {when}"
    tail = f" · {count - 1} more · {when}" if count > 1 else f" · {when}"
    return shorten(best_title, max(40, limit - len(tail))) + tail


def _nothing(edition: EditionView) -> str:
    if edition.unread:
        return "sources could not be read"
    if edition.weekly:
        return "a quiet week" if edition.quiet else "nothing for you this week"
    return "a quiet day" if edition.quiet else "nothing for you today"


def preheader(titles: list[str], edition: EditionView, limit: int = 90) -> str:
    """Return the line that inboxes show after the subject: the next papers' titles."""
    text = "; ".join(titles[1:4]) or edition.selection
    return shorten(text, limit)


def _said(paper: Paper, abstract: str, options: CardOptions) -> tuple[str, str]:
    """Return the one-sentence summary and the excerpt, which do not repeat each other."""
    own = shorten(plain(paper.summary) or plain(options.summary), SUMMARY_LIMIT)
    if options.abstract == "full":
        return own, shorten(abstract, FULL_ABSTRACT_LIMIT)
    summary = own or best_sentence(abstract)
    if options.abstract == "none":
        return summary, ""
    return summary, excerpt(abstract, without="" if own else summary)


def _note(paper: Paper) -> str:
    """Return the venue, else what the comment says beside addresses, which are links elsewhere."""
    note = _without_links(plain(paper.venue or paper.comment)).strip(" ,;:.-")
    return shorten(note, NOTE_LIMIT)


def _without_links(text: str) -> str:
    parts, at = [], 0
    for link in _LINK.finditer(text):
        parts.append(_without_lead(text[at : link.start()]))
        at = link.end()
    return "".join([*parts, text[at:]])


def _without_lead(text: str) -> str:
    for leading in _BEFORE_LINKS:
        before = text.rstrip()
        tail = before[-20:].lower()
        word = next((word for word in leading if tail.endswith(word)), "")
        rest = before[: len(before) - len(word)]
        if word and (not rest[-1:].isalnum() or rest[-9:].lower().endswith(_KINDS)):
            text = rest
    return text


def _affiliation(paper: Paper) -> str:
    found = next((a for author in paper.authors for a in author.affiliations if plain(a)), "")
    return shorten(plain(found), AUTHOR_LIMIT)


def _categories(paper: Paper) -> str:
    names = [plain(name) for name in paper.categories]
    text = ", ".join(shorten(name, 40) for name in names[:CATEGORIES_NAMED])
    more = len(names) - CATEGORIES_NAMED
    return f"{text} +{more}" if more > 0 else text


def _cleaned(lines: tuple[SourceLine, ...]) -> tuple[SourceLine, ...]:
    return tuple(
        replace(line, source=shorten(plain(name), 60))
        for line, name in zip(lines, words.names_of(lines), strict=True)
    )
