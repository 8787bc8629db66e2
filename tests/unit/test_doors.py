"""Whatever comes in by a file or from a server: an answer or an error of ours, in bounded time."""

from __future__ import annotations

import json
import logging
from collections import Counter

import pytest
from builders import NOON
from growth import at_most
from hostile_inputs import DOORS, hostile_inputs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest import logs
from digest.config import load_config
from digest.config.profiles import load_profile_file
from digest.errors import ConfigError, DigestError, UsageError
from digest.sources import Body
from digest.sources._http import redact
from digest.sources._page import page_key, parse_page
from digest.sources._parsing import parse_here
from digest.sources._pdf import packet_of
from digest.sources.feed import source as feed_source
from digest.text.ids import parse_reference
from digest.text.library import read_library

MOST_S = 12.0
"""Processor time for the greatest input, which a worker would not be given either."""
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
FEED = feed_source("f", {"url": "http://x.example/"})


def _body(content, content_type=""):
    return Body(
        url="http://x.example/1", content=content, content_type=content_type, fetched_at=NOON
    )


def read_page(content):
    parse_page("a", _body(content, "text/html"), "url:http://x.example/1")


def read_feed(content):
    for record in parse_here(FEED, _body(content)).batch.records:
        assert len(record.title) <= 1000


def read_pdf(content):
    read_page(packet_of(content))


def read_text(text):
    assert len(redact(text)) < 20_000
    assert len(logs.redact(text)) < 20_000
    assert logs.fields_of(text)
    parse_reference(text)
    page_key(text)


READERS = {
    "library": read_library,
    "feed": read_feed,
    "page": read_page,
    "pdf": read_pdf,
    "search": read_text,
    "papers": read_text,
    "address": read_text,
    "location": read_text,
}


@pytest.fixture
def profile(tmp_path):
    def read(content):
        path = tmp_path / "ada.toml"
        path.write_bytes(content)
        load_profile_file(path)

    return read


def take(reader, content):
    try:
        with at_most(MOST_S):
            reader(content)
    except DigestError:
        return
    except RecursionError:
        assert reader is not read_text  # a worker tells it as an error of ours: "too-deep"


@pytest.mark.parametrize("door", [*READERS, "profile"])
def test_no_hostile_input_gives_anything_but_an_answer_or_an_error_of_ours(door, profile):
    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    reader = profile if door == "profile" else READERS[door]
    for one in hostile_inputs():
        if one.door == door:
            take(reader, one.content)


def test_there_are_hostile_inputs_for_every_door_by_names_of_their_own():
    names = Counter()
    doors = Counter()
    for one in hostile_inputs():
        names[one.name] += 1
        doors[one.door] += 1
    assert set(doors) == set(DOORS)
    assert sum(doors.values()) >= 200
    assert max(names.values()) == 1


PIECES = st.lists(
    st.sampled_from(
        ["\n", " ", "@article{", "@string{", "a", ",", "=", "{", "}", '"', "title", "author", "and",
         "TY  - JOUR", "TI  - ", "AU  - ", "ER  - ", "\r", "\\'e", "$", "\\frac{", "<!--", "<math>",
         "\\(", "&#x;", "\0", "\ud7ff", "é", "9", '"Key","Item Type","Title"', "[", "]", ":",
         '{"title":', "null", "<rss version='2.0'>", "<channel>", "<item>", "</item>", "<title>",
         "</title>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "<entry>", "<![CDATA[", "]]>",
         "<meta name='citation_title' content='", "'>", "<html>", "%PDF-1.7", "<x:xmpmeta>",
         "</x:xmpmeta>", "<?xml version='1.0' encoding='", "'?>", "utf-8", "idna", "<pubDate>",
         "[[interests]]", "name = ", "terms = ", "2026-04-14", "https://", "doi:10.1/", "arXiv:"]
    ),
    max_size=40,
).map("".join)  # fmt: skip
TEXTS = st.one_of(PIECES, st.text(max_size=200))
CONTENTS = st.one_of(
    TEXTS.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=200)
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["title", "author", "creators", "tags", "data", "items", "DOI", "URL", "given",
                 "family", "tag", "itemType", "id", "url", "authors", "name", "version",
                 "date_published", "content_html", "abstract"]
            ),
            inner,
            max_size=6,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@pytest.mark.parametrize("door", READERS)
@FUZZ
@given(text=TEXTS, content=CONTENTS)
def test_no_text_and_no_bytes_break_a_reader(door, text, content):
    take(READERS[door], text if READERS[door] is read_text else content)


@FUZZ
@given(value=VALUES)
def test_no_json_breaks_a_library_or_a_feed(value):
    take(read_library, json.dumps([value]).encode())
    take(read_library, json.dumps({"items": value}).encode())
    version = "https://jsonfeed.org/version/1.1"
    take(read_feed, json.dumps({"version": version, "items": [value]}).encode())
    take(read_feed, json.dumps({"version": version, "items": value, "title": value}).encode())


@FUZZ
@given(content=CONTENTS, value=VALUES)
def test_no_file_breaks_the_reading_of_a_profile(profile, content, value):
    take(profile, content)
    written = json.dumps(value)
    take(profile, f"name = {written}\n[[interests]]\nname = {written}\nterms = {written}".encode())


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"a" * ((1 << 20) + 1), "larger than 1 MB"), (b".".join([b"a"] * 20_000) + b" = 1", ":1: ")],
    ids=["size", "key"],
)
def test_a_configuration_file_is_bounded_before_it_is_parsed(tmp_path, content, reason):
    path = tmp_path / "digest.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=reason), at_most(1):
        load_config(path)


def test_a_library_of_too_many_entries_is_refused_by_the_first_ones():
    entries = {
        "Zotero CSV": b'"Key","Item Type","Title"\n' + b"a,b,c\n" * 300_000,
        "RIS": b"TY  - JOUR\nTI  - a\nER  - \n" * 60_000,
        "JSON": b"[" + b",".join([b'{"title": "a"}'] * 100_000) + b"]",
    }
    for content in entries.values():
        with pytest.raises(UsageError, match="more than 100 entries"), at_most(1):
            read_library(content, "a library", 100)
