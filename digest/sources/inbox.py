"""Papers that people name: by arXiv id, DOI, PMID, OpenReview forum or the address of any page.

What waits is handed in with the watermark. Each id is looked up where it comes from; other
addresses are asked for the meta elements that publishers write. It keeps no list itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from pydantic import Field

from digest import isolated
from digest.errors import SourceError, UnreadableError
from digest.exact import Exact
from digest.model import AnnounceType, PaperKey
from digest.sources import Batch, Body, Fetcher, Rejected, Source
from digest.sources import crossref as crossref_kind
from digest.sources import openalex as openalex_kind
from digest.sources import pubmed as pubmed_kind
from digest.sources._asking import ask
from digest.sources._page import page_key, parse_page
from digest.sources._pdf import is_pdf, packet_of
from digest.sources.by_id import bodies_about, source_for_ids
from digest.text.clean import clean
from digest.text.ids import parse_reference

PAGE = "page"
REFUSED = "refused"
LONGEST_HEAD = 512 * 1024
"""Of a page only so much is read: what names the paper stands at its top."""
_RXIV = ("doi:10.1101/", "doi:10.64898/")
_ROUTES = {
    "arxiv": "arxiv",
    "doi": "crossref",
    "pmid": "pubmed",
    "openreview": "openreview",
    "openalex": "openalex",
}


class InboxOptions(Exact):
    """``[sources.NAME]`` with ``kind = "inbox"``."""

    arxiv_url: str = Field("https://export.arxiv.org", description="Where arXiv ids are asked for.")
    biorxiv_url: str = Field("https://api.biorxiv.org", description="The same of bioRxiv's DOIs.")
    crossref_url: str = Field(crossref_kind.SITE, description="The same of other DOIs.")
    pubmed_url: str = Field(pubmed_kind.SITE, description="The same of PMIDs.")
    openreview_url: str = Field("https://api2.openreview.net", description="The same of forums.")
    openalex_url: str = Field(openalex_kind.SITE, description="The same of OpenAlex ids.")


def source(name: str, options: Mapping[str, Any]) -> InboxSource:
    """Build the source from its block of the configuration."""
    return InboxSource(name, InboxOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class InboxSource:
    """What waits to be read."""

    name: str
    options: InboxOptions
    kind: str = "inbox"
    provider: str = "inbox"

    def key_of(self, reference: str) -> PaperKey | None:
        """Return the key that a reference stands for, or None if it names no paper."""
        reference = clean(reference)
        found = parse_reference(reference)
        if found and found.scheme in _ROUTES:
            return found.key
        if found and found.scheme == "pmcid":
            return page_key(f"https://pmc.ncbi.nlm.nih.gov/articles/{found.value}/")
        return page_key(reference) if found is None else None

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Ask for what waits (``{"waiting": [key, ...]}``); one that fails does not stop others."""
        waiting: list[PaperKey] = list(watermark.get("waiting", ()))
        failed: SourceError | None = None
        for route, keys in _routed(waiting).items():
            try:
                yield from self._ask(fetcher, route, keys, now)
            except SourceError as exc:
                failed = failed or exc
        if failed is not None:
            raise failed

    def _ask(
        self, fetcher: Fetcher, route: str, keys: Sequence[PaperKey], now: datetime
    ) -> Iterator[Body]:
        if route.startswith(PAGE):
            yield self._page(fetcher, keys[0], now)
            return
        for body in bodies_about(self._lookups[route], fetcher, keys):
            yield replace(body, label=f"{route} {body.label}")

    def _page(self, fetcher: Fetcher, key: PaperKey, now: datetime) -> Body:
        """Return the head of a page; anybody may name a bad one, so that it fails alone."""
        url = key.partition(":")[2]
        try:
            found = ask(fetcher, url, label=f"{PAGE} {key}")
            content = found.content
            head = packet_of(content) if is_pdf(content) else content[:LONGEST_HEAD]
            body = replace(found, content=head)
            isolated.call(parse_page, self.name, body, key)
        except (SourceError, UnreadableError) as exc:
            return Body(
                url=url, content=exc.reason.encode(), label=f"{REFUSED} {key}", fetched_at=now
            )
        return body

    def parse(self, body: Body) -> Batch:
        """Read an answer as the place it comes from writes it. Raises SourceError."""
        route, _, label = body.label.partition(" ")
        if route == REFUSED:
            reason = clean(body.content.decode("utf-8", "replace"))
            return Batch(rejected=(Rejected(native_id=label, reason=reason),))
        if route == PAGE:
            batch = parse_page(self.name, body, label)
        elif route in self._lookups:
            batch = self._lookups[route].parse(replace(body, label=label))
        else:
            raise SourceError(self.name, f"{body.url} was not asked for", kind="unasked")
        today = body.fetched_at.astimezone(UTC).date()
        # Whoever names a paper wants it read, however old and often revised it is.
        records = tuple(
            replace(record, announce_type=AnnounceType.NEW, announced_on=today)
            for record in batch.records
        )
        return replace(batch, records=records, announced=None)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Keep none: what waits is kept elsewhere."""
        return {}

    @cached_property
    def _lookups(self) -> dict[str, Source]:
        """Return who is asked, by route."""
        return {
            kind: source_for_ids(kind, self.name, **{option: address})
            for kind, option, address in (
                ("arxiv", "api_url", self.options.arxiv_url),
                ("biorxiv", "base_url", self.options.biorxiv_url),
                ("crossref", "base_url", self.options.crossref_url),
                ("pubmed", "base_url", self.options.pubmed_url),
                ("openreview", "base_url", self.options.openreview_url),
                ("openalex", "base_url", self.options.openalex_url),
            )
        }


def _routed(keys: Sequence[PaperKey]) -> dict[str, list[PaperKey]]:
    """Group keys by who is asked; each page is a route of its own, so that one cannot stop others.

    >>> _routed(["arxiv:2604.00001", "doi:10.1101/1", "url:https://a.example/"])
    {'arxiv': ['arxiv:2604.00001'], 'biorxiv': ['doi:10.1101/1'], 'page 2': ['url:https://a.example/']}
    """
    found: dict[str, list[PaperKey]] = {}
    for number, key in enumerate(keys):
        route = "biorxiv" if key.startswith(_RXIV) else _ROUTES.get(key.partition(":")[0])
        found.setdefault(route or f"{PAGE} {number}", []).append(key)
    return found
