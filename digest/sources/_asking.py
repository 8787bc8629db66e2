"""What the kinds that page through an API share: one request, where to begin, when to stop.

It knows no format; each kind says itself what a page holds and which page is the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from digest.errors import SourceError
from digest.model import PaperKey, Record
from digest.sources import Batch, Body, Fetcher, Rejected
from digest.sources._reading import from_parts, list_of, since_of
from digest.text.ids import split_key

LONGEST_GAP = timedelta(days=31)
"""After a longer pause only this much is asked for again: nobody reads a year's papers at once."""
EMPTY_RETRIES = 3
MOST_ALONE = 50
"""Papers asked for at once where each takes a request of its own."""
LONG_PUBLIC = timedelta(days=180)
"""Publishers register their archives; what was out this long before is nobody's news."""


def ask(
    fetcher: Fetcher,
    url: str,
    *,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    label: str = "",
) -> Body:
    """Return the whole answer: pages of a listing are never asked for conditionally.

    Which page is next depends on what this one holds. Raises SourceError.
    """
    body = fetcher.get(url, params=params, headers=headers, conditional=False, label=label)
    assert body is not None
    return body


def first_day(
    watermark: Mapping[str, Any], *, now: datetime, overlap: timedelta, default: timedelta
) -> date:
    """Return the day to ask from: a little before the last good poll, for late arrivals."""
    since = since_of(watermark, now=now, default=default) - overlap
    return max(since, now - LONGEST_GAP).astimezone(UTC).date()


@dataclass(kw_only=True)
class Pages:
    """Ends a listing that goes round in circles or does not end."""

    name: str
    most: int
    _seen: set[str] = field(default_factory=set)

    def turn(self, mark: str) -> None:
        """Note a page by what is unmistakable in it. Raises SourceError for a repeated one."""
        if mark in self._seen:
            raise SourceError(self.name, "the listing gives the same page twice", kind="paging")
        self._seen.add(mark)
        if len(self._seen) > self.most:
            reason = f"the listing has more than {self.most} pages"
            raise SourceError(self.name, reason, kind="paging")


def since_now(now: datetime) -> Mapping[str, Any]:
    """Return the watermark of a source that is asked for all since the last good poll."""
    return {"since": now.isoformat()}


def batch_of(
    name: str,
    body: Body,
    read: Iterable[Record | Rejected | None],
    *,
    announced: float | None = None,
) -> Batch:
    """Return what was read; None stands for what is no paper.

    Raises SourceError where there were entries and not one could be read: the format has changed.
    """
    found = [one for one in read if one is not None]
    records = tuple(one for one in found if isinstance(one, Record))
    if found and not records:
        raise SourceError(name, f"{body.url}: not one entry can be read", kind="no-papers")
    return Batch(
        records=records,
        rejected=tuple(one for one in found if isinstance(one, Rejected)),
        announced=None if announced is None else int(announced),
    )


def public_since(parts: Any, entered_at: datetime | None) -> datetime | None:
    """Return when a work became public, of a date of one to three numbers.

    A year or month in which a catalogue entered the work says no more than the day of entry, and
    issues are dated into the future.
    """
    numbers = [number for number in list_of(parts) if isinstance(number, int)]
    found = from_parts(numbers)
    if found is None or entered_at is None:
        return found or entered_at
    entered = [entered_at.year, entered_at.month, entered_at.day]
    is_vague = len(numbers) < 3 and numbers == entered[: len(numbers)]
    return entered_at if is_vague else min(found, entered_at)


def news_on(entered_at: datetime | None, published_at: datetime | None) -> date | None:
    """Return the day of entry in a catalogue, unless the work had long been public: no news."""
    if entered_at is None or (published_at and entered_at - published_at > LONG_PUBLIC):
        return None
    return entered_at.date()


def values_of(keys: Sequence[PaperKey], scheme: str) -> list[str]:
    """Return the values of the keys of one scheme."""
    return [value for found, value in map(split_key, keys) if found == scheme]
