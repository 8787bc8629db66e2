"""Catalogues polled into a real store: what is news, and that several of them tell of one paper."""

import json

import pytest
from builders import NOON
from scripted import Reply, serving

from digest.actions import polling
from digest.app import App
from digest.config import load_config
from digest.model import PollStatus
from digest.store import papers

TITLE = "Sleep spindles of field mice slow down in the cold"
DOI = "10.1000/sleep.2026.1"
KINDS = [(1, "1", "new results"), (2, "3", "new results"), (3, "1", "withdrawn")]


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def make_app(engine, web):
    def make(**options):
        common = {"base_url": web.url(), "allow_private": True}
        sections = {kind: {"kind": kind, **common, **more} for kind, more in options.items()}
        limits = {kind: {"every_s": 0.001} for kind in options}
        overrides = {"sources": sections, "limits": limits}
        return App(load_config(overrides=overrides), lambda: NOON, engine)

    return make


def as_json(value):
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"})


def news(app):
    with app.reading() as connection:
        return papers.candidates(connection, window_start=NOON, window_end=NOON.replace(hour=13))


def crossref_item(**more):
    created = {"date-time": "2026-04-13T01:00:00Z"}
    people = [{"given": "Mira", "family": "Okafor"}]
    return {"DOI": DOI, "title": [TITLE], "author": people, "created": created} | more


def test_one_paper_told_by_three_catalogues_is_one_paper(make_app, web):
    web.routes["/works"] = [
        as_json({"status": "ok", "message": {"items": [crossref_item()]}}),
        as_json({"meta": {}, "results": [
            {"id": "https://openalex.org/W7", "doi": f"https://doi.org/{DOI}",
             "display_name": TITLE, "publication_date": "2026-04-12", "cited_by_count": 3}]}),
    ]  # fmt: skip
    web.routes["/esearch.fcgi"] = as_json({"esearchresult": {"count": "1", "idlist": ["7"]}})
    web.routes["/efetch.fcgi"] = Reply(
        "<?xml version='1.0'?><PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>7</PMID>"
        f"<Article><ArticleTitle>{TITLE}.</ArticleTitle><Abstract><AbstractText>Mice sleep."
        f"</AbstractText></Abstract><ELocationID EIdType='doi'>{DOI}</ELocationID></Article>"
        "</MedlineCitation></PubmedArticle></PubmedArticleSet>".encode()
    )
    app = make_app(crossref={"query": "x"}, openalex={"search": "x"}, pubmed={"query": "x"})
    for name in ("crossref", "openalex", "pubmed"):
        (report,) = polling.poll(app, [name])
        assert (report.status, report.rejected) == (PollStatus.OK, 0)
    (paper,) = news(app)
    assert set(paper.sources) == {"crossref", "openalex", "pubmed"}
    assert (paper.key, paper.abstract) == (f"doi:{DOI}", "Mice sleep.")
    with app.reading() as connection:
        known = papers.by_key(connection, [f"doi:{DOI}", "pmid:7", "openalex:W7"])
    assert {one.row_id for one in known.values()} == {paper.row_id}
    assert len(known) == 3


def test_an_archive_that_a_publisher_registers_is_no_news(make_app, web):
    old = crossref_item(issued={"date-parts": [[1987]]})
    web.routes["/works"] = as_json({"status": "ok", "message": {"items": [old]}})
    app = make_app(crossref={"query": "x"})
    assert polling.poll(app)[0].new == 1
    assert news(app) == ()


def test_of_preprints_only_first_versions_are_news(make_app, web):
    posted = [
        {
            "doi": f"10.64898/2026.04.10.70000{n}",
            "title": f"{TITLE}, part {n}",
            "date": "2026-04-13",
            "version": version,
            "type": kind,
        }
        for n, version, kind in KINDS
    ]
    first = as_json({"messages": [{"status": "ok", "total": "3"}], "collection": posted})
    last = as_json({"messages": [{"status": "no posts found"}], "collection": []})
    web.reply = lambda asked: first if "/0/json" in asked.path else last
    app = make_app(biorxiv={})
    polling.poll(app)
    assert [paper.key for paper in news(app)] == ["doi:10.64898/2026.04.10.700001"]
    (again,) = polling.poll(app, force=True)
    assert (again.new, again.revised) == (0, 0)


def test_a_page_that_fails_keeps_the_pages_before_it_and_asks_for_all_again(make_app, web):
    def page(start, count):
        numbers = range(start, start + count)
        found = [crossref_item(DOI=f"10.1000/{n}", title=[f"Paper {n}"]) for n in numbers]
        return as_json({"status": "ok", "message": {"items": found, "next-cursor": "more"}})

    web.routes["/works"] = [page(0, 200), Reply(b"oops", 500), page(0, 200), page(200, 3)]
    app = make_app(crossref={"query": "x"})
    (report,) = polling.poll(app)
    assert (report.status, report.new, report.completeness) == (PollStatus.FAILED, 200, "partial")
    (report,) = polling.poll(app, force=True)
    assert (report.status, report.new) == (PollStatus.OK, 3)
