"""Citations, from Semantic Scholar or OpenAlex, hundreds of papers in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.config import Settings, reveal
from digest.model import Signal
from digest.sources import Body, Fetcher
from digest.sources.openalex import OpenAlexSource
from digest.sources.openalex import source as openalex
from digest.sources.semanticscholar import SemanticScholarSource
from digest.sources.semanticscholar import source as semanticscholar
from digest.sources.signals import Observed, Subject

SCHEMES = ("arxiv:", "doi:", "pmid:")


def observer(settings: Settings) -> CitationsObserver:
    """Build the observer over the catalogue that the configuration names."""
    section = settings.signals
    name = "signals:citations"
    lookup: SemanticScholarSource | OpenAlexSource
    if section.citations_from == "openalex":
        options = {"base_url": section.openalex_url, "api_key": reveal(section.openalex_key)}
        lookup = openalex(name, {"enrich_only": True, **options})
    else:
        key = reveal(section.semanticscholar_key)
        lookup = semanticscholar(name, {"base_url": section.semanticscholar_url, "api_key": key})
    return CitationsObserver(lookup=lookup, provider=lookup.provider)


@dataclass(frozen=True)
class CitationsObserver:
    """One catalogue's counts."""

    lookup: SemanticScholarSource | OpenAlexSource
    provider: str
    name: str = "citations"

    def handles(self, subject: Subject) -> tuple[str, ...]:
        """Return the ids that catalogues know papers by."""
        return tuple(key for key in subject.keys if key.startswith(SCHEMES))

    def fetch(
        self, fetcher: Fetcher, subjects: Sequence[Subject], *, now: datetime
    ) -> Iterator[Body]:
        """Ask for each paper by its best id."""
        handles = (self.handles(subject) for subject in subjects)
        yield from self.lookup.enrich(fetcher, [found[0] for found in handles if found])

    def parse(self, body: Body) -> Observed:
        """Return the citations under every id that the catalogue gives a paper."""
        found: dict[str, tuple[Signal, ...]] = {}
        for record in self.lookup.parse(body).records:
            cited = tuple(one for one in record.signals if one.kind == "citations")
            for key in (record.key, *record.ids, *record.asserted_ids):
                found.setdefault(key, cited)
        return found
