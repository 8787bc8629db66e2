"""What a PDF says of itself in its XMP packet, as a web page's meta elements would say it.

ISO 16684-1; publishers write title, authors and DOI there, uncompressed, so that indexers find
them. The pages themselves are not read.
"""

from __future__ import annotations

import re

from lxml import etree

from digest.text.clean import clean

MOST_XMP = 200_000

_PACKET = re.compile(rb"<x:xmpmeta\b.*?</x:xmpmeta>", re.DOTALL)
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
    packets = [found for found in _PACKET.findall(content) if len(found) <= MOST_XMP]
    return b"%PDF\n" + (packets[-1] if packets else b"")


def meta_of(content: bytes) -> dict[str, list[str]]:
    """Return title, authors and ids under the names that web pages give them; none if unknown."""
    packet = _PACKET.search(content)
    if packet is None:
        return {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(packet[0], parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    found: dict[str, list[str]] = {}
    for element in root.iter(*_LABELS):
        items = [text for one in element.itertext() if (text := clean(str(one)))]
        if items:
            found.setdefault(_LABELS[str(element.tag)], []).extend(items)
    return found
