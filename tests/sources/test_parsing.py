import contextlib
import time

import pytest
from builders import NOON

from digest.errors import SourceError
from digest.sources import Body
from digest.sources._parsing import ParserPool, Recipe

TOY = Recipe(kind="toy_source:source", name="a", options={"url": "http://x.example/"})
GOOD = b'{"papers": [{"id": "2604.00001", "title": "A paper"}]}'


@pytest.fixture
def pool():
    opened = ParserPool(1, 1.0)
    yield opened
    opened.close()


def parse(pool, content, recipe=TOY):
    return pool.parse(recipe, Body(url="http://x.example/", content=content, fetched_at=NOON)).batch


def test_a_worker_gives_what_the_source_would(pool):
    (record,) = parse(pool, GOOD).records
    assert (record.key, record.title) == ("arxiv:2604.00001", "A paper")


def test_a_parser_that_hangs_is_killed_and_replaced(pool):
    with pytest.raises(SourceError) as caught:
        parse(pool, b"spin")
    assert caught.value.kind == "parse-timeout"
    assert parse(pool, GOOD).records


def test_an_unusable_answer_keeps_its_kind_and_the_worker(pool):
    with pytest.raises(SourceError, match="not a list of papers"):
        parse(pool, b"<html>")
    assert parse(pool, GOOD).records


def test_a_bug_in_a_parser_arrives_with_its_traceback(pool):
    broken = Recipe(kind="toy_source:source", name="a", options={})
    with pytest.raises(RuntimeError, match="KeyError"):
        parse(pool, GOOD, broken)
    assert parse(pool, GOOD).records


def test_an_entity_bomb_costs_no_more_than_its_time(pool):
    bomb = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "' + b"x" * 1000 + b'">'
    for number in range(8):
        before = b"a" if number == 0 else b"b%d" % (number - 1)
        bomb += b'<!ENTITY b%d "%s">' % (number, (b"&" + before + b";") * 10)
    bomb += b"]><rss version='2.0'><channel><title>&b7;</title></channel></rss>"
    feed = Recipe(kind="feed", name="f", options={"url": "http://x.example/"})
    begun = time.monotonic()
    with contextlib.suppress(SourceError):
        assert parse(pool, bomb, feed).records == ()
    assert time.monotonic() - begun < 15
    assert parse(pool, GOOD).records
