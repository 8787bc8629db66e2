"""A record as a JSON document and back: what the store keeps of each record.

Leaves out what changes by itself: signals and sightings (announce type, batch date) have tables
of their own, so that votes and repetitions never look like a change.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import orjson

from digest.model import Author, Link, Record

_encode_anything = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

_TEXTS = ("abstract", "summary", "comment", "venue")
_LISTS = ("ids", "asserted_ids", "categories", "keywords")


def encode(value: object) -> str:
    """Return JSON as it is stored: compact, readable letters."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:  # half a surrogate pair, a number past 64 bits
        return _encode_anything(value)


def to_document(record: Record) -> dict[str, Any]:
    """Return the document; fields that are empty are absent."""
    document: dict[str, Any] = {"key": record.key, "title": record.title, "url": record.url}
    if record.native_id:
        document["native_id"] = record.native_id
    if record.version is not None:
        document["version"] = record.version
    for name in _TEXTS:
        if text := getattr(record, name):
            document[name] = text
    for name in _LISTS:
        if items := getattr(record, name):
            document[name] = items
    if record.authors:
        document["authors"] = author_documents(record.authors)
    if record.links:
        document["links"] = link_documents(record.links)
    if record.published_at is not None:
        document["published_at"] = record.published_at.isoformat()
    if record.withdrawn:
        document["withdrawn"] = True
    return document


def from_document(source: str, document: Mapping[str, Any]) -> Record:
    """Return the record that a document was made of."""
    published_at = document.get("published_at")
    return Record(
        source=source,
        key=document["key"],
        native_id=document.get("native_id", ""),
        version=document.get("version"),
        title=document["title"],
        url=document["url"],
        authors=authors_of(document.get("authors", ())),
        links=links_of(document.get("links", ())),
        published_at=datetime.fromisoformat(published_at) if published_at else None,
        withdrawn=document.get("withdrawn", False),
        abstract=document.get("abstract", ""),
        summary=document.get("summary", ""),
        comment=document.get("comment", ""),
        venue=document.get("venue", ""),
        ids=tuple(document.get("ids", ())),
        asserted_ids=tuple(document.get("asserted_ids", ())),
        categories=tuple(document.get("categories", ())),
        keywords=tuple(document.get("keywords", ())),
    )


def content_hash(content: str) -> str:
    """Return a short hash of an encoded document."""
    return blake2b(content.encode(), digest_size=12).hexdigest()


def author_documents(authors: Iterable[Author]) -> list[dict[str, Any]]:
    """Return authors as JSON values."""
    return [_author(author) for author in authors]


def _author(author: Author) -> dict[str, Any]:
    document: dict[str, Any] = {"name": author.name}
    if author.affiliations:
        document["affiliations"] = author.affiliations
    if author.ids:
        document["ids"] = author.ids
    return document


def authors_of(documents: Sequence[Mapping[str, Any]]) -> tuple[Author, ...]:
    """Return authors of their JSON values."""
    return tuple(
        Author(
            name=document["name"],
            affiliations=tuple(document.get("affiliations", ())),
            ids=tuple(document.get("ids", ())),
        )
        for document in documents
    )


def link_documents(links: Iterable[Link]) -> list[dict[str, str]]:
    """Return links as JSON values."""
    return [{"kind": link.kind, "url": link.url} for link in links]


def links_of(documents: Sequence[Mapping[str, str]]) -> tuple[Link, ...]:
    """Return links of their JSON values."""
    return tuple(Link(kind=document["kind"], url=document["url"]) for document in documents)
