import json
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON
from scripted import Reply, serving

from digest.app import App
from digest.config import load_config
from digest.errors import UsageError
from digest.model import Completeness, PollStatus
from digest.pipeline.polling import poll_sources
from digest.store import bodies
from digest.store import sources as rows


def papers(*ids, **more):
    found = [{"id": one, "title": f"A paper called {one}"} for one in ids]
    return json.dumps({"papers": found, **more}).encode()


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def make_app(engine):
    def make(*, http=None, limits=None, now=NOON, **sources):
        sections = {
            name: {"kind": "toy_source:source", "allow_private": True, **options}
            for name, options in sources.items()
        }
        overrides = {"sources": sections, "http": http or {}, "limits": limits or {}}
        return App(load_config(overrides=overrides), lambda: now, engine)

    return make


def later(app, **delta):
    moment = app.now() + timedelta(**delta)
    return replace(app, clock=lambda: moment)


def test_a_poll_ingests_and_says_so(web, make_app):
    web.routes["/a"] = Reply(papers("2604.00001", "2604.00002"))
    (report,) = poll_sources(make_app(a={"url": web.url("/a")}))
    assert (report.status, report.records, report.new) == (PollStatus.OK, 2, 2)


def test_one_source_down_leaves_the_others_polled(web, make_app):
    web.routes["/good"] = Reply(papers("2604.00001"))
    web.routes["/spun"] = Reply(b"spin" + b" " * 20_000)
    app = make_app(
        http={"poll_timeout_s": 3, "parse_timeout_s": 1},
        bug={"url": "bug:"},
        down={"url": web.url("/missing")},
        hangs={"url": "hang:"},
        spins={"url": web.url("/spun")},
        good={"url": web.url("/good")},
    )
    found = {report.source: report for report in poll_sources(app)}
    assert found["good"].status is PollStatus.OK
    kinds = {name: report.error_kind for name, report in found.items()}
    assert kinds == {
        "bug": "bug", "down": "http-404", "hangs": "hangs", "spins": "parse-timeout", "good": "",
    }  # fmt: skip


def test_two_runs_poll_once(web, make_app):
    web.routes["/a"] = Reply(papers("2604.00001"))
    app = make_app(a={"url": web.url("/a")})
    poll_sources(app)
    (report,) = poll_sources(app)
    assert (report.status, report.error_kind) == (PollStatus.SKIPPED, "not-due")
    assert len(web.log) == 1


def test_unchanged_is_asked_with_the_exact_validators(web, make_app):
    etag = 'W/"odd \\ one'
    first = Reply(papers("2604.00001"), headers={"ETag": etag, "Last-Modified": "yesterday"})
    web.routes["/a"] = [first, Reply(status=304)]
    app = make_app(a={"url": web.url("/a")})
    poll_sources(app)
    (report,) = poll_sources(later(app, hours=3))
    assert report.status is PollStatus.UNCHANGED
    before, after = web.log
    assert "if-none-match" not in before.headers
    assert after.headers["if-none-match"] == etag
    assert after.headers["if-modified-since"] == "yesterday"


def test_error_midway_keeps_what_came_before_it(web, make_app):
    web.routes["/1"] = Reply(papers("2604.00001"), headers={"ETag": '"x"'})
    app = make_app(a={"urls": [web.url("/1"), web.url("/2")]})
    (report,) = poll_sources(app)
    assert (report.status, report.new) == (PollStatus.FAILED, 1)
    assert report.completeness is Completeness.PARTIAL
    poll_sources(later(app, days=1))
    assert "if-none-match" not in web.asked("/1")[1].headers


def test_next_poll_is_stored_before_the_request(web, make_app):
    app = make_app(a={"url": web.url("/a")})

    def dying(_asked):
        with app.reading() as connection:
            row = rows.load(connection, ["a"])["a"]
        assert row.next_poll_at > NOON
        assert row.lease_owner
        return Reply(papers("2604.00001"))

    web.routes["/a"] = dying
    (report,) = poll_sources(app)
    assert report.status is PollStatus.OK


def test_gone_disables_until_the_owner_enables(web, make_app):
    web.routes["/a"] = Reply(b"gone", 410)
    app = make_app(a={"url": web.url("/a")})
    assert poll_sources(app)[0].error_kind == "gone"
    (report,) = poll_sources(later(app, days=9), force=True)
    assert report.error_kind == "disabled"
    assert len(web.log) == 1


def test_unknown_name_is_a_usage_error(make_app):
    with pytest.raises(UsageError, match="arxvi"):
        poll_sources(make_app(a={"url": "http://127.0.0.1:1/"}), ["arxvi"])


@pytest.fixture
def away(web, make_app):
    """Poll on Tuesday, be away, and come back on Friday morning."""
    web.routes["/day"] = Reply(papers("2604.00001", on="2026-04-14"))
    app = make_app(
        a={
            "kind": "announcing_source:source",
            "url": web.url("/day"),
            "missed_url": web.url("/missed"),
        }
    )
    (report,) = poll_sources(app)
    assert report.completeness is Completeness.CONFIRMED
    web.routes["/day"] = Reply(papers("2604.00009", on="2026-04-17"))
    return later(app, days=3)


def test_missed_days_are_got_back(web, away):
    web.routes["/missed"] = Reply(papers("2604.00002", "2604.00003"))
    (report,) = poll_sources(away)
    assert (report.new, report.completeness) == (3, Completeness.BACKFILLED)
    assert web.log[-1].path == "/missed?since=2026-04-15&until=2026-04-16"
    poll_sources(later(away, hours=2), force=True)
    assert len([one for one in web.log if one.path.startswith("/missed")]) == 1


def test_days_that_cannot_be_got_back_are_named_and_tried_again(web, away):
    (report,) = poll_sources(away)
    assert (report.status, report.new) == (PollStatus.OK, 1)
    assert report.completeness is Completeness.PARTIAL
    assert "2 days since 2026-04-15" in report.error
    web.routes["/missed"] = Reply(papers("2604.00002"))
    (again,) = poll_sources(later(away, hours=2))
    assert again.completeness is Completeness.BACKFILLED


def test_yesterdays_batch_under_todays_date_is_told(web, away):
    web.routes["/day"] = Reply(papers("2604.00001", on="2026-04-17"))
    web.routes["/missed"] = Reply(papers("2604.00005"))
    (report,) = poll_sources(away)
    assert report.completeness is Completeness.BACKFILLED
    assert web.log[-1].path.endswith("until=2026-04-17")


def test_raw_answers_are_pruned_after_their_time(web, make_app):
    web.routes["/a"] = Reply(papers("2604.00001"))
    app = make_app(a={"url": web.url("/a")})
    poll_sources(app)
    with app.reading() as connection:
        assert len(list(bodies.polls_since(connection, NOON))) == 1
    web.routes["/a"] = Reply(papers("2604.00002"))
    poll_sources(later(app, days=31))
    with app.reading() as connection:
        (kept,) = bodies.polls_since(connection, NOON)
        assert b"2604.00002" in bodies.of_poll(connection, kept.row_id)[0].content
