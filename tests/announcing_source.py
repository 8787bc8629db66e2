"""A stranger's kind with a batch a day, and another address for the days that were missed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from toy_source import ToySource

from digest.sources import Body, Fetcher


def source(name: str, options: Mapping[str, Any]) -> AnnouncingSource:
    return AnnouncingSource(name, options)


class AnnouncingSource(ToySource):
    kind = "announcing_source:source"

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        super().__init__(name, options)
        self.missed_url = options["missed_url"]

    def backfill(self, fetcher: Fetcher, *, since: date, until: date) -> Iterator[Body]:
        params = {"since": since.isoformat(), "until": until.isoformat()}
        body = fetcher.get(self.missed_url, params=params, conditional=False)
        assert body is not None
        yield body
