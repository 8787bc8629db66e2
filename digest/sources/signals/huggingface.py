"""Votes and comments at Hugging Face: the daily lists again, one request for a whole day's papers.

Only papers that stood on a list are asked for; a paper that nobody submitted there has no votes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from digest.config import Settings
from digest.sources import Body, Fetcher
from digest.sources.huggingface import HuggingFaceSource
from digest.sources.huggingface import source as huggingface
from digest.sources.signals import Observed, Subject

MOST_DAYS = 20


def observer(settings: Settings) -> HuggingFaceObserver:
    """Build the observer; it asks where the configured source of this kind does."""
    sections = settings.sources.values()
    options = next((one.options for one in sections if one.kind == "huggingface"), {})
    return HuggingFaceObserver(lists=huggingface("signals:huggingface", options))


@dataclass(frozen=True)
class HuggingFaceObserver:
    """The daily lists."""

    lists: HuggingFaceSource
    name: str = "huggingface"
    provider: str = "huggingface"

    def handles(self, subject: Subject) -> tuple[str, ...]:
        """Return the arXiv id of a paper that was listed."""
        if not subject.listed_on:
            return ()
        return tuple(key for key in subject.keys if key.startswith(("arxiv:", "hf:")))

    def fetch(
        self, fetcher: Fetcher, subjects: Sequence[Subject], *, now: datetime
    ) -> Iterator[Body]:
        """Ask for the lists of the papers' days, the newest first."""
        days: set[date] = {on for subject in subjects for on in subject.listed_on}
        for on in sorted(days, reverse=True)[:MOST_DAYS]:
            yield from self.lists.pages(fetcher, on)

    def parse(self, body: Body) -> Observed:
        """Return the votes, comments and stars of every paper on the list."""
        return {record.key: record.signals for record in self.lists.parse(body).records}
