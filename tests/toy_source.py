"""A kind of source as a stranger would write it: a JSON list of papers, one page or several."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from digest.errors import SourceError
from digest.model import Completeness, Record
from digest.sources import Batch, Body, Fetcher


def source(name: str, options: Mapping[str, Any]) -> ToySource:
    return ToySource(name, options)


class ToySource:
    kind = "toy_source:source"

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.urls = options.get("urls") or [options["url"]]
        self.provider = options.get("provider", name)

    def fetch(
        self, fetcher: Fetcher, *, watermark: Mapping[str, Any], now: datetime
    ) -> Iterator[Body]:
        for url in self.urls:
            if url == "bug:":
                raise ZeroDivisionError("a stranger's mistake")
            if url == "hang:":
                time.sleep(30)
            body = fetcher.get(url)
            if body is not None:
                yield body

    def parse(self, body: Body) -> Batch:
        if body.content.strip() == b"spin":
            while True:
                pass
        if body.content.strip() == b"odd":
            return Batch(rejected=(lambda: None,))  # type: ignore[arg-type]  # not to be pickled
        try:
            found = json.loads(body.content)
            records = tuple(self._record(item) for item in found["papers"])
        except (ValueError, KeyError, TypeError) as exc:
            raise SourceError(self.name, "the answer is not a list of papers") from exc
        on = found.get("on")
        return Batch(
            records=records,
            batch_on=date.fromisoformat(on) if on else None,
            completeness=Completeness(found.get("completeness", "unknown")),
        )

    def _record(self, item: Mapping[str, Any]) -> Record:
        return Record(
            source=self.name,
            key=f"arxiv:{item['id']}",
            native_id=item["id"],
            title=item["title"],
            url=f"https://arxiv.org/abs/{item['id']}",
        )

    def next_watermark(
        self, watermark: Mapping[str, Any], batches: Sequence[Batch], *, now: datetime
    ) -> Mapping[str, Any]:
        return {"since": now.isoformat()}
