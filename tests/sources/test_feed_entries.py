"""Entries of feeds: what names them, what their dates, links and texts become."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from builders import NOON

from digest.errors import SourceError
from digest.sources import Body
from digest.sources.feed import source


def batch(*items, name="blog"):
    content = (
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>x</title>'
        f"<link>https://x.example/</link>{''.join(items)}</channel></rss>"
    ).encode()
    body = Body(url="https://x.example/feed", content=content, fetched_at=NOON)
    return source(name, {"url": "https://x.example/feed"}).parse(body)


def item(title="A title", link="https://x.example/1", guid="", **more):
    named = f"<guid isPermaLink='false'>{guid}</guid>" if guid else ""
    rest = "".join(f"<{tag}>{text}</{tag}>" for tag, text in more.items())
    return f"<item><title>{title}</title><link>{link}</link>{named}{rest}</item>"


def names(*items):
    return [record.native_id for record in batch(*items).records]


def test_an_entry_that_stands_twice_keeps_its_name():
    one, two = item(guid="a"), item("Another", "https://x.example/2", "b")
    assert names(one, two, one, two) == names(one, two) == ["a", "b"]


def test_one_guid_on_all_entries_swallows_none():
    items = [item(f"Post {n}", f"https://x.example/{n}", "same") for n in range(50)]
    assert len(set(names(*items))) == 50


def test_one_guid_and_one_address_on_all_entries_swallow_none():
    items = [item(f"Release {n}", "https://x.example/", "same") for n in range(20)]
    assert len(set(names(*items))) == 20


def test_names_do_not_depend_on_the_order():
    items = [item(f"Post {n}", f"https://x.example/{n % 7}", f"g{n % 5}") for n in range(30)]
    assert set(names(*items)) == set(names(*reversed(items)))


def test_entries_without_guid_are_named_by_their_address():
    assert names(item(link="https://x.example/9")) == ["https://x.example/9"]


@pytest.mark.parametrize("broken", [b"\xe2\x80", b"\xed\xa0\x80", b"\xff", b"\xe9"])
def test_one_broken_letter_leaves_all_others_whole(broken):
    words = "Café – naïve Ångström"
    content = (
        f"<rss version='2.0'><channel><title>x</title><item><title>{words}</title>"
        f"<link>https://x.example/1</link></item><item><title>Broken @</title>"
        f"<description>{words}</description></item></channel></rss>"
    ).encode()
    body = Body(url="x", content=content.replace(b"@", broken), fetched_at=NOON)
    one, other = source("blog", {"url": "https://x.example/feed"}).parse(body).records
    assert (one.title, other.abstract) == (words, words)


def test_latin_letters_that_say_they_are_utf_8_are_read_as_latin():
    content = "<rss version='2.0'><channel><item><title>Café</title></item></channel></rss>"
    body = Body(url="x", content=content.encode("latin-1"), fetched_at=NOON)
    (record,) = source("blog", {"url": "https://x.example/feed"}).parse(body).records
    assert record.title == "Café"


def keys(*items):
    return [(record.key, *record.asserted_ids) for record in batch(*items).records]


def test_a_site_that_moves_to_https_brings_nothing_again():
    (old,) = keys(item(link="http://www.x.example/1/", guid="http://www.x.example/1/"))
    (new,) = keys(item(link="https://x.example/1", guid="https://x.example/1"))
    assert old == new == ("feed:blog/x.example/1",)


def test_an_entry_that_is_given_a_guid_claims_to_be_the_one_of_its_address():
    (before,) = keys(item(link="https://x.example/1"))
    (after,) = keys(item(link="https://x.example/1", guid="post-1"))
    assert before == ("feed:blog/x.example/1",)
    assert after == ("feed:blog/post-1", "feed:blog/x.example/1")


def test_an_address_that_many_entries_lead_to_is_no_entrys_own():
    found = keys(*[item(f"Release {n}", "https://x.example/news", f"r{n}") for n in range(3)])
    assert found == [(f"feed:blog/r{n}",) for n in range(3)]
    assert keys(item(link="https://x.example/", guid="a")) == [("feed:blog/a",)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tue, 14 Apr 2026 08:00:00 GMT", datetime(2026, 4, 14, 8, tzinfo=UTC)),
        ("Tue, 14 Apr 2026 08:00:00 +0530", datetime(2026, 4, 14, 2, 30, tzinfo=UTC)),
        ("2026-04-14T08:00:00+02:00", datetime(2026, 4, 14, 6, tzinfo=UTC)),
        ("14 Apr 26 08:00 GMT", datetime(2026, 4, 14, 8, tzinfo=UTC)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        ("99999999999999999999", None),
        ("2026-13-45", None),
    ],
)
def test_dates_are_read_or_left_out(written, read):
    (record,) = batch(item(pubDate=written)).records
    assert record.published_at == read


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("javascript:alert(1)", "https://x.example/"),
        ("data:text/html,x", "https://x.example/"),
        ("//y.example/p", "https://y.example/p"),
        ("/p?a=1&amp;b=2", "https://x.example/p?a=1&b=2"),
        ("https://me:secret@x.example/p", "https://x.example/p"),
        ("https://x.example/a b", "https://x.example/a%20b"),
        ("ftp://x.example/p", "https://x.example/"),
    ],
)
def test_only_web_addresses_become_links(written, kept):
    (record,) = batch(item(link=written, guid="a")).records
    assert record.url == kept


@pytest.mark.parametrize("tag", ["title", "description"])
def test_what_only_looks_like_markup_is_kept(tag):
    text = "if $x&lt;y$ and $p &lt; 0.05$ then &lt;/Think&gt; of &lt;100LOC"
    other = "description" if tag == "title" else "title"
    shown = batch(f"<item><guid>a</guid><{other}>T</{other}><{tag}>{text}</{tag}></item>").records[
        0
    ]
    assert all(part in f"{shown.title} {shown.abstract}" for part in ("x<y", "0.05", "<100LOC"))


def test_scripts_controls_and_bidi_marks_do_not_come_through():
    bad = "a&lt;script&gt;alert(1)&lt;/script&gt;b \u202emoc.live\u200b &#x85; end"
    (record,) = batch(item(bad, guid="a", description=bad)).records
    for text in (record.title, record.abstract):
        assert "alert" not in text
        assert not set("\u202e\u200b\x85") & set(text)


@pytest.mark.parametrize(
    "content",
    [
        b"<rss version='2.0'><channel><title>a</b></channel></rss>",
        b"<rss version='2.0'><channel><title>a</title><broken></channel></rss>",
        b"<feed xmlns='http://www.w3.org/2005/Atom'><title>a</titel></feed>",
    ],
)
def test_a_malformed_feed_without_entries_is_no_quiet_day(content):
    with pytest.raises(SourceError) as caught:
        source("f", {"url": "http://x.example/"}).parse(
            Body(url="http://x.example/", content=content, fetched_at=NOON)
        )
    assert caught.value.kind == "malformed"


CITATION = "J Kernels. 2026 Apr 13;12(3):45-50. doi: 10.1000/kernels.1. Online ahead of print."
FRAMED = (
    f"<div><p>{CITATION}</p><p><b>ABSTRACT</b></p><p>We fuse kernels on the ice.</p>"
    "<p>PMID:<a href='https://pubmed.ncbi.nlm.nih.gov/1/'>1</a> | DOI:10.1000/kernels.1</p></div>"
)


def content_of(text):
    namespace = "http://purl.org/rss/1.0/modules/content/"
    return f'<c:encoded xmlns:c="{namespace}"><![CDATA[{text}]]></c:encoded>'


@pytest.mark.parametrize(
    ("summary", "content", "abstract"),
    [
        (CITATION, FRAMED, "We fuse kernels on the ice."),
        (CITATION, "", ""),
        ("Volume 12, Issue 3, April 2026, Page 1-20.", "", ""),
        ("Journal of Kernels, EarlyView.", "", ""),
        ("We fuse ker…", "<p>We fuse kernels on the ice.</p>", "We fuse kernels on the ice."),
        ("A whole summary.", "<p>A long post about other things.</p>", "A whole summary."),
        ("", "<p>Only the content.</p>", "Only the content."),
    ],
)
def test_the_abstract_is_the_best_text_and_not_the_first(summary, content, abstract):
    one = f"<item><title>T</title><link>https://x.example/1</link><description>{summary}" + (
        f"</description>{content_of(content)}</item>"
    )
    assert batch(one).records[0].abstract == abstract


@pytest.mark.parametrize(
    ("creators", "expected"),
    [
        (["Lovelace, A., Turing, K."], ["A. Lovelace", "K. Turing"]),
        (["Lovelace, Ada; Turing, Karl"], ["Ada Lovelace", "Karl Turing"]),
        (["Lovelace, Ada"], ["Ada Lovelace"]),
        (["Lovelace, A. K."], ["A. K. Lovelace"]),
        (["van der Berg, Eve"], ["Eve van der Berg"]),
        (["Lovelace, Ada, Turing, Karl"], ["Ada Lovelace", "Karl Turing"]),
        (["Lovelace, A. and Turing, K."], ["A. Lovelace", "K. Turing"]),
        (["Ada Lovelace, Karl Turing"], ["Ada Lovelace", "Karl Turing"]),
        (["Ada Lovelace"], ["Ada Lovelace"]),
        (["Lovelace, Ada", "Turing, Karl"], ["Ada Lovelace", "Karl Turing"]),
        (["Ada Lovelace, Jr.", "Karl Turing"], ["Ada Lovelace, Jr.", "Karl Turing"]),
    ],
)
def test_commas_stand_between_names_or_within_them(creators, expected):
    one = item().replace("</item>", "") + "".join(
        f"<dc:creator>{name}</dc:creator>" for name in creators
    )
    assert [a.name for a in batch(f"{one}</item>").records[0].authors] == expected


@pytest.mark.parametrize("order", [1, -1])
def test_the_venue_is_the_journal_and_not_the_citation(order):
    fields = [
        "<dc:source>Nature, Published online: 13 April 2026; doi:10.1038/x</dc:source>",
        '<p:publicationName xmlns:p="http://prismstandard.org/namespaces/basic/2.0/">Nature'
        "</p:publicationName>",
    ]
    both = item().replace("</item>", "".join(fields[::order]) + "</item>")
    alone = item().replace("</item>", fields[0] + "</item>")
    assert [batch(one).records[0].venue for one in (both, alone)] == ["Nature", "Nature"]


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("R&D and AT&T in the Q&A lab", "R&D and AT&T in the Q&A lab"),
        ("R&amp;D & AT&T", "R&D & AT&T"),
        ("<![CDATA[R&D and AT&T]]> again & again", "R&D and AT&T again & again"),
    ],
)
def test_bare_ampersands_gain_no_signs(written, title):
    (record,) = batch(item(written, link="https://x.example/?a=1&b=2")).records
    assert (record.title, record.url) == (title, "https://x.example/?a=1&b=2")


@pytest.mark.parametrize(
    "prolog",
    [
        "<!-- no <html> here -->",
        "<?x <html>?>",
        f"<!--{'x' * 9000}<html>-->",
        "\n <!-- a --><!-- <body> -->\n",
    ],
)
def test_a_comment_makes_no_web_page(prolog):
    content = f'{prolog}<rss version="2.0"><channel><title>x</title>{item()}</channel></rss>'
    body = Body(url="https://x.example/feed", content=content.encode(), fetched_at=NOON)
    assert len(source("a", {"url": "https://x.example/feed"}).parse(body).records) == 1


def test_a_publishers_list_of_facts_is_no_abstract():
    facts = (
        "&lt;p&gt;Publication date: April 2026&lt;/p&gt;&lt;p&gt;&lt;b&gt;Source:&lt;/b&gt; "
        "Journal of Kernels, Volume 12&lt;/p&gt;&lt;p&gt;Author(s): Ada Lovelace, Karl Turing"
        "&lt;/p&gt;"
    )
    (record,) = batch(item(description=facts)).records
    assert [author.name for author in record.authors] == ["Ada Lovelace", "Karl Turing"]
    assert (record.abstract, record.venue) == ("", "Journal of Kernels")
    assert record.published_at == datetime(2026, 4, 1, tzinfo=UTC)
