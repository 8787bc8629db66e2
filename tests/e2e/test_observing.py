import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from builders import NOON, a_record
from scripted import Reply, serving
from sqlalchemy import insert, select

from digest.actions import observing
from digest.app import App, open_app
from digest.cli.main import run
from digest.config import load_config
from digest.errors import UsageError
from digest.model import Link
from digest.store import papers, signals, sources, tables
from digest.store.ingest import ingest


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def make_app(engine, web):
    def make(*kinds, sources=None, **section):
        urls = dict.fromkeys(
            ("hackernews_url", "github_url", "semanticscholar_url", "openalex_url"), web.url()
        )
        lists = {"kind": "huggingface", "base_url": web.url()}
        overrides = {
            "signals": {"kinds": list(kinds), "enrich": False, **urls, **section},
            "sources": {"hf": lists, **(sources or {})},
            "http": {"allow_private": True},
            "limits": {name: {"every_s": 0.001} for name in LIMITED},
        }
        return App(load_config(overrides=overrides), lambda: NOON, engine)

    return make


LIMITED = ("huggingface", "hackernews", "github", "semanticscholar", "openalex", "arxiv")


def as_json(value, **more):
    return Reply(json.dumps(value).encode(), headers={"Content-Type": "application/json"}, **more)


def seen(app, *records, source="hf", kind="huggingface", at=NOON):
    with app.writing() as connection:
        sources.ensure(connection, {source: kind})
        found = [replace(record, source=source) for record in records]
        return ingest(connection, source=source, records=found, now=at).new_ids


def later(app, **delta):
    moment = app.now() + timedelta(**delta)
    return replace(app, clock=lambda: moment)


def values(app, paper_id):
    with app.reading() as connection:
        history = signals.history(connection, [paper_id]).get(paper_id, ())
    return [(one.kind, one.value) for one in history]


def stories(*hits):
    found = [
        {"objectID": str(n), "url": url, "points": points, "num_comments": 3, "created_at_i": 1}
        for n, (url, points) in enumerate(hits)
    ]
    return as_json({"hits": found})


def test_votes_of_listed_papers_are_asked_for_by_day(make_app, web):
    app = make_app("huggingface")
    one, other = seen(app, a_record(1), a_record(2))
    listed = [{"paper": {"id": "2604.00001", "title": "Paper", "upvotes": 7}, "numComments": 2}]
    web.routes["/api/daily_papers"] = as_json(listed)
    (report, _) = observing.observe(app)
    assert (report.asked, report.found, report.error) == (2, 1, "")
    assert values(app, one) == [("hf_comments", 2.0), ("hf_upvotes", 7.0)]
    assert values(app, other) == []
    assert len(web.log) == 1


def test_a_paper_is_not_looked_at_again_before_its_time(make_app, web):
    app = make_app("hackernews")
    seen(app, a_record(1))
    web.reply = lambda _asked: stories()
    observing.observe(app)
    asked = len(web.log)
    observing.observe(later(app, hours=2))
    assert len(web.log) == asked
    observing.observe(later(app, hours=3, minutes=1))
    assert len(web.log) > asked
    observing.observe(later(app, days=15))
    assert len(web.log) == 2 * asked


def test_points_go_to_the_paper_whose_id_is_in_the_address(make_app, web):
    app = make_app("hackernews")
    one, other = seen(app, a_record(1), a_record(2))
    hits = stories(
        ("https://arxiv.org/pdf/2604.00001v2.pdf", 40), ("https://arxiv.org/abs/2604.00001", 90),
        ("https://arxiv.org/abs/2604.99999", 500), ("https://arxiv.example.com/2604.00002", 9),
        (None, 8),
    )  # fmt: skip
    web.reply = lambda _asked: hits
    observing.observe(app, ["hackernews"])
    assert values(app, one) == [("hn_comments", 3.0), ("hn_points", 90.0)]
    assert values(app, other) == []


def test_more_than_a_thousand_stories_are_read_window_by_window(make_app, web):
    app = make_app("hackernews")
    seen(app, a_record(1))

    def reply(asked):
        query = {name: found[0] for name, found in parse_qs(urlsplit(asked.path).query).items()}
        if query["query"] != "arxiv.org":
            return stories()
        start = 5000 if "<" not in query["numericFilters"] else 10
        count = 1000 if start == 5000 else 3
        return as_json({"hits": [{"created_at_i": start + n} for n in range(count)]})

    web.reply = reply
    observing.observe(app, ["hackernews"])
    windows = [parse_qs(urlsplit(one.path).query)["numericFilters"][0] for one in web.log]
    assert any(window.endswith(",created_at_i<5000") for window in windows)
    assert len(web.log) == 6


def code(number, url):
    return a_record(number, links=(Link(kind="code", url=url),))


def test_stars_are_asked_for_one_by_one_and_a_missing_repository_stops_nobody(make_app, web):
    app = make_app("github")
    gone, one = seen(
        app, code(1, "https://github.com/Ada/Gone"), code(2, "https://github.com/ada/it.git")
    )
    web.routes["/repos/ada/it"] = as_json({"full_name": "ada/renamed", "stargazers_count": 12})
    (report, _) = observing.observe(app)
    assert (report.found, report.error) == (1, "")
    assert values(app, one) == [("github_stars", 12.0)]
    assert values(app, gone) == []


def test_with_a_token_stars_come_in_one_request(make_app, web):
    app = make_app("github", github_token="s3cret")
    one, two = seen(app, code(1, "https://github.com/a/b"), code(2, "https://github.com/a/c/tree"))

    def graphql(asked):
        query = json.loads(asked.body)["query"]
        order = sorted((query.index(f'"{name}"'), name) for name in ("b", "c"))
        stars = {"b": {"stargazerCount": 3}, "c": None}
        data = {f"r{n}": stars[name] for n, (_, name) in enumerate(order)}
        return as_json({"data": data, "errors": [{"type": "NOT_FOUND"}]})

    web.routes["/graphql"] = graphql
    observing.observe(app, ["github"])
    assert (values(app, one), values(app, two)) == ([("github_stars", 3.0)], [])
    assert web.log[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("catalogue", ["semanticscholar", "openalex"])
def test_citations_come_from_the_catalogue_that_is_configured(make_app, web, catalogue):
    app = make_app("citations", citations_from=catalogue)
    (one,) = seen(app, a_record(1))
    web.routes["/graph/v1/paper/batch"] = as_json(
        [{"title": "P", "citationCount": 5, "externalIds": {"CorpusId": 1, "ArXiv": "2604.00001"}}]
    )
    work = {
        "id": "https://openalex.org/W1", "display_name": "P", "cited_by_count": 5,
        "doi": "https://doi.org/10.48550/arxiv.2604.00001",
    }  # fmt: skip
    web.routes["/works"] = as_json({"meta": {}, "results": [work]})
    observing.observe(app, ["citations"])
    assert values(app, one) == [("citations", 5.0)]


def test_a_failure_is_one_observers_alone_and_made_good_soon(make_app, web):
    app = make_app("huggingface", "citations")
    (one,) = seen(app, a_record(1))
    web.routes["/api/daily_papers"] = [Reply(b"<html>oops</html>", 200), as_json([])]
    web.routes["/graph/v1/paper/batch"] = as_json([None])
    found = {report.observer: report for report in observing.observe(app)}
    assert found["huggingface"].error_kind == "not-json"
    assert found["citations"].error == ""
    again = {report.observer: report for report in observing.observe(later(app, hours=1))}
    assert (again["huggingface"].asked, again["citations"].asked) == (1, 0)
    assert values(app, one) == []


def test_what_readers_here_mark_or_save_is_a_signal(make_app, web):
    app = make_app()
    one, _ = seen(app, a_record(1), a_record(2))
    with app.writing() as connection:
        for number, kinds in enumerate([("more", "saved"), ("more",), ("less",)]):
            address = f"{number}@example.org"
            reader = {"address": address, "address_key": address, "status": "confirmed"}
            query = insert(tables.subscribers).values(**reader, created_at=NOON)
            who = connection.execute(query).inserted_primary_key[0]
            for kind in kinds:
                said = {"subscriber_id": who, "paper_id": one, "kind": kind, "at": NOON}
                connection.execute(insert(tables.feedback).values(**said))
    observing.observe(app)
    assert values(app, one) == [("local_votes", 2.0)]


API = """<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"
 xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:o="http://a9.com/-/spec/opensearch/1.1/">
 <o:totalResults>1</o:totalResults><entry><id>http://arxiv.org/abs/2604.00001v2</id>
 <title>{title}</title><summary>Long.</summary><published>2026-04-13T00:00:00Z</published>
 <updated>2026-04-13T00:00:00Z</updated><author><name>Ada Lovelace</name></author>
 <arxiv:comment>12 pages</arxiv:comment></entry></feed>"""


def enriching(make_app, web):
    archive = {"kind": "arxiv", "categories": ["cs.LG"], "api_url": web.url()}
    return make_app(enrich=True, local_votes=False, sources={"archive": archive})


def test_a_source_adds_what_it_knows_without_having_announced_it(make_app, web):
    app = enriching(make_app, web)
    record = a_record(1)
    (one,) = seen(app, record)
    web.routes["/api/query"] = Reply(API.format(title=record.title).encode())
    reports = {report.observer: report for report in observing.observe(app)}
    assert (reports["enrich:archive"].asked, reports["enrich:archive"].found) == (1, 1)
    with app.reading() as connection:
        paper = papers.load(connection, [one])[one]
        kinds = connection.scalars(select(tables.events.c.kind)).all()
    assert (paper.comment, paper.sources) == ("12 pages", ("hf",))
    assert kinds.count("new") == 1
    observing.observe(later(app, days=1))
    assert len(web.asked("/api/query")) == 1


def test_an_answer_about_another_paper_is_not_taken_in(make_app, web):
    app = enriching(make_app, web)
    (one,) = seen(app, a_record(1))
    web.routes["/api/query"] = Reply(API.format(title="Cooking with sea weed").encode())
    (report,) = observing.observe(app, ["enrich:archive"])
    assert (report.asked, report.found) == (1, 0)
    with app.reading() as connection:
        assert papers.load(connection, [one])[one].comment == ""
        assert connection.scalars(select(tables.papers.c.id)).all() == [one]


def test_an_observer_that_is_not_configured_is_named(make_app):
    with pytest.raises(UsageError, match="there is no observer 'github'"):
        observing.observe(make_app("huggingface"), ["github"])


def test_the_command_fails_where_an_observer_does(web, tmp_path, capsys):
    path = tmp_path / "digest.toml"
    path.write_text(
        '[signals]\nkinds = ["huggingface"]\n[http]\nallow_private = true\n'
        f'[sources.hf]\nkind = "huggingface"\nbase_url = "{web.url()}"\n'
    )
    now = ["--config", str(path), "--now", NOON.isoformat()]
    assert run([*now, "signals", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["observer"] for one in found] == ["huggingface", "votes"]
    with open_app(load_config(path), now=NOON) as app:
        seen(app, a_record(1))
    assert run([*now, "signals", "--json"]) == 1
    assert "404" in json.loads(capsys.readouterr().out)[0]["error"]
