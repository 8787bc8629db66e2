"""arXiv's listing mails into records: new submissions, cross-lists and replacements of one day.

https://info.arxiv.org/help/subscribe.html. Plain text of seventy-two columns, one block a paper
between lines of backslashes; replacements come without an abstract.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from email.message import Message

from digest.errors import SourceError
from digest.mails import HEAD_LIMIT, domain_of, field, is_within, parsed, parsed_head, plain_text
from digest.model import AnnounceType, Record
from digest.sources import Batch, Body, Rejected
from digest.sources._arxiv_feed import abstract_page, is_withdrawn, native_id, paper_links
from digest.sources._asking import batch_of
from digest.sources._reading import instant
from digest.text.clean import clean
from digest.text.ids import Reference, keys_of_doi, parse_arxiv
from digest.text.names import split_authors
from digest.text.plain import plain

DOMAIN = "arxiv.org"
LONGEST = 4_000_000
"""Characters of a mail that are read: ten times the longest listing."""
NEXT_DAY_FROM = 20
"""Mails leave in the evening, UTC midnight or so; the day that they announce is the next one."""

_BLOCK = re.compile(r"^\\\\\s*\n(?=(?:arXiv:|Paper:))", re.MULTILINE)
_RULE = re.compile(r"^(?:-{10,}|%%.*%%.*)$", re.MULTILINE)
_HEAD = re.compile(
    r"(?:arXiv|Paper):\s*(?P<id>\S+)(?P<cross>[ \t]*\(\*cross-listing\*\))?", re.IGNORECASE
)
_FIELD = re.compile(
    r"^(?P<name>[A-Z][A-Za-z-]{2,20}):[ \t]*(?P<value>.*(?:\n[ \t]+.*)*)", re.MULTILINE
)
_REPLACED = re.compile(r"^replaced with revised version\s+(?P<date>[^(\n]*+)", re.MULTILINE)
_SIZE = re.compile(r"(?:(?<!\s)\s++)?+\(\s*+\d++\s*+k?b.*\Z", re.IGNORECASE | re.DOTALL)


def parse_listing(name: str, body: Body) -> Batch:
    """Read one mail. Raises SourceError if it is not a listing."""
    mail = parsed(body.content)
    blocks = _BLOCK.split(_text(mail))[1:]
    if not blocks:
        raise SourceError(name, f"{body.url} is not one of arXiv's listing mails", kind="no-list")
    announced_on = _announced_on(instant(field(mail, "Date")) or body.fetched_at)
    batch = batch_of(name, body, (_record(name, block, announced_on) for block in blocks))
    return Batch(records=batch.records, rejected=batch.rejected, batch_on=announced_on)


def may_be_listing(content: bytes) -> bool:
    """Tell cheaply, before a mail is parsed, what cannot be a listing."""
    return DOMAIN.encode() in content[:HEAD_LIMIT].lower()


def is_listing(content: bytes) -> bool:
    """Tell a listing from other mail in the same folder: from arXiv, with papers in it.

    Raises UnreadableError.
    """
    if not is_within(domain_of(clean(field(parsed_head(content), "From"))), DOMAIN):
        return False
    return bool(_BLOCK.search(_text(parsed(content))))


def _text(mail: Message) -> str:
    return plain_text(mail, LONGEST, lenient=False).replace("\r\n", "\n")


def _announced_on(sent_at: datetime) -> date:
    return (sent_at + timedelta(hours=24 - NEXT_DAY_FROM)).date()


def _record(name: str, block: str, announced_on: date) -> Record | Rejected:
    head = _HEAD.match(block)
    reference = parse_arxiv(head["id"]) if head else None
    parts = re.split(r"^\\\\.*$", block, flags=re.MULTILINE)
    fields = {m["name"].lower(): m["value"] for m in _FIELD.finditer(parts[0])}
    title = plain(fields.get("title", ""))
    if head is None or reference is None or not title:
        return Rejected(native_id=clean(block.partition("\n")[0])[:300], reason="no id or no title")
    replaced = _REPLACED.search(parts[0])
    kind = AnnounceType.CROSS if head["cross"] else AnnounceType.NEW
    abstract = "" if replaced or len(parts) < 3 else plain(_RULE.sub("", parts[1]))
    comment, doi = plain(fields.get("comments", "")), clean(fields.get("doi", ""))
    return Record(
        source=name,
        key=reference.key,
        asserted_ids=keys_of_doi(doi),
        native_id=native_id(Reference(reference.key)),
        version=reference.version,
        announce_type=AnnounceType.REPLACE if replaced else kind,
        announced_on=announced_on,
        title=title,
        abstract=abstract,
        authors=split_authors(plain(fields.get("authors", fields.get("author", "")))),
        categories=tuple(dict.fromkeys(clean(fields.get("categories", "")).split())),
        url=abstract_page(reference),
        links=paper_links(reference, doi),
        comment=comment,
        venue=plain(fields.get("journal-ref", "")),
        published_at=None if replaced else instant(_SIZE.sub("", clean(fields.get("date", "")))),
        withdrawn=is_withdrawn(abstract, comment),
    )
