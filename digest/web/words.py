"""How pages write dates, counts, names and links of papers; the filters of the templates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from urllib.parse import quote, urlsplit

from babel.dates import format_date, format_skeleton

from digest.model import Author
from digest.ranking.trending import Gain

_LINK_NAMES = {
    "pdf": "PDF",
    "html": "HTML",
    "code": "Code",
    "project": "Project page",
    "discussion": "Discussion",
    "published": "Published version",
}
_SIGNALS = {
    "hf_upvotes": ("vote", "votes"),
    "hf_comments": ("comment", "comments"),
    "hn_points": ("Hacker News point", "Hacker News points"),
    "hn_comments": ("Hacker News comment", "Hacker News comments"),
    "github_stars": ("star", "stars"),
    "citations": ("citation", "citations"),
    "local_votes": ("reader here", "readers here"),
}
_BIDI = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


def day(value: date | None, style: str = "full", locale: str = "en") -> str:
    """Return a date as people write it; empty for None."""
    if value is None:
        return ""
    return format_date(value, style, locale=locale)


def short_day(value: date | None, locale: str = "en") -> str:
    """Return a date without its year, as the locale writes it: Apr 14 in English."""
    return "" if value is None else str(format_skeleton("MMMd", value, locale=locale))


def instant(value: datetime | None) -> str:
    """Return an instant in UTC to the minute; empty for None."""
    return "" if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def number(value: float) -> str:
    """Return a count with thin spaces between thousands."""
    return f"{round(value):,}".replace(",", "\u202f")


def inert(text: str) -> str:
    """Return text without control characters and bidirectional overrides."""
    cleaned = text.translate(_BIDI)
    return "".join(char for char in cleaned if char.isprintable() or char in "\n ")


def names(authors: Sequence[Author], most: int = 4) -> str:
    """Return the first authors, and how many there are beside."""
    shown = ", ".join(inert(author.name) for author in authors[:most])
    rest = len(authors) - most
    return f"{shown} and {rest} more" if rest > 0 else shown


def web_link(url: str) -> str:
    """Return the address if it is http(s), else an empty string: papers' data is untrusted."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    safe = parts.scheme in {"http", "https"} and bool(parts.netloc)
    return url.strip() if safe and not any(ord(c) < 33 for c in url.strip()) else ""


def key_path(key: str) -> str:
    """Return a paper's key as a piece of a path; slashes stay, they are part of DOIs."""
    return quote(key, safe=":/")


def link_name(kind: str) -> str:
    """Return how a link of this kind is called."""
    return _LINK_NAMES.get(kind, kind.replace("-", " ").capitalize())


def signal_name(kind: str, value: float) -> str:
    """Return the noun for a signal's value."""
    singular, plural = _SIGNALS.get(kind, (kind.replace("_", " "), kind.replace("_", " ")))
    return singular if round(value) == 1 else plural


def main_gain(gains: Sequence[Gain]) -> Gain | None:
    """Return the signal to show beside a title: votes before all others."""
    order = list(_SIGNALS)
    known = [gain for gain in gains if gain.kind in order]
    return min(known, key=lambda gain: order.index(gain.kind), default=None)


def paragraphs(text: str) -> list[str]:
    """Return an abstract's paragraphs."""
    return [inert(part).strip() for part in text.split("\n\n") if part.strip()]
