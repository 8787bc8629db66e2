"""Points and comments at Hacker News, through Algolia: one search a site, matched here.

https://hn.algolia.com/api. The search forgives typing errors, so that every hit's address is read;
it gives a thousand hits at most, so that the time is cut into windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from digest.config import Settings
from digest.errors import SourceError
from digest.model import Signal
from digest.sources import Body, Fetcher
from digest.sources._asking import Pages, ask
from digest.sources._reading import dict_of, list_of, mapping_of, number_of, text_of
from digest.sources.signals import Observed, Subject
from digest.text.clean import clean
from digest.text.ids import parse_address

SITES = ("arxiv.org", "huggingface.co", "biorxiv.org", "medrxiv.org", "openreview.net")
SCHEMES = ("arxiv:", "doi:", "openreview:")
HITS = 1000
MAX_PAGES = 10
EARLIER = timedelta(days=2)
"""People may have talked of a paper before we saw it."""


def observer(settings: Settings) -> HackerNewsObserver:
    """Build the observer."""
    return HackerNewsObserver(
        base_url=settings.signals.hackernews_url.rstrip("/"), days=settings.signals.days
    )


@dataclass(frozen=True)
class HackerNewsObserver:
    """The stories that link to papers."""

    base_url: str
    days: int
    name: str = "hackernews"
    provider: str = "hackernews"

    def handles(self, subject: Subject) -> tuple[str, ...]:
        """Return the ids that addresses may show."""
        return tuple(key for key in subject.keys if key.startswith(SCHEMES))

    def fetch(
        self, fetcher: Fetcher, subjects: Sequence[Subject], *, now: datetime
    ) -> Iterator[Body]:
        """Ask for all stories of the last weeks that link to a site with papers."""
        since = int((now - timedelta(days=self.days) - EARLIER).timestamp())
        for site in SITES:
            yield from self._stories(fetcher, site, since)

    def _stories(self, fetcher: Fetcher, site: str, since: int) -> Iterator[Body]:
        pages = Pages(name=self.name, most=MAX_PAGES)
        until: int | None = None
        while True:
            window = f"created_at_i>{since}" + (f",created_at_i<{until}" if until else "")
            pages.turn(window)
            params: dict[str, str | int] = {
                "query": site,
                "tags": "story",
                "restrictSearchableAttributes": "url",
                "numericFilters": window,
                "hitsPerPage": HITS,
            }
            url = f"{self.base_url}/api/v1/search_by_date"
            body = ask(fetcher, url, params=params, label=f"{site} {until or ''}".strip())
            yield body
            hits = _hits(self.name, body)
            times = [int(at) for hit in hits if (at := number_of(hit.get("created_at_i")))]
            if len(hits) < HITS or not times:
                return
            until = min(times)

    def parse(self, body: Body) -> Observed:
        """Return points and comments by paper: of several stories those of the best one."""
        best: dict[str, tuple[float, float]] = {}
        for hit in _hits(self.name, body):
            found = parse_address(text_of(hit.get("url")))
            points = number_of(hit.get("points"))
            if found is None or points is None:
                continue
            comments = number_of(hit.get("num_comments")) or 0.0
            best[found.key] = max(best.get(found.key, (0.0, 0.0)), (points, comments))
        return {
            key: (
                Signal(kind="hn_points", value=points),
                Signal(kind="hn_comments", value=comments),
            )
            for key, (points, comments) in best.items()
        }


def _hits(name: str, body: Body) -> list[dict[str, Any]]:
    answer = mapping_of(name, body)
    if not isinstance(answer.get("hits"), list):
        said = clean(text_of(answer.get("message")))[:200] or "JSON of another shape"
        raise SourceError(name, f"{body.url} answered with: {said}", kind="not-a-list")
    return [dict_of(hit) for hit in list_of(answer["hits"])]
