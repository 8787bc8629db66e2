"""Recorded days whose sources fail in every way they know: nothing missed, nothing twice."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import recorded
from lxml import etree
from sqlalchemy import delete, select

from digest.app import open_app
from digest.config import load_config
from digest.pipeline.polling import poll_sources
from digest.store.tables import buckets, events, paper_ids, papers

DAYS = 9
CATEGORIES = ("cs.LG", "cs.CL")
FEEDS = ("google_ai", "ollama", "anthropic_research", "thinkingmachines", "xainews")
FAULTS = (
    "kind=status&code=503&retry_after=2",
    "kind=truncate&frac=0.5",
    "kind=chunked_truncate&frac=0.7",
    "kind=html",
    "kind=empty",
    "kind=badxml",
    "kind=badjson",
    "kind=badgzip",
    "kind=reset&bytes=900",
    "kind=close",
    "kind=arxiv429&ms=5",
    "kind=ctrl",
    "kind=dup",
    "kind=gzip",
    "kind=deflate",
    "kind=chunked",
    "kind=charset&mode=header",
    "kind=charset&mode=bom",
    "kind=content_type&value=text/html",
    "kind=etag_unquoted",
    "kind=etag_flap",
    "kind=stale&days=1",
    "kind=redirect&code=302&to=/generic/atom.xml.gone",
)
PLACES = ("^/atom/", "^/api/daily", "^/feeds/")

pytestmark = [
    pytest.mark.skipif(not recorded.HERE, reason="no recorded days on this machine"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


def control(url, path):
    urllib.request.urlopen(f"{url}/__control/{path}", timeout=5).close()


def break_things(url, hour):
    """Let each source fail in another way at each hour, once or twice, and then be well."""
    control(url, "clear")
    for place, path in enumerate(PLACES):
        fault = FAULTS[(hour * len(PLACES) + place * 7) % len(FAULTS)]
        control(url, f"fault?path={path}&times={1 + hour % 2}&{fault}")


def the_config(tmp_path, url):
    sources = {
        "hf": {"kind": "huggingface", "base_url": url},
        "arxiv": {
            "kind": "arxiv", "base_url": url, "categories": list(CATEGORIES), "backfill": "off",
        },
        **{name: {"kind": "feed", "url": f"{url}/feeds/{name}.xml"} for name in FEEDS},
    }  # fmt: skip
    limits = {name: {"every_s": 0.001} for name in ("arxiv", "huggingface")}
    return load_config(
        overrides={
            "digest": {"data_dir": str(tmp_path / "data")},
            "http": {"allow_private": True},
            "limits": limits,
            "sources": sources,
        }
    )


def expected():
    """Work out from the data what had to be announced: arXiv, Hugging Face, links of feeds."""
    keys, links = set(), set()
    for number in range(DAYS):
        folder = recorded.REPLAY / "days" / (recorded.FIRST + timedelta(number)).date().isoformat()
        if (path := folder / "arxiv.jsonl").exists():
            for line in path.read_text().splitlines():
                event = json.loads(line)
                if event["announce_type"] == "new" and {*CATEGORIES} & {*event["categories"]}:
                    keys.add(f"arxiv:{event['id']}")
        if (path := folder / "hf_daily_papers.json").exists():
            keys |= {f"arxiv:{item['paper']['id']}" for item in json.loads(path.read_text())}
        for name in FEEDS:
            if (path := folder / "feeds" / f"{name}.xml").exists():
                items = etree.parse(path).iter("item")
                links |= {link for item in items if (link := (item.findtext("link") or "").strip())}
    return keys, links


def test_a_fortnight_of_failing_sources_misses_nothing_and_doubles_nothing(tmp_path):
    statuses = Counter()
    with recorded.replaying() as url, open_app(the_config(tmp_path, url)) as app:
        for hour in range(0, DAYS * 24, 3):
            now = recorded.FIRST.replace(hour=6, minute=40) + timedelta(hours=hour)
            recorded.move_to(url, now)
            break_things(url, hour // 3)
            for minutes in (0, 20, 40):  # two faults at most: the third asks a source that is well
                moment = now + timedelta(minutes=minutes)
                reports = poll_sources(replace(app, clock=lambda moment=moment: moment))
                statuses.update(report.status for report in reports)
                with app.writing() as connection:
                    connection.execute(delete(buckets))  # real time has passed, too
        assert statuses["failed"] > DAYS
        assert_whole(app)


def assert_whole(app):
    keys, links = expected()
    assert len(keys) > 1000
    assert len(links) > 60
    with app.reading() as connection:
        rows = connection.execute(select(papers.c.key, papers.c.url, papers.c.new_at)).all()
        stored = {f"{row.scheme}:{row.value}" for row in connection.execute(select(paper_ids))}
        withdrawn = set(connection.scalars(select(papers.c.key).where(papers.c.withdrawn)))
        news = Counter(connection.scalars(select(events.c.paper_id).where(events.c.kind == "new")))
    assert keys - stored == set()
    assert keys - {row.key for row in rows if row.new_at} - withdrawn == set()
    urls = Counter(row.url for row in rows)
    assert links - set(urls) == set()
    assert max(news.values()) == 1
    assert [url for url, count in urls.items() if count > 1] == []
