"""Search: everything stored, in one order, the same on the page, the feed, the API and in print."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from builders import NOON
from lxml import etree
from sqlalchemy import delete, update
from web_builders import store_paper
from web_people import snapshot

from digest.actions import search_index, searching
from digest.actions.search_index import SearchIndex, catch_up
from digest.actions.searching import PAGE_SIZE, find
from digest.cli.main import run
from digest.store.search import Filters
from digest.store.tables import papers

CLOTH = "Robotic manipulation of garments and cloth"
ROBOTS = ("Robots that grasp", "Robots that walk", "Robots that plan", "Robots that listen")


def store(app, number, title, **changes):
    days = changes.pop("days", 0)
    with app.writing() as connection:
        store_paper(
            connection, number, title, changes.pop("category", "cs.RO"), 0,
            NOON - timedelta(days=days), **{"abstract": "", **changes},
        )  # fmt: skip


def keys(text):
    return list(dict.fromkeys(re.findall(r"/paper/(arxiv:[\d.]+)", text)))


def ids(app, text, **options):
    return [entry.paper.row_id for entry in find(app, SearchIndex(app), text, **options).entries]


@pytest.fixture
def crowded(web):
    """Give an old paper that is right, and many newer ones that share a word with the query."""
    store(web.app, 30, CLOTH, days=9)
    for number in range(100, 180):
        store(web.app, number, f"{ROBOTS[number % 4]} in room {number}", category="cs.LG")
    return web


def test_the_right_old_paper_stands_before_all_newer_loose_matches(crowded):
    assert keys(crowded.get("/search?q=ironing shirts with robots").text)[:2] == [
        "arxiv:2604.00002",
        "arxiv:2604.00030",
    ]


def test_the_count_is_true_and_pages_have_no_repeats_or_holes(crowded):
    first = find(crowded.app, SearchIndex(crowded.app), "robots that walk")
    pages = [
        ids(crowded.app, "robots that walk", page=number) for number in range(1, first.pages + 1)
    ]
    together = [one for page in pages for one in page]
    assert len(together) == len(set(together)) == first.total >= 80
    assert [len(page) for page in pages[:-1]] == [PAGE_SIZE] * (first.pages - 1)
    assert f"{first.total} papers" in crowded.get("/search?q=robots that walk").text
    assert ids(crowded.app, "robots that walk", page=first.pages + 1) == []


@pytest.mark.parametrize(
    "filters",
    [
        Filters(category="cs.RO"),
        Filters(source="arxiv-ml"),
        Filters(last_on=NOON.date() - timedelta(days=1)),
        Filters(first_on=NOON.date()),
        Filters(category="cs.LG", first_on=NOON.date(), source="arxiv-ml"),
    ],
    ids=str,
)
def test_filters_keep_the_order(crowded, filters):
    def whole(**options):
        pages = range(1, find(crowded.app, SearchIndex(crowded.app), "robots").pages + 1)
        return [one for page in pages for one in ids(crowded.app, "robots", page=page, **options)]

    kept = set(whole(filters=filters))
    assert kept
    assert whole(filters=filters) == [one for one in whole() if one in kept]
    assert ids(crowded.app, "robots", filters=Filters(source="nobody")) == []


def test_unrelated_papers_never_take_the_best_match_from_the_first_page(web):
    store(web.app, 30, CLOTH, days=9)
    text = "handling clothes"
    before = find(web.app, SearchIndex(web.app), text)
    for number in range(200, 260):
        store(web.app, number, f"Auditing tax law, part {number}", category="econ.TH")
    after = find(web.app, SearchIndex(web.app), text)
    assert before.entries[0].paper.row_id == after.entries[0].paper.row_id == 30
    assert after.total == before.total


def test_page_feed_api_and_command_give_the_same(web_on_both, tmp_path, capsys):
    app = web_on_both.app
    store(app, 30, CLOTH)
    expected = [e.paper.key for e in find(app, SearchIndex(app), "robots iron clothes").entries]
    assert expected[:2] == ["arxiv:2604.00002", "arxiv:2604.00030"]
    asked = "q=robots iron clothes"
    assert keys(web_on_both.get(f"/search?{asked}").text) == expected
    atom = etree.fromstring(web_on_both.get(f"/feeds/search.atom?{asked}").content)
    links = atom.xpath("//a:entry/a:id/text()", namespaces={"a": "http://www.w3.org/2005/Atom"})
    assert [link.rsplit("/", 1)[1] for link in links] == expected
    feed = web_on_both.get(f"/feeds/search.json?{asked}").json()
    assert [item["id"].rsplit("/", 1)[1] for item in feed["items"]] == expected
    config = tmp_path / "digest.toml"
    url = app.engine.url.render_as_string(hide_password=False)
    config.write_text(f'[store]\nurl = "{url}"\n[mail]\nsender = "d@example.org"\n')
    capsys.readouterr()
    assert run(["-c", str(config), "papers", "search", "robots iron clothes", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [entry["paper"]["key"] for entry in told["entries"]] == expected


def test_looking_writes_nothing_and_the_work_does(web_on_both):
    app = web_on_both.app
    before = snapshot(app)
    first = ids(app, "robots")
    web_on_both.get("/search?q=robots")
    assert snapshot(app) == before
    assert catch_up(app) == 5
    assert catch_up(app) == 0
    assert ids(app, "robots") == first


def test_an_index_follows_the_store(web_on_both):
    app, index = web_on_both.app, SearchIndex(web_on_both.app)

    def found(text):
        return [e.paper.row_id for e in find(app, index, text).entries]

    assert found("volcanoes") == []
    store(app, 30, "Volcanoes of Iceland")
    assert found("volcanoes") == [30]
    catch_up(app)
    assert found("volcanoes") == [30]
    with app.writing() as connection:
        connection.execute(
            update(papers).where(papers.c.id == 30).values(title="Kites over harbours")
        )
        connection.execute(update(papers).where(papers.c.id == 1).values(merged_into=2))
    web_on_both.clock.move(minutes=1)
    assert found("volcanoes") == []
    assert found("kites") == [30]
    assert found("proteins") == []
    with app.writing() as connection:
        connection.execute(update(papers).where(papers.c.id == 1).values(merged_into=None))
        connection.execute(delete(papers).where(papers.c.id == 30))
    web_on_both.clock.move(minutes=1)
    assert (found("kites"), found("proteins")) == ([], [1])


def test_a_store_that_nobody_prepared_is_searched_in_parts(web, monkeypatch):
    monkeypatch.setattr(search_index, "MOST_PREPARED", 2)
    index = SearchIndex(web.app)
    sizes = [len(index.current()) for _ in range(4)]
    assert sizes == [2, 4, 5, 5]


def test_quotation_marks_require_and_a_minus_forbids(web_on_both):
    app = web_on_both.app
    store(app, 30, "Proteins fold by diffusion models")
    assert ids(app, "fold proteins")[:2] == [1, 30] or ids(app, "fold proteins")[:2] == [30, 1]
    assert ids(app, '"fold proteins"') == [1]
    assert 1 not in ids(app, 'proteins -"fold proteins"')
    assert ids(app, "robots -shirts") == []
    assert ids(app, "-robots") == []


def test_an_id_in_any_form_finds_its_paper(web):
    for typed in ("2604.00003", "arXiv:2604.00003v2", "https://arxiv.org/abs/2604.00003"):
        assert ids(web.app, typed) == [3]


def test_a_misspelt_word_is_read_as_it_was_meant_and_the_page_says_so(web):
    page = web.get("/search?q=protiens").text
    assert keys(page)[0] == "arxiv:2604.00001"
    assert "No paper has <q>protiens</q>; searched for <q>protein</q>." in page


@pytest.mark.parametrize(
    "text", ["", " ", "the of and", "zzqx vvkq", '"', "-", "\u202e", "a" * 900, "robot " * 150]
)
def test_every_query_is_answered(web, text):
    answer = web.get("/search", params={"q": text})
    assert answer.status_code == 200
    assert len(find(web.app, SearchIndex(web.app), text).query) <= searching.LONGEST_QUERY


def test_nothing_near_is_nothing_found(web):
    assert "Nothing was found" in web.get("/search?q=zzqx vvkq").text
    assert "Nothing was found" in web.get("/search?q=zebras").text


def test_similar_papers_are_the_nearest_in_meaning(web):
    store(web.app, 30, CLOTH)
    page = web.get("/paper/arxiv:2604.00002").text
    assert CLOTH in page.split('id="similar"')[1].split('id="record"')[0]
