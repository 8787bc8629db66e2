"""arXiv over OAI-PMH: what the announcement feeds no longer show after a missed day.

https://info.arxiv.org/help/oa/index.html. Records come by the day of their last change, so old
papers come back when their metadata is touched; those count as replacements, never as new.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from lxml import etree

from digest.errors import SourceError
from digest.model import AnnounceType, Author, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._arxiv_feed import abstract_page, is_withdrawn, native_id, paper_links
from digest.sources._entries import without_controls
from digest.sources._reading import day, instant
from digest.text.clean import clean
from digest.text.ids import Reference, keys_of_doi, parse_arxiv
from digest.text.plain import plain

MAX_PAGES = 200
RECENT = timedelta(days=45)
"""A first version this young, unrevised, is a new paper; moderation holds some for weeks."""

_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_META = "{http://arxiv.org/OAI/arXiv/}"
_PHYSICS = frozenset(
    (
        *("astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph"),
        *("nlin", "nucl-ex", "nucl-th", "physics", "quant-ph"),
    )
)


def set_of(category: str) -> str:
    """Return the OAI set of a category.

    >>> set_of("cs.LG"), set_of("hep-th"), set_of("astro-ph.GA")
    ('cs:cs:LG', 'physics:hep-th', 'physics:astro-ph:GA')
    """
    archive, dot, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    if dot:
        return f"{group}:{archive}:{subject}"
    return f"{group}:{archive}" if group != archive else group


def harvest(
    fetcher: Fetcher, oai_url: str, category: str, *, since: date, until: date, name: str
) -> Iterator[Body]:
    """Yield the pages of all records changed from ``since`` to ``until``, both included."""
    params: dict[str, str | int] = {
        "verb": "ListRecords",
        "metadataPrefix": "arXiv",
        "set": set_of(category),
        "from": since.isoformat(),
        "until": until.isoformat(),
    }
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        body = fetcher.get(oai_url, params=params, conditional=False, label="oai")
        assert body is not None
        yield body
        token = _root(name, body).findtext(f".//{_OAI}resumptionToken") or ""
        if not token.strip():
            return
        if token in seen:
            raise SourceError(name, "the harvest goes round in circles", kind="paging")
        seen.add(token)
        params = {"verb": "ListRecords", "resumptionToken": token.strip()}
    raise SourceError(name, f"the harvest has more than {MAX_PAGES} pages", kind="paging")


def is_oai_answer(content: bytes) -> bool:
    """Tell OAI-PMH from feeds."""
    return b"<OAI-PMH" in content[:1000] or b":OAI-PMH" in content[:1000]


def parse_oai(name: str, body: Body) -> Batch:
    """Read one page. Raises SourceError for errors other than `nothing matches`."""
    root = _root(name, body)
    if root.tag != f"{_OAI}OAI-PMH":
        raise SourceError(name, f"{body.url} is not an OAI-PMH answer", kind="not-oai")
    for error in root.findall(f"{_OAI}error"):
        if error.get("code") != "noRecordsMatch":
            said = f"{error.get('code', 'error')}: {clean(error.text or '')[:200]}"
            raise SourceError(name, f"arXiv's OAI-PMH refused: {said}", kind="oai-error")
    read = [_record(name, found) for found in root.iter(f"{_OAI}record")]
    return Batch(
        records=tuple(one for one in read if isinstance(one, Record)),
        rejected=tuple(one for one in read if isinstance(one, Rejected)),
    )


def _root(name: str, body: Body) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(without_controls(body.content), parser)
    except (etree.XMLSyntaxError, ValueError) as exc:
        reason = f"{body.url} is not the XML it should be ({exc})"
        raise SourceError(name, reason, kind="not-oai") from exc


def _record(name: str, found: etree._Element) -> Record | Rejected | None:
    header = found.find(f"{_OAI}header")
    if header is None or header.get("status") == "deleted":
        return None
    meta = found.find(f"{_OAI}metadata/{_META}arXiv")
    identifier = clean(header.findtext(f"{_OAI}identifier") or "")
    if meta is None:
        return Rejected(native_id=identifier[:300], reason="no metadata in arXiv's format")
    reference = parse_arxiv(_text(meta, "id") or identifier)
    title = plain(_text(meta, "title"))
    if reference is None or not title:
        return Rejected(native_id=identifier[:300], reason="no arXiv id or no title")
    abstract, comment, doi = plain(_text(meta, "abstract")), plain(_text(meta, "comments")), ""
    doi = _text(meta, "doi").split(" ")[0]
    stamped_on = day(header.findtext(f"{_OAI}datestamp"))
    created_at = instant(_text(meta, "created"))
    revised = bool(_text(meta, "updated"))
    return Record(
        source=name,
        key=reference.key,
        asserted_ids=keys_of_doi(doi),
        native_id=native_id(Reference(reference.key)),
        version=None if revised else 1,
        announce_type=_type(created_at, stamped_on, revised=revised),
        announced_on=stamped_on,
        title=title,
        abstract=abstract,
        authors=_authors(meta),
        categories=tuple(_text(meta, "categories").split()),
        url=abstract_page(reference),
        links=paper_links(reference, doi),
        comment=comment,
        venue=plain(_text(meta, "journal-ref")),
        published_at=created_at,
        withdrawn=is_withdrawn(abstract, comment),
    )


def _type(created_at: datetime | None, stamped_on: date | None, *, revised: bool) -> AnnounceType:
    if revised or created_at is None or stamped_on is None:
        return AnnounceType.REPLACE
    is_young = stamped_on - created_at.date() <= RECENT
    return AnnounceType.NEW if is_young else AnnounceType.REPLACE


def _text(meta: etree._Element, field: str) -> str:
    return clean(meta.findtext(f"{_META}{field}") or "")


def _authors(meta: etree._Element) -> tuple[Author, ...]:
    authors = []
    for person in meta.findall(f"{_META}authors/{_META}author"):
        parts = (_text(person, field) for field in ("forenames", "keyname", "suffix"))
        name = plain(" ".join(part for part in parts if part))
        places = (plain(clean(p.text or "")) for p in person.findall(f"{_META}affiliation"))
        if any(char.isalpha() for char in name):
            authors.append(Author(name=name, affiliations=tuple(p for p in places if p)))
    return tuple(authors)
