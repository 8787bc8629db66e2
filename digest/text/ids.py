"""Identifiers of papers: every form in which they are met, to one canonical key.

A key is ``scheme:value``, free of versions. Functions return None for what is not an identifier;
they never guess. Which ids to trust, and what follows from them, is decided in ``papers``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from digest.model import PaperKey
from digest.text.clean import clean

MAX_VALUE = 280
"""Longest value kept; longer ones are rubbish or attacks."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A key and, where the text named one, the version."""

    key: PaperKey
    version: int | None = None

    @property
    def scheme(self) -> str:
        """Return the part before the colon."""
        return self.key.partition(":")[0]

    @property
    def value(self) -> str:
        """Return the part after the colon."""
        return self.key.partition(":")[2]


# --- arXiv --------------------------------------------------------------------------------------

# https://info.arxiv.org/help/arxiv_identifier.html; archives that ever gave out old-style ids.
_ARCHIVES = (
    "acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg|comp-gas|"
    "cond-mat|cs|dg-ga|funct-an|gr-qc|hep-ex|hep-lat|hep-ph|hep-th|math|math-ph|mtrl-th|nlin|"
    "nucl-ex|nucl-th|patt-sol|physics|plasm-ph|q-alg|q-bio|quant-ph|solv-int|supr-con"
)
_MONTH = "(?:0[1-9]|1[0-2])"
# A version and then nothing that could belong to a longer number: 2401.01234v2.pdf is fine,
# 2401.012345 and 2401.01234.5 are not.
_TAIL = r"(?:v(?P<version{}>[1-9][0-9]{{0,2}}))?(?![0-9A-Za-z]|\.[0-9])"
_NEW = rf"(?P<new>(?P<yymm>[0-9]{{2}}{_MONTH})\.(?P<number>[0-9]{{4,5}})){_TAIL.format('')}"
_SUBJECT = r"(?:\.[a-z]{2,6}(?:-[a-z]+)?)?"  # math.GT/0309136 is math/0309136
_OLD = (
    rf"(?P<archive>{_ARCHIVES}){_SUBJECT}/(?P<old>[0-9]{{2}}{_MONTH}[0-9]{{3}}){_TAIL.format('_')}"
)
_ARXIV = re.compile(rf"{_NEW}|{_OLD}", re.IGNORECASE | re.ASCII)
_ARXIV_HOST = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:arxiv\.org|xxx\.lanl\.gov|alphaxiv\.org|ar5iv\.org|arxiv-vanity\.com)\Z"
)
_ARXIV_PATHS = frozenset(
    [
        "abs",
        "pdf",
        "html",
        "format",
        "e-print",
        "src",
        "ps",
        "tb",
        "papers",
        "overview",
        "audio",
        "dvi",
        "arxiv",
        "resources",
    ]
)
_HUGGING_FACE_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_SITE = re.compile(
    r"(?:[a-z0-9-]+\.)*(?:arxiv|alphaxiv)\.org/|(?:hf|huggingface)\.co/", re.IGNORECASE
)
_PREFIX = re.compile(r"\s*(?:oai:arxiv\.org:|arxiv\s*:\s*|arxiv/)\s*", re.IGNORECASE)
_URL = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_JUNK = re.compile(r"[\s<>()\[\]{}\"'.,;:]*")


def parse_arxiv(text: str, *, bare: bool = True) -> Reference | None:
    """Read an arXiv id in any of its forms.

    Addresses (abs, pdf, html, alphaxiv, huggingface.co/papers, ...), ``arXiv:`` and
    ``oai:arXiv.org:`` are always understood, bare ids only where ``bare`` says that the field is
    known to hold them: prices, dates and parts of DOIs look the same.

    >>> parse_arxiv("https://arxiv.org/pdf/2401.01234v2.pdf")
    Reference(key='arxiv:2401.01234', version=2)
    """
    text = clean(text)
    if _URL.match(text):
        return _arxiv_in_address(text)
    if "10.48550/" in text[:60]:
        return _arxiv_of_doi(text)
    head = _PREFIX.match(text)
    if head is None and not bare:
        if not re.match(
            r"(?:[a-z0-9-]+\.)*(?:arxiv|alphaxiv)\.org/|(?:hf|huggingface)\.co/",
            text,
            re.IGNORECASE,
        ):
            return None
        return _arxiv_in_address(f"https://{text}")
    start = head.end() if head else 0
    found = _arxiv_at(text, start)
    if found is None and head is None and "/" in text:
        return _arxiv_in_address(f"https://{text}")
    return found


def _arxiv_at(text: str, start: int) -> Reference | None:
    junk = _JUNK.match(text, start)
    match = _ARXIV.match(text, junk.end() if junk else start)
    if match is None:
        return None
    if match["new"]:
        if not _new_style_holds(match["yymm"], match["number"]):
            return None
        version = match["version"]
        key = f"arxiv:{match['new']}"
    else:
        if not _old_style_holds(match["old"]):
            return None
        version = match["version_"]
        key = f"arxiv:{match['archive'].lower()}/{match['old']}"
    return Reference(key, int(version) if version else None)


def _new_style_holds(yymm: str, number: str) -> bool:
    """Four digits from April 2007 to December 2014, five since; numbering starts at 1."""
    if yymm < "0704" or not int(number):
        return False
    return len(number) == (4 if yymm <= "1412" else 5)


def _old_style_holds(number: str) -> bool:
    year_month = number[:4]
    return year_month >= "9107" or year_month <= "0703"


def _arxiv_in_address(url: str) -> Reference | None:
    try:
        parts = urlsplit(url if not url.startswith("//") else f"https:{url}")
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    steps = [step for step in unquote(parts.path).split("/") if step]
    if not steps:
        return None
    if host in ("doi.org", "dx.doi.org", "www.doi.org"):
        return _arxiv_of_doi(url)
    if host in _HUGGING_FACE_HOSTS:
        steps = steps[1:] if steps[0] in ("papers", "daily") else []
    elif host in ("scirate.com", "www.scirate.com", "www.semanticscholar.org"):
        if steps[0].lower().startswith("arxiv:"):
            steps[0] = steps[0][6:]
        elif steps[0].lower() == "arxiv":
            steps = steps[1:]
        else:
            return None
    elif not _ARXIV_HOST.match(host):
        return None
    elif steps[0].lower() in _ARXIV_PATHS:
        steps = steps[1:]
        if len(steps) > 1 and steps[0] in ("abs", "pdf"):  # www.alphaxiv.org/audio/abs/...
            steps = steps[1:]
    rest = "/".join(steps)
    head = _PREFIX.match(rest)
    return _arxiv_at(rest, head.end() if head else 0)


# --- DOI ----------------------------------------------------------------------------------------

_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+", re.ASCII)
_DOI_PREFIX = re.compile(
    r"(?:(?:https?:)?//)?(?:(?:dx|www)\.)?doi\.org/|doi\s*:\s*|info:doi/|urn:doi:", re.IGNORECASE
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>.+)", re.IGNORECASE)
# bioRxiv and medRxiv share accessions; the prefix moved from 10.1101 to 10.64898. 10.1101 is also
# Cold Spring Harbor's journals', whose suffixes begin with letters.
_RXIV = re.compile(
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
)
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
    if _ARXIV_DOI.match(value):
        return _arxiv_of_doi(value)
    if rxiv := _RXIV.match(value):
        number = rxiv["version"]
        plain = value[: rxiv.end("accession")]
        return Reference(f"doi:{plain}", int(number[:4]) if number and int(number) else None)
    for pattern in _VERSIONED:
        if match := pattern.match(value):
            return Reference(f"doi:{match[1]}", int(match[2]) or None)
    return Reference(f"doi:{value}")


def _plain_doi(text: str) -> str | None:
    text = clean(text)
    while (decoded := clean(unquote(text))) != text:
        text = decoded
    head = _DOI_PREFIX.match(text)
    match = _DOI.match(text, head.end() if head else 0)
    if match is None:
        return None
    value = clean(re.split(r"[?#]", match[0].lower(), maxsplit=1)[0])
    value = _without_trailing_junk(value)
    if len(value) > MAX_VALUE or not _DOI.fullmatch(value):
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


def _arxiv_of_doi(text: str) -> Reference | None:
    match = _ARXIV_DOI.search(unquote(text))
    return _arxiv_at(match["id"], 0) if match else None


def rxiv_accession(doi: str) -> str | None:
    """Return the bioRxiv or medRxiv accession within a DOI.

    >>> rxiv_accession("10.64898/2026.07.15.123456")
    '2026.07.15.123456'
    """
    match = _RXIV.match(doi.removeprefix("doi:"))
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


# --- The others ---------------------------------------------------------------------------------

_PATTERNS = {
    "pmid": re.compile(
        r"(?:pmid\s*:?\s*|https?://(?:www\.)?(?:pubmed\.ncbi\.nlm\.nih\.gov|"
        r"ncbi\.nlm\.nih\.gov/pubmed)/)?0*([1-9][0-9]{0,8})(?:\.[0-9]+)?(?:[/?#].*)?\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "pmcid": re.compile(
        r"(?:pmcid\s*:?\s*|https?://\S*?/)?PMC\s?0*([1-9][0-9]{0,9})(?:\.[0-9]+)?(?:[/?#].*)?\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "openalex": re.compile(
        r"(?:https?://(?:api\.)?openalex\.org/(?:works/)?|openalex\s*:\s*)?W([1-9][0-9]{0,12})\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "s2": re.compile(
        r"(?:CorpusId\s*:\s*|s2\s*:\s*)?([1-9][0-9]{0,11})\Z", re.IGNORECASE | re.ASCII
    ),
    "hn": re.compile(
        r"(?:https?://news\.ycombinator\.com/item\?id=|hn\s*:\s*)?([1-9][0-9]{0,10})\Z",
        re.IGNORECASE | re.ASCII,
    ),
    "openreview": re.compile(
        r"(?:https?://(?:api2?\.)?openreview\.net/(?:forum|pdf|attachment|notes)\?"
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
    url = clean(url)
    if not _URL.match(url):
        return None
    if found := _arxiv_in_address(url):
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
    if in_path := _DOI_IN_PATH.search(unquote(parts.path)):
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


def _without_view(path: str) -> str:
    """Drop what sites append to the DOI in their paths: ``/full``, ``/pdf``, ``.full.pdf``."""
    path = re.sub(r"/(?:full|abstract|pdf|epdf|html|meta|fulltext)(?:/.*)?\Z", "", path)
    if _RXIV.match(path):
        return path
    return _VIEWS.sub("", path)


def parse_reference(text: str) -> Reference | None:
    """Read whatever a person pastes to name a paper: an address, a DOI, an arXiv id, a PMID.

    >>> parse_reference("arXiv:math.GT/0309136v1").key
    'arxiv:math/0309136'
    >>> parse_reference("hello") is None
    True
    """
    text = clean(text).strip("<>\"'")
    if _URL.match(text):
        return parse_address(text)
    if found := parse_arxiv(text) or parse_doi(text):
        return found
    scheme, _, value = text.partition(":")
    named = {"pmid": "pmid", "pmcid": "pmcid", "openalex": "openalex", "corpusid": "s2", "s2": "s2"}
    if scheme.strip().lower() in {*named, "openreview"} and value:
        key = make_key(named.get(scheme.strip().lower(), "openreview"), value)
        return Reference(key) if key else None
    if re.fullmatch(r"PMC[0-9]+", text, re.IGNORECASE):
        key = make_key("pmcid", text)
        return Reference(key) if key else None
    if "/" in text and "." in text.partition("/")[0]:
        return parse_address(f"https://{text}")
    return None
