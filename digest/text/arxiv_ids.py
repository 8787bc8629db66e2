"""arXiv identifiers, in every form in which they are met. They are never guessed."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from digest.text.clean import clean
from digest.text.reference import MAX_TEXT, Reference

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
SHOWN_AT = r"arxiv|alphaxiv|lanl\.gov|ar5iv|huggingface|hf\.co|scirate|semanticscholar|doi\.org"
_MAYBE = re.compile(SHOWN_AT, re.IGNORECASE)
"""Stands in every address that may show an arXiv paper; taking others apart takes its time."""
_PREFIX = re.compile(r"\s*(?:oai:arxiv\.org:|arxiv\s*:\s*|arxiv/)\s*", re.IGNORECASE)
ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>.+)", re.IGNORECASE)
URL = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_JUNK = re.compile(r"[\s<>()\[\]{}\"'.,;:]*")


def parse_arxiv(text: str, *, bare: bool = True) -> Reference | None:
    """Read an arXiv id in any of its forms.

    Addresses (abs, pdf, html, alphaxiv, huggingface.co/papers, ...), ``arXiv:`` and
    ``oai:arXiv.org:`` are always understood, bare ids only where ``bare`` says that the field is
    known to hold them: prices, dates and parts of DOIs look the same.

    >>> parse_arxiv("https://arxiv.org/pdf/2401.01234v2.pdf")
    Reference(key='arxiv:2401.01234', version=2)
    """
    text = clean(text[:MAX_TEXT])
    if URL.match(text):
        return arxiv_in_address(text)
    if "10.48550/" in text[:60]:
        return arxiv_of_doi(text)
    head = _PREFIX.match(text)
    if head is None and not bare:
        if not _SITE.match(text):
            return None
        return arxiv_in_address(f"https://{text}")
    start = head.end() if head else 0
    found = _arxiv_at(text, start)
    if found is None and head is None and "/" in text:
        return arxiv_in_address(f"https://{text}")
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


def arxiv_in_address(url: str) -> Reference | None:
    """Read the address of an arXiv paper, wherever it is shown."""
    url = url[:MAX_TEXT]
    if not _MAYBE.search(url):
        return None
    try:
        parts = urlsplit(url if not url.startswith("//") else f"https:{url}")
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    steps = [step for step in unquote(parts.path).split("/") if step]
    if not steps:
        return None
    if host in ("doi.org", "dx.doi.org", "www.doi.org"):
        return arxiv_of_doi(url)
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


def arxiv_of_doi(text: str) -> Reference | None:
    """Read a DOI that arXiv gave."""
    match = ARXIV_DOI.search(unquote(text[:MAX_TEXT]))
    return _arxiv_at(match["id"], 0) if match else None
