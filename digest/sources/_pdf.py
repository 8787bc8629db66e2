"""What a PDF says of itself in its XMP packet, as a web page's meta elements would say it.

ISO 16684-1; publishers write title, authors and DOI there, uncompressed, so that indexers find
them. The pages themselves are not read.
"""

from __future__ import annotations

from lxml import etree

from digest.text.clean import clean
from digest.text.plain import MAX_RAW

MOST_XMP = 200_000
MOST_ENDS = 100
"""So many ends of packets are looked at for one that has a beginning in reach."""

_BEGIN, _END = b"<x:xmpmeta", b"</x:xmpmeta>"
_LABELS = {
    "{http://purl.org/dc/elements/1.1/}title": "citation_title",
    "{http://purl.org/dc/elements/1.1/}creator": "citation_author",
    "{http://purl.org/dc/elements/1.1/}description": "citation_abstract",
    "{http://purl.org/dc/elements/1.1/}identifier": "dc.identifier",
    "{http://prismstandard.org/namespaces/basic/2.0/}doi": "citation_doi",
    "{http://prismstandard.org/namespaces/basic/2.1/}doi": "citation_doi",
    "{http://prismstandard.org/namespaces/basic/3.0/}doi": "citation_doi",
    "{http://ns.adobe.com/pdfx/1.3/}doi": "citation_doi",
}


def is_pdf(content: bytes) -> bool:
    """Tell a PDF by its first bytes."""
    return content[:1024].lstrip().startswith(b"%PDF")


def packet_of(content: bytes) -> bytes:
    """Return the head of a PDF and its last XMP packet, all that has to be kept of it."""
    return b"%PDF\n" + _packet(content)


def _packet(content: bytes) -> bytes:
    """Return the last XMP packet that is not too long; nothing where there is none.

    Without a regular expression: of a file full of beginnings it would take days.
    """
    before = len(content)
    for _ in range(MOST_ENDS):
        end = content.rfind(_END, 0, before)
        if end < 0:
            break
        after = end + len(_END)
        start = content.rfind(_BEGIN, max(0, after - MOST_XMP), end)
        if start >= 0:
            return content[start:after]
        before = end
    return b""


def meta_of(content: bytes) -> dict[str, list[str]]:
    """Return title, authors and ids under the names that web pages give them; none if unknown."""
    packet = _packet(content)
    if not packet:
        return {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(packet, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    found: dict[str, list[str]] = {}
    for element in root.iter(*_LABELS):
        items = [text for one in element.itertext() if (text := clean(str(one)[:MAX_RAW]))]
        if items:
            found.setdefault(_LABELS[str(element.tag)], []).extend(items)
    return found
