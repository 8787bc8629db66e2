"""Dates, counts, and the plain sentences of a mail, in the reader's locale.

Dates and numbers follow the locale (babel); the sentences are English.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_interval, format_skeleton
from babel.numbers import format_compact_decimal, format_decimal

from digest.model import Completeness, Edition, Frequency, SourceLine
from digest.text.locales import find_locale

SECTION_NAMES = {
    "trending": "Trending beyond your interests",
    "exploration": "A step outside your interests",
    "carried-over": "Carried over",
    "update": "Updates of papers you have seen",
}
SECTION_ORDER = tuple(SECTION_NAMES)

_SIGNAL_WORDS = {
    "hf_upvotes": ("upvote", "upvotes"),
    "github_stars": ("star", "stars"),
    "hn_points": ("point on Hacker News", "points on Hacker News"),
    "citations": ("citation", "citations"),
    "local_votes": ("reader here likes it", "readers here like it"),
    "hf_comments": ("comment", "comments"),
    "hn_comments": ("comment on Hacker News", "comments on Hacker News"),
}
_LINE_WORDS = {
    Completeness.CONFIRMED: "complete",
    Completeness.PARTIAL: "not complete yet",
    Completeness.STALE: "nothing newer announced yet",
    Completeness.TRUNCATED: "list cut short",
    Completeness.BACKFILLED: "caught up",
    Completeness.QUIET: "no announcement today",
    Completeness.UNKNOWN: "",
}
_PLACES = {
    "arxiv": "arXiv",
    "biorxiv": "bioRxiv",
    "crossref": "Crossref",
    "huggingface": "Hugging Face",
    "openalex": "OpenAlex",
    "openreview": "OpenReview",
    "pubmed": "PubMed",
    "semanticscholar": "Semantic Scholar",
}
"""What readers call the places that a kind of source stands for."""
_DAILY = ("arxiv",)
"""Kinds that announce once a day: how long ago says how old the whole batch is."""
OLD = 12
"""Hours from which on a reader is told how old a batch is."""
_TROUBLE = (Completeness.PARTIAL, Completeness.STALE, Completeness.TRUNCATED)


@lru_cache(maxsize=256)
def locale_of(name: str) -> Locale:
    """Return babel's locale for ``de``, ``pt-BR``, ``en_GB``; English where there is none."""
    return find_locale(name) or Locale("en")


@lru_cache(maxsize=4096)
def long_date(day: date, frequency: Frequency, locale: str) -> str:
    """Return ``Tuesday, 14 April 2026`` as the locale writes it; a weekly edition's seven days."""
    chosen = locale_of(locale)
    if frequency is Frequency.WEEKLY:
        return str(format_interval(day - timedelta(days=6), day, "yMMMMd", locale=chosen))
    return format_date(day, "full", locale=chosen)


@lru_cache(maxsize=4096)
def short_date(day: date, locale: str) -> str:
    """Return ``14 Apr`` or ``Apr 14`` as the locale writes it."""
    return str(format_skeleton("MMMd", day, locale=locale_of(locale)))


@lru_cache(maxsize=65536)
def number(value: float, locale: str) -> str:
    """Return a count in the locale: ``1,234``; from ten thousand on ``12K``."""
    chosen = locale_of(locale)
    whole = round(value)
    if abs(whole) >= 10_000:
        return str(format_compact_decimal(whole, locale=chosen, fraction_digits=0))
    return str(format_decimal(whole, locale=chosen))


def counted(count: int, one: str, many: str, locale: str) -> str:
    """Return ``1 paper`` or ``12 papers``."""
    return f"{number(count, locale)} {one if count == 1 else many}"


def listed(names: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def signal_phrases(
    signals: Mapping[str, tuple[float, float]], locale: str, *, most: int = 2
) -> tuple[str, ...]:
    """Return what readers elsewhere think: ``132 upvotes, +41 since yesterday``."""
    phrases: list[str] = []
    for kind, (one, many) in _SIGNAL_WORDS.items():
        value, change = signals.get(kind, (0.0, 0.0))
        if round(value) < 1:
            continue
        phrase = counted(round(value), one, many, locale)
        if round(change) >= 1:
            phrase += f", +{number(change, locale)} since yesterday"
        phrases.append(phrase)
    return tuple(phrases[:most])


def section_title(section: str) -> str:
    """Return how a section is headed: an interest's own name, or the words for the others."""
    return SECTION_NAMES.get(section, section)


def selection_line(edition: Edition, locale: str) -> str:
    """Return how many were picked out of how many: the first thing a reader asks."""
    picks = len(edition.picks)
    fresh = sum(pick.is_new for pick in edition.picks)
    when = "this week" if edition.frequency is Frequency.WEEKLY else "today"
    if not picks and not edition.other_count:
        is_known = not is_unread(edition.source_lines)
        return f"No new papers {when}." if is_known else f"No papers could be found {when}."
    if not picks:
        rest = counted(edition.other_count, "new paper", "new papers", locale)
        return f"{rest} {when}, none close enough to your interests."
    chosen = counted(picks, "paper", "papers", locale)
    total = fresh + edition.other_count
    if total <= picks:
        return f"{chosen} for you {when}."
    return f"{chosen} for you, chosen from {number(total, locale)} new papers {when}."


def is_unread(lines: Iterable[SourceLine]) -> bool:
    """Tell whether a source was not read, or not read whole."""
    return any(_is_missing(line) for line in lines)


def _is_missing(line: SourceLine) -> bool:
    return line.completeness in _TROUBLE or bool(line.note)


def names_of(lines: Sequence[SourceLine]) -> list[str]:
    """Return what readers call the sources: the place's own name where it stands for one alone."""
    kinds = [line.kind for line in lines]
    return [
        _PLACES[line.kind] if line.kind in _PLACES and kinds.count(line.kind) == 1 else line.source
        for line in lines
    ]


def sources_line(lines: Sequence[SourceLine], locale: str, *, weekly: bool = False) -> str:
    """Return the plain words on where the papers come from, what is missing, and how old it is."""
    complete: list[str] = []
    other: list[str] = []
    quiet: list[str] = []
    missing: list[str] = []
    silent: list[str] = []
    for line in lines:
        counted_line = f"{line.source} {number(line.new, locale)}"
        if line.note:
            silent.append(line.source)
        elif _is_missing(line):
            missing.append(_unfinished(line, locale))
        elif line.completeness is Completeness.QUIET and not line.new:
            quiet.append(line.source)
        elif line.completeness is Completeness.UNKNOWN:
            other.append(counted_line)
        else:
            complete.append(counted_line)
    said = [
        f"{words}: {listed(_few(names))}."
        for words, names in (
            ("Complete", complete),
            ("Also read" if complete else "Read", other),
            ("No announcement today", quiet),
            ("Still to come", missing),
        )
        if names
    ]
    if silent:
        said.append(_silence(silent))
    if not weekly:
        said += [_age(line) for line in lines if line.kind in _DAILY and line.age_hours >= OLD]
    return " ".join(said)


def _silence(names: list[str]) -> str:
    """Say what a reader needs to know of a failure; what failed and how is the owner's."""
    if len(names) == 1:
        return f"{names[0]} did not answer in time; its papers follow when it does."
    return f"{listed(_few(names))} did not answer in time; their papers follow when they do."


def _age(line: SourceLine) -> str:
    return f"The newest papers from {line.source} arrived {line.age_hours} hours ago."


def _unfinished(line: SourceLine, locale: str) -> str:
    """Return what is missing of one source: ``arXiv (32 so far)``."""
    so_far = f"{number(line.new, locale)} so far" if line.new else ""
    return f"{line.source} ({so_far or _LINE_WORDS[line.completeness]})"


def _few(names: list[str], most: int = 5) -> list[str]:
    """Name the first few and count the rest."""
    if len(names) <= most:
        return names
    return [*names[: most - 1], f"{len(names) - most + 1} more"]


def source_detail(line: SourceLine, locale: str) -> str:
    """Return one source's count and state, for the foot of the mail."""
    state = "did not answer" if line.note else _LINE_WORDS[line.completeness]
    return f"{line.source} {number(line.new, locale)}" + (f" ({state})" if state else "")
