"""arXiv: each category's daily announcements, and ways to get back the days that were missed.

The feed of a day is replaced by the next one's; ``backfill`` asks OAI-PMH (or the query API) for
what was announced meanwhile, and ``enrich`` asks for comments, dates and affiliations, which feeds
lack. One request in three seconds over all interfaces: one provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from digest.exact import Exact
from digest.model import PaperKey
from digest.sources import Batch, Body, Fetcher, Stated
from digest.sources._arxiv_api import ask_for_days, ask_for_ids, is_api_answer, parse_api
from digest.sources._arxiv_feed import parse_announcements
from digest.sources._arxiv_list import parse_list
from digest.sources._arxiv_oai import harvest, is_oai_answer, parse_oai

LISTS = "https://arxiv.org"
OVERLAP = timedelta(days=2)
"""Late entries: a harvest begins this much before the first missed day."""

Category = Annotated[str, StringConstraints(pattern=r"^[a-z-]+(\.[A-Za-z-]+)?$", max_length=30)]


class ArxivOptions(Exact):
    """``[sources.NAME]`` with ``kind = "arxiv"``."""

    categories: tuple[Category, ...] = Field(
        min_length=1, description="Categories such as cs.LG, each asked for by itself."
    )
    base_url: str = Field("https://rss.arxiv.org", description="Address of the feeds.")
    api_url: str = Field("https://export.arxiv.org", description="Address of the query API.")
    oai_url: str = Field("https://oaipmh.arxiv.org/oai", description="Address of OAI-PMH.")
    backfill: Literal["oai", "api", "off"] = Field(
        "oai", description="Where missed days are got back from."
    )
    check: bool = Field(
        True,
        description="Hold each day against arXiv's listing page: a request a category and day.",
    )
    list_url: str = Field(
        "", description="Address of the listing pages; arXiv's own beside arXiv's own feeds."
    )


def source(name: str, options: Mapping[str, Any]) -> ArxivSource:
    """Build the source from its block of the configuration."""
    return ArxivSource(name, ArxivOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class ArxivSource:
    """The announcements of some categories."""

    name: str
    options: ArxivOptions
    kind: str = "arxiv"
    provider: str = "arxiv"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Ask for each category's present feed; a whole archive at once would be cut."""
        for category in self.options.categories:
            body = fetcher.get(
                f"{self.options.base_url.rstrip('/')}/atom/{category}", label=category
            )
            if body is not None:
                yield body

    def check(self, fetcher: Fetcher, label: str) -> Stated | None:
        """Ask for the page that lists a category's present announcement."""
        is_real = self.options.base_url == ArxivOptions.model_fields["base_url"].default
        place = self.options.list_url or (LISTS if is_real else "")
        if not self.options.check or not place or label not in self.options.categories:
            return None
        body = fetcher.get(f"{place.rstrip('/')}/list/{label}/new", conditional=False)
        return parse_list(self.name, body) if body is not None else None

    def backfill(self, fetcher: Fetcher, *, since: date, until: date) -> Iterator[Body]:
        """Yield what was announced from ``since`` to ``until`` (both included), and a bit before.

        Yields nothing where it is turned off. Raises SourceError.
        """
        for category in self.options.categories:
            if self.options.backfill == "oai":
                yield from harvest(
                    fetcher,
                    self.options.oai_url,
                    category,
                    since=since - OVERLAP,
                    until=until,
                    name=self.name,
                )
            elif self.options.backfill == "api":
                yield from ask_for_days(
                    fetcher,
                    self.options.api_url,
                    category,
                    since=since - OVERLAP - timedelta(days=2),
                    until=until,
                    name=self.name,
                )

    def enrich(self, fetcher: Fetcher, keys: Sequence[PaperKey]) -> Iterator[Body]:
        """Ask the API for the ``arxiv:`` keys among these, a hundred a call."""
        yield from ask_for_ids(fetcher, self.options.api_url, keys)

    def parse(self, body: Body) -> Batch:
        """Read an announcement feed, an API answer or an OAI page, told apart by content."""
        if is_oai_answer(body.content):
            return parse_oai(self.name, body)
        if body.label.startswith("api") or is_api_answer(body.content):
            return parse_api(self.name, body)
        return parse_announcements(self.name, body)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember the newest batch that was read: days after it may have been missed."""
        newest = max((b.batch_on for b in batches if b.batch_on and b.records), default=None)
        known = watermark.get("batch_on")
        if newest is None or (isinstance(known, str) and known > newest.isoformat()):
            return dict(watermark)
        return {**watermark, "batch_on": newest.isoformat()}
