"""Names, texts and links of a feed's elements as feedparser has them, for `_fastfeed`.

Whatever feedparser would treat in a way of its own raises UnusualError here.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urljoin

from lxml import etree

from digest.sources._feednames import ELEMENTS, NAMESPACES
from digest.sources._reading import PLAIN_ADDRESS, instant

EXTRA = {
    "arxiv_announce_type": "announce_type",
    "arxiv_doi": "doi",
    "arxiv_journal_reference": "journal_ref",
    "arxiv_journal_ref": "journal_ref",
    "arxiv_comment": "comment",
    "prism_doi": "doi",
    "prism_publicationname": "venue",
    "dc_identifier": "identifier",
    "dc_source": "source",
    "rights": "rights",
}
"""Simple elements that entries keep, by feedparser's names for them."""

ATOM = "http://www.w3.org/2005/Atom"
_PROLOG = re.compile(
    rb"<\?xml\s+version=[\"']1\.0[\"'](?:\s+encoding=[\"']([\w-]+)[\"'])?"
    rb"(?:\s+standalone=[\"'](?:yes|no)[\"'])?\s*\?>"
)
_CONTENT_TYPE = re.compile(r"([\w.+/-]*)(?:\s*;\s*charset\s*=\s*[\"']?([\w-]+)[\"']?)?\s*;?")
_ASCII = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"))
_UTF8 = frozenset(("utf-8", "utf8"))
MAYBE_HTML = re.compile(r"</\w+>|&#?\w+;")
_C1 = re.compile(r"[\x80-\x9f]")
_SLASHES = re.compile(r"^([A-Za-z][A-Za-z0-9+-.]*://)(/*)(.*?)")
_AMPERSAND = re.compile(r"&([A-Za-z0-9_]+);")
_HTML = frozenset(("text/html", "application/xhtml+xml"))
_STANDARD: Mapping[str, str] = {uri.lower(): prefix for uri, prefix in NAMESPACES.items()}
_OTHER_FORMATS = frozenset(uri for uri, prefix in _STANDARD.items() if not prefix) - {ATOM.lower()}
_FIELDS = """
    id link title summary content author authors tags published updated links version
    media_thumbnail media_content
"""
_KEPT = frozenset(_FIELDS.split())


class UnusualError(Exception):
    """Something that feedparser has to decide about."""


def is_plain_utf8(content_type: str, content: bytes) -> bool:
    """Tell whether every way of guessing the encoding comes to UTF-8."""
    given = _CONTENT_TYPE.fullmatch(content_type.strip().lower())
    if given is None or not content.startswith(b"<"):
        return False
    prolog = _PROLOG.match(content)
    if prolog is None and content.startswith(b"<?"):
        return False
    declared = (prolog[1] or b"").decode().lower() if prolog else ""
    kind, charset = given[1], given[2] or ""
    if content.isascii():
        return declared in _ASCII and charset in _ASCII
    if declared and declared not in _UTF8:
        return False
    if charset:
        return charset in _UTF8
    return bool(declared) or (bool(kind) and not kind.startswith("text/"))


def are_names_usual(root: etree._Element, content: bytes) -> bool:
    """Tell whether namespaces are declared at the root, and under no other's usual prefix."""
    if content.count(b"xmlns") != len(root.nsmap):
        return False
    usual = set(_STANDARD.values())
    for prefix, uri in root.nsmap.items():
        known = _STANDARD.get(uri.lower())
        if uri.lower() in _OTHER_FORMATS or "backend.userland.com/rss" in uri.lower():
            return False
        if prefix in usual and known != prefix:
            return False
    return True


@dataclass(frozen=True)
class Link:
    """A link element with attributes."""

    rel: str
    href: str
    is_main: bool

    @staticmethod
    def of(element: etree._Element, base: str) -> Link:
        """Read one. Raises UnusualError."""
        if len(element) or (element.text or "").strip() or not element.get("href"):
            raise UnusualError
        if set(element.attrib) - {"rel", "href", "type", "title", "hreflang", "length"}:
            raise UnusualError
        rel = element.get("rel", "alternate").lower()
        kind = element.get("type", "text/html").lower()
        href = join(base, element.get("href", ""))
        is_html = kind in _HTML or kind in ("html", "xhtml")
        return Link(rel, href, rel == "alternate" and is_html)


def name_of(element: etree._Element) -> str:
    """Return feedparser's name of an element: usual prefix, underscore, lower case."""
    name, is_whole = _usual_name(element.tag)
    prefix = "" if is_whole else element.prefix
    return f"{prefix}_{name}".lower() if prefix else name


@lru_cache(maxsize=1024)
def _usual_name(tag: str) -> tuple[str, bool]:
    """Return the name, and whether it stands without the prefix that the document chose."""
    uri, _, local = tag.rpartition("}")
    prefix = _STANDARD.get(uri[1:].lower()) if uri else ""
    name = f"{prefix}_{local}" if prefix else local
    return name.lower(), prefix is not None


def text_of(element: etree._Element, allowed: tuple[str, ...] = ()) -> str:
    """Return an element's text as feedparser cleans it. Raises UnusualError."""
    if len(element) or (element.attrib and not set(element.attrib) <= set(allowed)):
        raise UnusualError
    text = (element.text or "").strip()
    if text.isascii():
        return text
    with contextlib.suppress(UnicodeEncodeError, UnicodeDecodeError):
        # UTF-8 that was taken for Latin-1 and encoded again
        text = text.encode("iso-8859-1").decode("utf-8")
    if _C1.search(text):
        raise UnusualError
    return text


def check_foreign(name: str, element: etree._Element) -> None:
    """Let an element pass that means nothing to us. Raises UnusualError where it may."""
    if name in _KEPT or name in EXTRA or name in ELEMENTS or len(element):
        raise UnusualError
    if name.endswith(("_detail", "_parsed")):
        raise UnusualError


def when_of(text: str | None) -> datetime | None:
    """Read a date. Raises UnusualError for those that only feedparser can."""
    if not text:
        return None
    found = instant(text)
    if found is None:
        raise UnusualError
    return found


def address_of(text: str) -> str:
    """Take semicolons out of an address that somebody put behind its ampersands."""
    return _AMPERSAND.sub(r"&\1", text)


def join(base: str, url: str) -> str:
    """Return an address made absolute."""
    if PLAIN_ADDRESS.fullmatch(url):
        return url
    try:
        return urljoin(base, _SLASHES.sub(r"\1\3", url))
    except ValueError:
        return ""
