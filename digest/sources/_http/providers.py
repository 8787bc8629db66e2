"""Which provider answers at an address: limits are theirs, whichever source asks. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

HOSTS = {
    "arxiv.org": "arxiv",
    "huggingface.co": "huggingface",
    "biorxiv.org": "biorxiv",
    "medrxiv.org": "biorxiv",
    "eutils.ncbi.nlm.nih.gov": "pubmed",
    "api.crossref.org": "crossref",
    "api.openalex.org": "openalex",
    "api.semanticscholar.org": "semanticscholar",
    "openreview.net": "openreview",
    "hn.algolia.com": "hackernews",
    "api.github.com": "github",
}
"""Whose limit a host's requests count against, whichever source asks."""


def provider_of(url: str) -> str:
    """Return the known provider behind an address, or an empty string.

    >>> provider_of("https://export.arxiv.org/api/query"), provider_of("https://example.org/")
    ('arxiv', '')
    """
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
    labels = host.split(".")
    ends = (".".join(labels[start:]) for start in range(len(labels) - 1))
    return next((HOSTS[end] for end in ends if end in HOSTS), "")
