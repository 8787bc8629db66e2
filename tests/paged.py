"""Polls of kinds that page through an API: made, read, and what was asked."""

import json
from urllib.parse import parse_qs, urlsplit

from builders import NOON
from scripted import Reply

YESTERDAY = {"since": "2026-04-13T12:00:00+00:00"}


def as_json(value, **more):
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"}, **more)


def fetched(source, fetcher, watermark=YESTERDAY):
    return list(source.fetch(fetcher, watermark=watermark, now=NOON))


def keys_of(source, bodies):
    return [record.key for body in bodies for record in source.parse(body).records]


def asked(script, number=0):
    return {
        name: found[0] for name, found in parse_qs(urlsplit(script.log[number].path).query).items()
    }
