"""arXiv's listing mails, from a folder of files or a Maildir: a way without any polling.

https://info.arxiv.org/help/subscribe.html. Mails are only read: nothing is moved, marked or
deleted. The mails of some days before the last poll are read again, for those that came late.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field

from digest.errors import SourceError
from digest.sources import Batch, Body, Fetcher
from digest.sources._asking import first_day, since_now
from digest.sources._listing_mail import is_listing, parse_listing
from digest.sources._reading import Options

OVERLAP = timedelta(days=3)
FIRST_DAYS = timedelta(days=4)
MOST_MAILS = 500
LARGEST_MAIL = 8 * 2**20


class ListingOptions(Options):
    """``[sources.NAME]`` with ``kind = "listing"``."""

    path: Path = Field(description="Folder with the mails as files, or a Maildir.")


def source(name: str, options: Mapping[str, Any]) -> ListingSource:
    """Build the source from its block of the configuration."""
    return ListingSource(name, ListingOptions.model_validate(dict(options)))


@dataclass(frozen=True)
class ListingSource:
    """The mails in one place."""

    name: str
    options: ListingOptions
    kind: str = "listing"
    provider: str = "listing"

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        """Read the mails that came since the last good poll; other mail is passed over."""
        since = first_day(watermark, now=now, overlap=OVERLAP, default=FIRST_DAYS)
        for path in self._mails(datetime(since.year, since.month, since.day, tzinfo=UTC)):
            try:
                content = path.read_bytes() if path.stat().st_size <= LARGEST_MAIL else b""
            except FileNotFoundError:  # a mail program has moved it meanwhile
                continue
            except OSError as exc:
                raise SourceError(self.name, f"{path} cannot be read: {exc}", kind="file") from exc
            if is_listing(content):
                yield Body(
                    url=path.absolute().as_uri(),
                    content=content,
                    content_type="message/rfc822",
                    fetched_at=now,
                    label=path.name,
                )

    def _mails(self, since: datetime) -> list[Path]:
        """Return the files changed since, the oldest first. Raises SourceError without a folder."""
        root = self.options.path.expanduser()
        maildir = [root / part for part in ("cur", "new") if (root / part).is_dir()]
        found: list[tuple[float, Path]] = []
        try:
            for folder in maildir or [root]:
                files = (path for path in folder.iterdir() if not path.name.startswith("."))
                found += [(path.stat().st_mtime, path) for path in files if path.is_file()]
        except OSError as exc:
            raise SourceError(self.name, f"{root} cannot be read: {exc}", kind="file") from exc
        recent = sorted(one for one in found if one[0] >= since.timestamp())
        return [path for _, path in recent[-MOST_MAILS:]]

    def parse(self, body: Body) -> Batch:
        """Read one mail. Raises SourceError if it is not a listing."""
        return parse_listing(self.name, body)

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        """Remember when all mails were read."""
        return since_now(now)
