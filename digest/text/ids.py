"""Identifiers of papers: every form in which they are met, to one canonical key.

A key is ``scheme:value``, free of versions. Functions return None for what is not an identifier;
they never guess. Which ids to trust, and what follows from them, is decided in ``papers``.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit

from digest.model import PaperKey
from digest.text.arxiv_ids import SHOWN_AT, URL, arxiv_in_address, parse_arxiv
from digest.text.clean import clean
from digest.text.dois import RXIV, keys_of_doi, parse_doi, rxiv_accession
from digest.text.reference import MAX_TEXT, MAX_VALUE, Reference

__all__ = [
    "Reference",
    "keys_of_doi",
    "make_key",
    "parse_address",
    "parse_arxiv",
    "parse_doi",
    "parse_reference",
    "rxiv_accession",
    "split_key",
]

_PATTERNS = {
    "pmid": re.compile(
        r"\A(?:pmid\s*+(?::\s*+)?|https?://(?:www\.)?(?:pubmed\.ncbi\.nlm\.nih\.gov|"
        r"ncbi\.nlm\.nih\.gov/pubmed)/)?0*([1-9][0-9]{0,8})(?:\.[0-9]+)?(?:[/?#].*)?\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "pmcid": re.compile(
        r"\A(?:pmcid\s*+(?::\s*+)?|https?://\S*?/)?PMC\s?0*([1-9][0-9]{0,9})(?:\.[0-9]+)?(?:[/?#].*)?\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "openalex": re.compile(
        r"\A(?:https?://(?:api\.)?openalex\.org/(?:works/)?|openalex\s*:\s*)?W([1-9][0-9]{0,12})\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "s2": re.compile(
        r"\A(?:CorpusId\s*:\s*|s2\s*:\s*)?([1-9][0-9]{0,11})\Z", re.IGNORECASE | re.ASCII
    ),
    "hn": re.compile(
        r"\A(?:https?://news\.ycombinator\.com/item\?id=|hn\s*:\s*)?([1-9][0-9]{0,10})\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "openreview": re.compile(
        r"\A(?:https?://(?:api2?\.)?openreview\.net/(?:forum|pdf|attachment|notes)\?"
        r"(?:[^#]*&)?id=|openreview\s*:\s*)?([A-Za-z0-9_-]{6,24})(?:[&#].*)?\Z",
        re.ASCII,
    ),
}
_WRITTEN = {"pmcid": "PMC{}", "openalex": "W{}"}


def make_key(scheme: str, text: str) -> PaperKey | None:
    """Return the canonical key of a value whose scheme is known, or None if it does not fit.

    >>> make_key("pmid", "https://pubmed.ncbi.nlm.nih.gov/31452104/")
    'pmid:31452104'
    """
    text = text[:MAX_TEXT]
    if scheme == "arxiv":
        found = parse_arxiv(text)
        return found.key if found else None
    if scheme == "doi":
        found = parse_doi(text)
        return found.key if found else None
    if scheme == "rxiv":
        return f"rxiv:{clean(text)}" if rxiv_accession(f"10.1101/{clean(text)}") else None
    pattern = _PATTERNS.get(scheme)
    if pattern is None:
        value = clean(text)
        return f"{scheme}:{value}" if value and len(value) <= MAX_VALUE else None
    match = pattern.match(clean(text))
    return f"{scheme}:{_WRITTEN.get(scheme, '{}').format(match[1])}" if match else None


def split_key(key: PaperKey) -> tuple[str, str]:
    """Return scheme and value.

    >>> split_key("arxiv:math/0309136")
    ('arxiv', 'math/0309136')
    """
    scheme, _, value = key.partition(":")
    return scheme, value


# --- Addresses and whatever people type ---------------------------------------------------------

_DOI_IN_PATH = re.compile(r"/(10\.[0-9]{4,9}(?:\.[0-9]+)*/.+)", re.ASCII)
_MAYBE = re.compile(rf"{SHOWN_AT}|ncbi\.nlm|openalex|openreview|ycombinator|/10\.|%", re.IGNORECASE)
"""Stands in every address that may name a work; taking others apart takes its time."""
_VIEWS = re.compile(
    r"(?:v[0-9]+)?(?:\.(?:full|abstract|supplementary-material|article-info|full-text))?"
    r"(?:\.pdf)?\Z"
)


def parse_address(url: str) -> Reference | None:
    """Read the work that a web address stands for, where the address itself says so.

    arXiv and its mirrors, DOI resolvers, publishers with the DOI in the path, bioRxiv, PubMed,
    OpenReview, OpenAlex. None for any other page.

    >>> parse_address("https://www.biorxiv.org/content/10.1101/2020.01.01.123456v2.full")
    Reference(key='doi:10.1101/2020.01.01.123456', version=2)
    """
    url = clean(url[:MAX_TEXT])
    if not _MAYBE.search(url) or not URL.match(url):
        return None
    if found := arxiv_in_address(url):
        return found
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower().removeprefix("www.")
    except ValueError:
        return None
    if host in ("doi.org", "dx.doi.org"):
        return parse_doi(parts.path.lstrip("/"))
    for scheme, hosts in _HOSTS.items():
        if host in hosts:
            key = make_key(
                scheme, _openreview_address(parts.query) if scheme == "openreview" else url
            )
            return Reference(key) if key else None
    if in_path := _DOI_IN_PATH.search(_without_number(unquote(parts.path))):
        return parse_doi(_without_view(in_path[1]))
    return None


_HOSTS = {
    "pmcid": ("pmc.ncbi.nlm.nih.gov",),
    "pmid": ("pubmed.ncbi.nlm.nih.gov",),
    "openalex": ("openalex.org", "api.openalex.org"),
    "openreview": ("openreview.net",),
    "hn": ("news.ycombinator.com",),
}


def _openreview_address(query: str) -> str:
    fields = parse_qs(query)
    return (fields.get("id") or fields.get("forum") or [""])[0]


def _without_number(path: str) -> str:
    """Drop the site's own number, and the title behind it, after a DOI in ``article/doi/``.

    So write OUP, AIP, ASH and others on the same platform.
    """
    before, doi, tail = path.partition("/doi/")
    if "article" not in before.rpartition("/")[2]:
        return path
    segments = tail.rstrip("/").split("/")
    for place in (-1, -2):
        if len(segments) + place >= 2 and len(segments[place]) >= 5 and segments[place].isdigit():
            return f"{before}{doi}{'/'.join(segments[:place])}"
    return path


def _without_view(path: str) -> str:
    """Drop what sites append to the DOI in their paths: ``/full``, ``/pdf``, ``.full.pdf``."""
    path = re.sub(r"/(?:full|abstract|pdf|epdf|html|meta|fulltext)(?:/.*)?\Z", "", path)
    if RXIV.match(path):
        return path
    return _VIEWS.sub("", path)


_NAMED = re.compile(
    r"(?P<scheme>pmid|pmcid|openalex|corpusid|s2|openreview)(?:\s*:\s*|\s+)(?P<value>\S.*)\Z",
    re.IGNORECASE | re.ASCII,
)
_SCHEMES = {"corpusid": "s2"}
_BARE_PMID = re.compile(r"(?:pmid)?0*([1-9][0-9]{4,7})\Z", re.IGNORECASE | re.ASCII)
_BARE_PMCID = re.compile(r"PMC\s?[0-9]{1,10}(?:\.[0-9]+)?\Z", re.IGNORECASE | re.ASCII)
_BARE_OPENALEX = re.compile(r"W[1-9][0-9]{4,12}\Z", re.ASCII)


def parse_reference(text: str, *, bare: bool = True) -> Reference | None:
    """Read whatever a person pastes to name a paper: an address, a DOI, an arXiv id, a PMID.

    A number of five to eight digits is a PMID where ``bare`` says that the text names a paper:
    in other fields it may be a page or a date.

    >>> parse_reference("arXiv:math.GT/0309136v1").key
    'arxiv:math/0309136'
    >>> parse_reference("31452104").key, parse_reference("PMCID: PMC6715333").key
    ('pmid:31452104', 'pmcid:PMC6715333')
    >>> parse_reference("hello") is None
    True
    """
    text = clean(text[:MAX_TEXT]).strip("<>\"'")
    if URL.match(text):
        return parse_address(text)
    if found := parse_arxiv(text) or parse_doi(text):
        return found
    key: PaperKey | None = None
    if named := _NAMED.match(text):
        scheme = named["scheme"].lower()
        key = make_key(_SCHEMES.get(scheme, scheme), named["value"])
    elif _BARE_PMCID.match(text):
        key = make_key("pmcid", text)
    elif bare and (number := _BARE_PMID.match(text)):
        key = make_key("pmid", number[1])
    elif bare and _BARE_OPENALEX.match(text):
        key = make_key("openalex", text)
    elif "/" in text and "." in text.partition("/")[0]:
        return parse_address(f"https://{text}")
    return Reference(key) if key else None
