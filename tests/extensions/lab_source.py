"""Talks of a lab, from a JSON list: kind = "extensions.lab_source:source"."""

import json

from digest.errors import SourceError
from digest.model import Record
from digest.sources import Batch


class LabSource:
    kind = provider = "lab"

    def __init__(self, name, options):
        self.name, self.url = name, options["url"]

    def fetch(self, fetcher, *, watermark, now):
        if (body := fetcher.get(self.url)) is not None:  # None: nothing has changed
            yield body

    def parse(self, body):
        try:
            return Batch(records=tuple(map(self._record, json.loads(body.content))))
        except (ValueError, KeyError, TypeError) as exc:
            raise SourceError(self.name, "the answer is not a list of talks") from exc

    def _record(self, talk):
        return Record(
            source=self.name,
            key=f"lab:{talk['id']}",
            title=talk["title"],
            abstract=talk["about"],
            url=talk["link"],
        )

    def next_watermark(self, watermark, batches, *, now):
        return {}


def source(name, options):
    return LabSource(name, options)
