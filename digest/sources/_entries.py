"""Entries of feeds as neutral values, and the choice of who reads them.

Bytes in, never an address: given an address feedparser would go and fetch it. What an entry means
for papers is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digest.errors import SourceError
from digest.sources import Body

MAX_ENTRIES = 20_000


@dataclass(frozen=True, kw_only=True)
class EntryText:
    """A text with its declared nature: ``markup`` is true for HTML and XHTML."""

    value: str = ""
    markup: bool = False


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One item of a feed, as written."""

    guid: str = ""
    link: str = ""
    title: EntryText = field(default_factory=EntryText)
    summary: EntryText = field(default_factory=EntryText)
    content: EntryText = field(default_factory=EntryText)
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    published_at: datetime | None = None
    updated_at: datetime | None = None
    thumbnail: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """(rel, href) beside the main one."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Further simple elements by their local names: announce_type, doi, identifier, ..."""


@dataclass(frozen=True, kw_only=True)
class FeedDocument:
    """A whole feed."""

    version: str
    """``rss20``, ``atom10``, ``rss10``, ``json11``, ...; never empty."""
    title: str = ""
    link: str = ""
    base: str = ""
    updated_at: datetime | None = None
    entries: tuple[Entry, ...] = ()
    is_cut: bool = False
    """The document ended in the middle: its last, half-read entry is left out."""


_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_MARKUP_PAGE = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_FEED_ROOT = re.compile(rb"<(?:[\w.-]+:)?(?:rss|feed|rdf|channel)\b", re.IGNORECASE)
_AMPERSAND = re.compile(rb"&(?!(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_HEAD = 4096
_DECLARED = re.compile(rb"<\?xml[^<>]*?encoding\s*=\s*[\"']([\w.-]+)")
_LETTERS = re.compile(r"[^\x00-\x7f]")
MOSTLY = 4
"""Good letters beyond ASCII for each broken one that make a document UTF-8."""


def read_feed(name: str, body: Body) -> FeedDocument:
    """Read RSS, RDF, Atom or JSON Feed, told apart by content. Raises SourceError for others."""
    from digest.sources import _fastfeed, _jsonfeed  # noqa: PLC0415 - they need what is here

    content = without_controls(body.content)
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        raise SourceError(name, f"{body.url} answered with nothing", kind="empty")
    if start[:1] in (b"{", b"["):
        return _jsonfeed.read(name, body)
    if is_page(start):
        reason = f"{body.url} answered with a web page instead of a feed"
        raise SourceError(name, reason, kind="not-a-feed")
    if found := _fastfeed.read(body, start):
        return found
    from digest.sources import _feedparser  # noqa: PLC0415 - slow to load, and seldom needed

    return _feedparser.read(name, body, with_escaped_ampersands(with_broken_letters(content)))


def with_broken_letters(content: bytes) -> bytes:
    """Mend UTF-8 with a few broken letters: for one of them all others would be read as Latin-1.

    What declares another encoding, or is mostly not UTF-8, is left as it is.
    """
    declared = _DECLARED.search(content[:200])
    if declared and declared[1].lower() not in {b"utf-8", b"utf8"}:
        return content
    try:
        content.decode()
    except UnicodeDecodeError:
        text = content.decode(errors="replace")
        broken = text.count("\ufffd")
        whole = sum(1 for _ in _LETTERS.finditer(text)) - broken
        return text.encode() if whole >= MOSTLY * broken else content
    return content


def with_escaped_ampersands(content: bytes) -> bytes:
    """Escape ampersands that begin no entity: a lenient parser would put a semicolon behind.

    Sections of CDATA, where they stand for themselves, are left as they are.
    """
    if b"&" not in content or b"\x00" in content[:4]:
        return content
    pieces = content.split(b"<![CDATA[")
    pieces[0] = _AMPERSAND.sub(b"&amp;", pieces[0])
    for place, piece in enumerate(pieces[1:], 1):
        inner, end, after = piece.partition(b"]]>")
        pieces[place] = inner + end + _AMPERSAND.sub(b"&amp;", after)
    return b"<![CDATA[".join(pieces)


def without_controls(content: bytes) -> bytes:
    """Drop characters that XML forbids: one of them would end a strict parser's reading."""
    if b"\x00" in content[:4] or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content  # UTF-16 and UTF-32 are full of zeros
    return _CONTROLS.sub(b"", content) if _CONTROLS.search(content) else content


def is_page(start: bytes) -> bool:
    """Tell a web page (challenge, login, error) from a feed."""
    head = _without_comments(start)[:_HEAD]
    page = _MARKUP_PAGE.search(head)
    if page is None:
        return False
    root = _FEED_ROOT.search(head)
    return root is None or page.start() < root.start()


def _without_comments(start: bytes) -> bytes:
    """Skip what may stand before the first element and names none: comments, instructions."""
    at = 0
    while True:
        at += len(start[at : at + _HEAD]) - len(start[at : at + _HEAD].lstrip())
        if start.startswith(b"<!--", at):
            end = start.find(b"-->", at + 4)
        elif start.startswith(b"<?", at):
            end = start.find(b">", at + 2) - 2
        else:
            return start[at:]
        if end < 0:
            return b""
        at = end + 3
