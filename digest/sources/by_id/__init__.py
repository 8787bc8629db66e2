"""Who can be asked for a paper by its id, and a source of each kind that does nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from digest.errors import SourceError
from digest.model import PaperKey
from digest.plugins import resolve
from digest.sources import Body, Enriches, Fetcher, Source

ROUTES: Mapping[str, Sequence[str]] = {
    "arxiv": ("arxiv", "huggingface"),
    "doi": ("crossref", "openalex", "semanticscholar"),
    "pmid": ("pubmed", "openalex"),
    "pmcid": ("semanticscholar",),
    "openreview": ("openreview",),
    "openalex": ("openalex",),
    "s2": ("semanticscholar",),
}
"""Kinds of source by scheme, the best one first."""

RXIV = ("doi:10.1101/", "doi:10.64898/")
"""What DOIs of bioRxiv and medRxiv begin with."""

_LEAST: Mapping[str, Mapping[str, Any]] = {
    "arxiv": {"categories": ("cs.LG",)},
    "biorxiv": {"servers": ("biorxiv", "medrxiv")},
    "crossref": {"prefixes": ("10.1000",)},
    "openalex": {"enrich_only": True},
    "openreview": {"invitations": ("any",)},
    "pubmed": {"query": "any"},
}
"""Options that a kind demands though nobody polls it."""


@runtime_checkable
class LooksUp(Protocol):
    """A source that tells of single papers, at a request each: too dear to enrich all with."""

    def look_up(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Yield bodies for ``parse`` about those of the keys that it knows. Raises SourceError."""
        ...


def route_of(key: PaperKey) -> tuple[str, ...]:
    """Return the kinds that may know a key, the best one first; none for a strange scheme.

    >>> route_of("doi:10.1101/2026.01.01.123456")
    ('biorxiv', 'crossref', 'openalex', 'semanticscholar')
    """
    kinds = tuple(ROUTES.get(key.partition(":")[0], ()))
    return ("biorxiv", *kinds) if key.startswith(RXIV) else kinds


def source_for_ids(kind: str, name: str, **options: Any) -> Source:
    """Return a source of a kind that is only asked for papers by id."""
    found: Source = resolve(kind, "digest.sources", "source")(
        name, {**_LEAST.get(kind, {}), **options}
    )
    return found


def bodies_about(source: Source, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
    """Yield bodies for ``source.parse`` about those of the keys that it knows.

    Raises SourceError, also for a source that cannot be asked by id.
    """
    if isinstance(source, LooksUp):
        yield from source.look_up(fetcher, keys)
    elif isinstance(source, Enriches):
        yield from source.enrich(fetcher, keys)
    else:
        raise SourceError(source.name, "cannot be asked for single papers", kind="no-lookup")
