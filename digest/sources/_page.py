"""A paper's own web page or PDF into a record, by what publishers write there for indexers.

https://scholar.google.com/intl/en/scholar/inclusion.html#indexing (Highwire's ``citation_*``),
Dublin Core and Open Graph. A page that does not name a paper is an error, never a record.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from urllib.parse import urlsplit

from lxml import etree, html

from digest.errors import SourceError
from digest.model import Author, Link, PaperKey, Record
from digest.sources import Batch, Body
from digest.sources._pdf import is_pdf, meta_of
from digest.sources._reading import instant, unique, web_link
from digest.text.clean import clean
from digest.text.ids import keys_of_doi, make_key
from digest.text.names import natural_name, split_authors
from digest.text.plain import MAX_RAW, plain

LONGEST_ADDRESS = 290
MOST_METAS = 10_000
_TITLES = ("citation_title", "dc.title", "dcterms.title", "og:title")
_ABSTRACTS = ("citation_abstract", "dc.description", "dcterms.abstract", "og:description")
_DATES = (
    *("citation_online_date", "citation_publication_date", "citation_date", "dc.date"),
    "article:published_time",
)
_CHARSET = re.compile(r"charset=[\"']?([\w.-]+)", re.IGNORECASE)


def page_key(url: str) -> PaperKey | None:
    """Return the key of a web page that is no known archive's; None for no or too long an address.

    >>> page_key("HTTPS://Example.ORG/paper#top")
    'url:https://example.org/paper'
    """
    link = web_link(url)
    if not link:
        return None
    parts = urlsplit(link)._replace(fragment="")
    address = parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
    return f"url:{address}" if len(address) <= LONGEST_ADDRESS else None


def parse_page(name: str, body: Body, key: PaperKey) -> Batch:
    """Read one page. Raises SourceError for a page that does not name a paper."""
    is_document = is_pdf(body.content)
    meta = meta_of(body.content) if is_document else _meta(name, body)
    title = plain(_first(meta, _TITLES))
    is_paper = "citation_title" in meta or _first(meta, ("og:type",)).lower() in ("", "article")
    if is_document:  # their titles are often those of templates and first drafts
        is_paper = len(title.split()) > 1 and bool({*meta} & {"citation_author", "citation_doi"})
    if not title or not is_paper:
        better = "give its web page, DOI" if is_document else "name it by DOI"
        reason = f"{body.url} does not say which paper it is: {better} or arXiv id"
        raise SourceError(name, reason, kind="not-a-paper")
    pdf = body.url if is_document else _first(meta, ("citation_pdf_url",))
    pdf = web_link(pdf, body.url)
    record = Record(
        source=name,
        key=key,
        asserted_ids=unique(_claimed(meta)),
        native_id=key,
        title=title,
        abstract=plain(_first(meta, _ABSTRACTS), markup=True),
        authors=_authors(meta),
        keywords=_keywords(meta),
        url=web_link(body.url),
        links=(Link(kind="pdf", url=pdf),) if pdf else (),
        venue=plain(_first(meta, ("citation_journal_title", "citation_conference_title"))),
        published_at=instant(_first(meta, _DATES).replace("/", "-")),
    )
    return Batch(records=(record,))


def _meta(name: str, body: Body) -> dict[str, list[str]]:
    start = body.content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith(b"<") or start.startswith(b"<?xml"):
        raise SourceError(name, f"{body.url} is not a web page", kind="not-a-page")
    charset = _CHARSET.search(body.content_type)
    try:
        parser = html.HTMLParser(encoding=charset[1] if charset else None, no_network=True)
        root = html.document_fromstring(start, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, LookupError, ValueError) as exc:
        raise SourceError(name, f"{body.url} cannot be read ({exc})", kind="not-a-page") from exc
    found: dict[str, list[str]] = defaultdict(list)
    for element in islice(root.iter("meta"), MOST_METAS):
        label = clean((element.get("name") or element.get("property") or "")[:100]).lower()
        content = clean((element.get("content") or "")[:MAX_RAW])
        if label and content:
            found[label].append(content)
    return found


def _first(meta: dict[str, list[str]], labels: Iterable[str]) -> str:
    return next((meta[label][0] for label in labels if label in meta), "")


def _authors(meta: dict[str, list[str]]) -> tuple[Author, ...]:
    names = meta.get("citation_author") or meta.get("dc.creator") or []
    if not names:
        listed = _first(meta, ("citation_authors", "author"))
        names = listed.split(";") if ";" in listed else [a.name for a in split_authors(listed)]
    found = (natural_name(plain(name)) for name in names)
    return tuple(Author(name=name) for name in found if any(char.isalpha() for char in name))


def _keywords(meta: dict[str, list[str]]) -> tuple[str, ...]:
    listed = [*meta.get("citation_keywords", []), *meta.get("keywords", [])]
    words = (plain(word)[:100] for text in listed for word in re.split(r"[;,]", text))
    return tuple(dict.fromkeys(word for word in words if word))[:50]


def _claimed(meta: dict[str, list[str]]) -> Iterable[PaperKey | None]:
    """Return what the page says its ids are: anybody can write that, so they are only claims."""
    yield from keys_of_doi(_first(meta, ("citation_doi", "dc.identifier", "prism.doi")))
    yield make_key("arxiv", _first(meta, ("citation_arxiv_id",)))
    yield make_key("pmid", _first(meta, ("citation_pmid",)))
