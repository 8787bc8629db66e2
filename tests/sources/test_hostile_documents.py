"""Documents made to read files, to ask other servers, or to never end."""

from __future__ import annotations

import time

import pytest
from builders import NOON
from scripted import serving
from sqlalchemy import select

from digest.errors import SourceError
from digest.sources import Body
from digest.sources._arxiv_feed import FEED_LIMIT
from digest.sources._parsing import ParserPool, Recipe
from digest.store import tables
from digest.store.ingest import ingest

SECRET = "a secret of this machine"
KINDS = {
    "feed": {"url": "http://x.example/"},
    "arxiv": {"categories": ["cs.LG"]},
    "pubmed": {"query": "x"},
    "inbox": {},
}
ATTACKS = {
    "file": '<!DOCTYPE r [<!ENTITY e SYSTEM "file://{file}">]>',
    "web": '<!DOCTYPE r [<!ENTITY e SYSTEM "{url}">]>',
    "parameter": '<!DOCTYPE r [<!ENTITY % p SYSTEM "{url}"> %p; <!ENTITY e "x">]>',
    "dtd": '<!DOCTYPE r SYSTEM "{url}">',
    "style": '<?xml-stylesheet href="{url}" type="text/xsl"?>',
    "include": "",
}
DOCUMENTS = {
    "rss": "<rss version='2.0'><channel><title>&e;</title><item><title>A title &e;</title>{more}"
    "<link>https://x.example/1</link></item></channel></rss>",
    "atom": "<feed xmlns='http://www.w3.org/2005/Atom'><title>&e;</title><entry><id>x</id>{more}"
    "<title>A title &e;</title><link href='https://arxiv.org/abs/2604.00001'/></entry></feed>",
    "oai": "<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords><record><header>"
    "<identifier>&e;</identifier></header>{more}</record></ListRecords></OAI-PMH>",
    "pubmed": "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><Article>"
    "<ArticleTitle>A title &e;</ArticleTitle></Article>{more}</MedlineCitation></PubmedArticle>"
    "</PubmedArticleSet>",
}
INCLUDE = "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{url}' parse='text'/>"


@pytest.fixture(scope="module")
def pool():
    opened = ParserPool(1, 4.0)
    yield opened
    opened.close()


def read(pool, kind, content, label=""):
    recipe = Recipe(kind=kind, name="a", options=KINDS[kind])
    body = Body(
        url="http://x.example/", content=content, content_type="text/xml", label=label,
        fetched_at=NOON,
    )  # fmt: skip
    try:
        return pool.parse(recipe, body).batch
    except SourceError as exc:
        return exc


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_document_opens_a_file_or_asks_a_server(pool, tmp_path, kind, attack):
    (tmp_path / "secret").write_text(SECRET)
    with serving() as sentinel:
        place = {"file": tmp_path / "secret", "url": sentinel.url("/evil")}
        for document in DOCUMENTS.values():
            more = INCLUDE.format(**place) if attack == "include" else ""
            text = ATTACKS[attack].format(**place) + document.format(more=more)
            for content in (text, f"<?xml version='1.0'?>{text}"):
                assert SECRET not in str(read(pool, kind, content.encode()))
        assert sentinel.log == []


MONSTERS = {
    "deep": b"<rss version='2.0'><channel>" + b"<a>" * 100_000 + b"</a>" * 100_000,
    "many": b"<rss version='2.0'><channel>" + b"<item><title>x</title></item>" * 50_000
    + b"</channel></rss>",
    "long": b"<rss version='2.0'><channel><item><title>" + b"x" * 10_000_000
    + b"</title></item></channel></rss>",
    "links": b"<rss version='2.0'><channel><item><title>t</title><description>"
    + b"&lt;a href=" * 50_000 + b"</description></item></channel></rss>",
    "attributes": b"<rss version='2.0' " + b" ".join(b"a%d='1'" % n for n in range(50_000)) + b"/>",
    "braces": b'{"version": "https://jsonfeed.org/version/1.1", "items": ' + b"[" * 200_000,
    "tex": b"<rss version='2.0'><channel><item><title>t</title><description>"
    + b"\\frac{\\cite{$a^{b_{" * 20_000 + b"</description></item></channel></rss>",
}  # fmt: skip


@pytest.mark.parametrize("monster", MONSTERS)
def test_no_document_takes_longer_than_its_time(pool, monster):
    begun = time.monotonic()
    found = read(pool, "feed", MONSTERS[monster])
    assert time.monotonic() - begun < 40  # the time for parsing is 4 s; the machine may be busy
    if not isinstance(found, SourceError):
        assert all(len(record.title) <= 500 for record in found.records)


def announcements(count):
    entries = "".join(
        f"<entry><id>oai:arXiv.org:2604.{n:05}v1</id><title>Paper</title></entry>"
        for n in range(1, count + 1)
    )
    return f"<feed xmlns='http://www.w3.org/2005/Atom'><title>x</title>{entries}</feed>".encode()


def test_a_feed_as_long_as_arxiv_allows_is_taken_for_cut(pool):
    found = {n: read(pool, "arxiv", announcements(n)) for n in (FEED_LIMIT - 1, FEED_LIMIT)}
    assert [batch.completeness for batch in found.values()] == ["unknown", "truncated"]


TEXTS = ["a\0b", "x\x1b[31m", "\u202eevil", "🧪 𝔘nicode", "e\u0301", "\ufffe", "ﬁ"]


def test_any_text_of_a_feed_comes_back_from_either_database(pool, engine):
    items = "".join(
        f"<item><title>{text} title {n}</title><link>https://x.example/{n}</link></item>"
        for n, text in enumerate(TEXTS)
    )
    content = f"<rss version='2.0'><channel><title>x</title>{items}</channel></rss>"
    batch = read(pool, "feed", content.encode())
    assert len(batch.records) == len(TEXTS)
    with engine.begin() as connection:
        counts = ingest(connection, source="a", records=batch.records, now=NOON)
        stored = set(connection.scalars(select(tables.papers.c.title)))
    assert counts.rejected == 0
    assert stored == {record.title for record in batch.records}
    assert any("é title" in title for title in stored)
