"""The fast reader of feeds gives what feedparser gives, or leaves the feed to it."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from builders import NOON
from corpus import SHARED
from feedparser.api import StrictFeedParser
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.errors import SourceError
from digest.sources import Body, _fastfeed, _feednames, _feedparser
from digest.sources._entries import FeedDocument, read_feed, without_controls

GOLDEN = Path(__file__).parents[1] / "golden"
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:atom="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom"'
)
ITEM = """<item><title>On {0} &amp; more</title><link>https://x.example/{0}</link>
<guid isPermaLink="false">post-{0}</guid><pubDate>Tue, 14 Apr 2026 08:00:00 GMT</pubDate>
<dc:creator>Ada Lovelace, Émilie du Châtelet</dc:creator><category>maths</category>
<description>&lt;p&gt;About {0}, $x&lt;y$.&lt;/p&gt;</description>
<content:encoded><![CDATA[<p>All about <i>{0}</i></p>]]></content:encoded>
<media:thumbnail url="https://x.example/{0}.png"/></item>"""
ENTRY = """<entry><id>https://x.example/{0}</id><title type="html">On &lt;i&gt;{0}&lt;/i&gt;</title>
<link href="https://x.example/{0}" rel="alternate"/><link rel="enclosure" href="/{0}.pdf"/>
<published>2026-04-14T08:00:00Z</published><updated>2026-04-14T09:00:00Z</updated>
<author><name>Ada Lovelace</name><uri>https://ada.example/</uri></author>
<author><name>Émilie du Châtelet</name></author><category term="maths" label="Maths"/>
<summary>If $x&lt;y$ and so on</summary>
<content type="html">&lt;p&gt;All&lt;/p&gt;</content></entry>"""


def rss(*items: str, head: str = "<title>Blog</title><link>https://x.example/</link>") -> bytes:
    channel = f"<channel>{head}{''.join(items)}</channel>"
    return f'<?xml version="1.0"?>\n<rss version="2.0" {NAMESPACES}>{channel}</rss>'.encode()


def atom(*entries: str, head: str = "<title>Blog</title><id>urn:blog</id>") -> bytes:
    found = (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">{head}{"".join(entries)}</feed>'
    )
    return f'<?xml version="1.0" encoding="utf-8"?>{found}'.encode()


def both(content: bytes, content_type: str = "application/xml") -> tuple[FeedDocument | None, ...]:
    """Read with both; None where the reader leaves it or raises."""
    url = "https://x.example/feeds/all.xml"
    body = Body(url=url, content=content, content_type=content_type, fetched_at=NOON)
    kept = without_controls(content)
    fast = _fastfeed.read(body, kept.lstrip(b"\xef\xbb\xbf \t\r\n"))
    try:
        return fast, _feedparser.read("x", body, kept)
    except SourceError:
        return fast, None


@pytest.mark.parametrize(
    "content",
    [
        rss(ITEM.format("sets"), ITEM.format("groups")),
        rss(),
        rss(ITEM.format("x"), head="<title>A</title><image><url>u</url><title>B</title></image>"),
        rss("<item><guid>https://x.example/1</guid><title>Only a guid</title></item>"),
        rss("<item><title>T</title><link>/relative?a=1&amp;b=2</link></item>"),
        atom(ENTRY.format("sets"), ENTRY.format("groups")),
        atom("<entry><title>No link</title><id>oai:arXiv.org:2604.00001v1</id></entry>"),
    ],
)
def test_usual_feeds_are_read_fast_and_alike(content):
    fast, slow = both(content)
    assert fast is not None
    assert fast == slow


@pytest.mark.parametrize(
    "content",
    [
        b"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY a 'b'>]>" + rss()[22:],
        rss(ITEM.format("x")).replace(b"</item>", b"<title>Again</title></item>"),
        rss(ITEM.format("&lt;b&gt;x&lt;/b&gt;")),
        rss("<item><title>T</title><pubDate>14 avril 2026</pubDate></item>"),
        rss("<item><title>T<b>bold</b></title></item>"),
        rss(ITEM.format("x"))[:-20],
        rss(ITEM.format("\x85")),
        atom("<entry><title type='xhtml'><div>T</div></title></entry>"),
        atom(ENTRY.format("x")).replace(b"<entry>", b"<entry xml:base='https://y.example/'>"),
        atom(ENTRY.format("x")).replace(b"utf-8", b"iso-8859-1"),
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>",
    ],
)
def test_anything_unusual_is_left_to_feedparser(content):
    assert both(content)[0] is None


def test_feedparser_reads_what_the_fast_reader_leaves():
    content = rss(ITEM.format("x").replace("<title>", "<title>&lt;b&gt;Bold&lt;/b&gt; "))
    document = read_feed("x", Body(url="https://x.example/", content=content, fetched_at=NOON))
    assert document.entries[0].title.markup


TEXT = st.text(
    st.sampled_from("ab <>&;\"'$\\xé€Ã©\u0085\u2028ß\n漢 ]"), max_size=12
) | st.sampled_from(
    ["<p>x</p>", "&amp;lt;", "&eacute;", "a@x.example", "Ada (ada@x.example)", "A, B", "Ã©", "-1"]
)
URL = st.sampled_from(
    ["https://x.example/1", "//y.example/", "/p?a=1&b=2", "a b", "http:///x", "urn:1", "", "&x;"]
)
DATE = st.sampled_from(
    ["2026-04-14", "Tue, 14 Apr 2026 08:00:00 GMT", "2026-04-14T08:00:00+02:00", "soon", "", "0001"]
)
NAMES = """
    title link guid id description summary content author category pubDate published updated
    rights comments dc:creator dc:subject dc:identifier dc:rights dc:date content:encoded
    media:thumbnail media:content media:title atom:link atom:updated arxiv:announce_type
    arxiv:x enclosure source name
"""
ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from(
            ["type", "rel", "href", "isPermaLink", "term", "scheme", "domain", "url", "xml:lang"]
        ),
        st.one_of(URL, st.sampled_from(["html", "text", "self", "true", "false", "image/png"])),
    ),
    max_size=2,
    unique_by=lambda pair: pair[0],
)


@st.composite
def elements(draw, depth=0):
    name = draw(st.sampled_from(NAMES.split()))
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in draw(ATTRIBUTES))
    text = draw(st.one_of(TEXT, URL, DATE))
    form = draw(st.integers(0, 9))
    inner = f"<![CDATA[{text.replace(']]', '')}]]>" if form == 0 else escape(text)
    if form == 1 and not depth:
        inner = "".join(draw(st.lists(elements(depth=1), max_size=2)))
    if form == 2:
        inner += "<!-- a comment -->more"
    return f"<{name}{attributes if form > 5 else ''}>{inner}</{name}>"


@settings(max_examples=300, deadline=None)
@given(
    parts=st.lists(elements(), max_size=5),
    head=st.lists(elements(), max_size=2),
    is_atom=st.booleans(),
    kind=st.sampled_from(["", "application/xml", "text/xml", "text/html; charset=utf-8"]),
)
def test_made_up_feeds_are_read_alike_or_left(parts, head, is_atom, kind):
    if is_atom:
        content = atom(f"<entry>{''.join(parts)}</entry>", head="".join(head))
        content = content.replace(b" xml:lang", f" {NAMESPACES} xml:lang".encode(), 1)
    else:
        content = rss(f"<item>{''.join(parts)}</item>", head="".join(head))
    fast, slow = both(content, kind)
    assert fast is None or fast == slow


def recorded(*folders: str) -> list[Path]:
    found = {p for f in folders for p in (SHARED / f).rglob("*") if p.suffix in (".xml", ".rss")}
    return sorted(found)


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.xml")), ids=lambda p: p.name)
def test_golden_feeds_are_read_alike_or_left(path):
    fast, slow = both(path.read_bytes())
    assert fast is None or fast == slow


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "replay").is_dir(), reason="no recorded feeds on this machine")
def test_recorded_feeds_are_read_alike_and_mostly_fast():
    read = 0
    paths = recorded("replay/days", "replay/samples")
    for path in paths:
        fast, slow = both(path.read_bytes())
        assert fast is None or fast == slow, path.name
        read += fast is not None
    assert read > 0.9 * len(paths)


@pytest.mark.slow
@pytest.mark.skipif(not (SHARED / "payloads").is_dir(), reason="no payloads on this machine")
@pytest.mark.parametrize("kind", ["", "text/xml"])
def test_nasty_feeds_are_read_alike_or_left(kind):
    for path in sorted((SHARED / "payloads").rglob("*")):
        if path.is_file() and path.stat().st_size < 400_000:
            fast, slow = both(path.read_bytes(), kind)
            assert fast is None or fast == slow, path.name


def test_names_are_those_of_the_installed_feedparser():
    methods = [name for name in dir(StrictFeedParser) if name.startswith(("_start_", "_end_"))]
    assert {name.split("_", 2)[2] for name in methods} == _feednames.ELEMENTS
    assert StrictFeedParser.namespaces == _feednames.NAMESPACES
