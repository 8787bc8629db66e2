"""DOIs, in every form in which they are met, to the keys they stand for."""

from __future__ import annotations

import re
from urllib.parse import unquote

from digest.model import PaperKey
from digest.text.arxiv_ids import ARXIV_DOI, arxiv_of_doi
from digest.text.clean import clean
from digest.text.reference import MAX_TEXT, MAX_VALUE, Reference

DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+", re.ASCII)
_DOI_PREFIX = re.compile(
    r"\s*(?:(?:(?:https?:)?//)?(?:(?:dx|www)\.)?doi\.org/|doi\s*:|info:doi/|urn:doi:)\s*",
    re.IGNORECASE,
)
# bioRxiv and medRxiv share accessions; the prefix moved from 10.1101 to 10.64898. 10.1101 is also
# Cold Spring Harbor's journals', whose suffixes begin with letters.
RXIV = re.compile(
    r"10\.(?:1101|64898)/(?P<accession>[0-9]{4}\.[0-9]{2}\.[0-9]{2}\.[0-9]{6,8}|[0-9]{6})"
    r"(?:v(?P<version>[0-9]+))?(?=[^0-9]|\Z)",
    re.ASCII,
)
# Publishers that put the version into the DOI: one work, whatever its version.
_VERSIONED = (
    re.compile(r"(10\.7554/elife\.[0-9]{5,6})\.([0-9]{1,3})\Z", re.ASCII),
    re.compile(r"(10\.21203/rs\.[0-9]+\.(?:rs-)?[0-9]+)/v([0-9]+)\Z", re.ASCII),
    re.compile(r"(10\.20944/preprints[0-9]{6}\.[0-9]{4})\.v([0-9]+)\Z", re.ASCII),
    re.compile(r"(10\.26434/chemrxiv-[0-9]{4}-[0-9a-z]+)-v([0-9]+)\Z", re.ASCII),
    # The open research platforms of F1000: 10.12688/f1000research.12345.2
    re.compile(r"(10\.12688/[a-z0-9]+\.[0-9]+)\.([0-9]{1,2})\Z", re.ASCII),
    # ChemRxiv before 2021, TechRxiv, figshare; the servers of OSF
    re.compile(r"\A(10\.[0-9]{4,9}/\S+?)[./_]v([0-9]{1,2})\Z", re.ASCII),
)
MAX_ROUNDS = 5
"""So often an address is decoded: some are encoded twice."""
_PAIRS = {")": "(", "]": "[", "}": "{", ">": "<"}


def parse_doi(text: str) -> Reference | None:
    """Read a DOI from a field that holds one: bare, with a resolver, or behind ``doi:``.

    arXiv's own DOIs give ``arxiv:`` keys; bioRxiv's lose version and file suffixes, and so do
    those of other servers that write the version into the DOI.

    >>> parse_doi("https://doi.org/10.48550/arXiv.2401.01234")
    Reference(key='arxiv:2401.01234', version=None)
    >>> parse_doi("doi:10.1101/2020.01.01.123456v2.full.pdf")
    Reference(key='doi:10.1101/2020.01.01.123456', version=2)
    """
    value = _plain_doi(text)
    if value is None:
        return None
    if ARXIV_DOI.match(value):
        return arxiv_of_doi(value)
    if rxiv := RXIV.match(value):
        number = rxiv["version"]
        plain = value[: rxiv.end("accession")]
        return Reference(f"doi:{plain}", int(number[:4]) if number and int(number) else None)
    for pattern in _VERSIONED:
        if match := pattern.match(value):
            return Reference(f"doi:{match[1]}", int(match[2]) or None)
    return Reference(f"doi:{value}")


def _plain_doi(text: str) -> str | None:
    text = clean(text[:MAX_TEXT])
    for _ in range(MAX_ROUNDS):
        if (decoded := clean(unquote(text))) == text:
            break
        text = decoded
    start = 0
    for _ in range(MAX_ROUNDS):  # "DOI: https://doi.org/https://doi.org/10...."
        if (head := _DOI_PREFIX.match(text, start)) is None:
            break
        start = head.end()
    match = DOI.match(text, start)
    if match is None:
        return None
    value = clean(re.split(r"[?#]", match[0].lower(), maxsplit=1)[0])
    value = _without_trailing_junk(value[: 2 * MAX_VALUE])
    if len(value) > MAX_VALUE or not DOI.fullmatch(value):
        return None
    return value


def _without_trailing_junk(value: str) -> str:
    while value:
        last = value[-1]
        opened = _PAIRS.get(last)
        if last in ".,;:'\"/" or (opened and value.count(last) > value.count(opened)):
            value = value[:-1]
        else:
            break
    return value


def rxiv_accession(doi: str) -> str | None:
    """Return the bioRxiv or medRxiv accession within a DOI.

    >>> rxiv_accession("10.64898/2026.07.15.123456")
    '2026.07.15.123456'
    """
    match = RXIV.match(doi[:MAX_TEXT].removeprefix("doi:"))
    return match["accession"] if match else None


def keys_of_doi(text: str) -> tuple[PaperKey, ...]:
    """Return every key that a DOI stands for, its own first; none if it is not a DOI.

    >>> keys_of_doi("10.1101/658153v3")
    ('doi:10.1101/658153', 'rxiv:658153')
    """
    found = parse_doi(text)
    if found is None:
        return ()
    accession = rxiv_accession(found.value) if found.scheme == "doi" else None
    return (found.key, f"rxiv:{accession}") if accession else (found.key,)
