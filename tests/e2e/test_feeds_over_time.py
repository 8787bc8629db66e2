"""One source over days: sites that move, guids that change, redirects, clocks, slow-downs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON
from scripted import Reply, serving
from sqlalchemy import select

from digest.app import App, system_clock
from digest.config import load_config
from digest.model import PollStatus
from digest.pipeline.polling import poll_sources
from digest.store import sources as rows
from digest.store import tables

PAGE = Reply(b"<!DOCTYPE html><html><title>Please log in</title></html>")


@pytest.fixture
def web():
    with serving() as script:
        yield script


def an_app(engine, **sources):
    sections = {
        name: {"kind": "feed", "allow_private": True, **options}
        for name, options in sources.items()
    }
    config = load_config(overrides={"sources": sections, "digest": {"data_dir": "."}})
    return App(config, lambda: NOON, engine)


def polled(app, *, force=True, **delta):
    moment = NOON + timedelta(**delta)
    return poll_sources(replace(app, clock=lambda: moment), force=force)


def feed(*items):
    def guided(guid):
        return f"<guid isPermaLink='false'>{guid}</guid>" if guid else ""

    found = "".join(
        f"<item><title>{title}</title><link>{link}</link>{guided(guid)}</item>"
        for title, link, guid in items
    )
    return Reply(f'<rss version="2.0"><channel><title>x</title>{found}</channel></rss>'.encode())


POSTS = [(f"A careful post called {n}", f"http://www.x.example/{n}/", "") for n in range(5)]


@pytest.mark.parametrize(
    "posts",
    [
        [(title, link.replace("http://www.", "https://"), "") for title, link, _ in POSTS],
        [(title, link, link) for title, link, _ in POSTS],
        [(title, link, f"post-{n}") for n, (title, link, _) in enumerate(POSTS)],
        [(f"{title}!", link.rstrip("/"), "") for title, link, _ in POSTS],
    ],
)
def test_a_site_that_changes_how_it_names_entries_brings_none_again(web, engine, posts):
    web.routes["/feed"] = [feed(*POSTS), feed(*posts)]
    app = an_app(engine, a={"url": web.url("/feed")})
    assert polled(app)[0].new == 5
    assert polled(app, days=1)[0].new == 0
    with app.reading() as connection:
        assert len(connection.execute(select(tables.papers)).all()) == 5


def test_other_posts_at_one_address_are_other_posts(web, engine):
    web.routes["/feed"] = [
        feed((f"News of day {n}", "https://x.example/news", f"g{n}")) for n in "123"
    ]
    app = an_app(engine, a={"url": web.url("/feed")})
    assert [polled(app, days=day)[0].new for day in range(3)] == [1, 1, 1]


def promoted(app):
    with app.reading() as connection:
        return rows.load(connection, ["a"])["a"].state["promoted"]


@pytest.mark.parametrize(
    ("answer", "is_believed"),
    [(feed(*POSTS), True), (PAGE, False), (Reply(b"", 404), False)],
)
def test_only_a_redirect_to_a_feed_is_ever_believed(web, engine, answer, is_believed):
    web.routes["/feed"] = Reply(b"", 301, {"Location": web.url("/new")})
    web.routes["/new"] = answer
    app = an_app(engine, a={"url": web.url("/feed")})
    for day in range(5):
        polled(app, days=day)
    assert promoted(app) == ({web.url("/feed"): web.url("/new")} if is_believed else {})


def test_an_error_leaves_what_was_known_and_is_no_quiet_day(web, engine):
    web.routes["/feed"] = [feed(*POSTS), PAGE, Reply(b""), feed(*POSTS)]
    app = an_app(engine, a={"url": web.url("/feed")})
    found = [polled(app, days=day)[0] for day in range(4)]
    assert [(one.status, one.new) for one in found] == [
        (PollStatus.OK, 5), (PollStatus.FAILED, 0), (PollStatus.FAILED, 0), (PollStatus.OK, 0),
    ]  # fmt: skip


def test_what_an_answer_could_not_be_stored_with_is_asked_for_again(web, sqlite_engine):
    web.routes["/feed"] = Reply(feed(*POSTS).body, headers={"ETag": '"one"'})
    app = an_app(sqlite_engine, a={"url": web.url("/feed")})
    refuse = (
        "CREATE TRIGGER refuse BEFORE INSERT ON papers WHEN NEW.title LIKE '%called 3' "
        "BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with app.writing() as connection:
        connection.exec_driver_sql(refuse)
    (report,) = polled(app)
    assert (report.new, report.rejected) == (4, 1)
    with app.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER refuse")
    (report,) = polled(app, force=False, hours=3)
    assert "if-none-match" not in web.log[-1].headers
    assert report.new == 1


def test_a_feed_that_slows_us_down_does_so_for_itself_alone(web, engine):
    web.routes["/a"] = Reply(b"slow down", 429, {"Retry-After": "7200"})
    web.routes["/b"] = feed(*POSTS)
    app = an_app(engine, a={"url": web.url("/a")}, b={"url": web.url("/b")})
    one, other = polled(app)
    assert (one.status, other.status) == (PollStatus.FAILED, PollStatus.OK)
    one, other = polled(app, force=False, hours=1, minutes=30)
    assert (one.error_kind, other.status) == ("backing-off", PollStatus.UNCHANGED)
    assert len(web.asked("/a")) == 1


def test_an_api_that_slows_us_down_does_so_for_all_its_sources(web, engine):
    web.routes["/api/daily_papers"] = Reply(b"slow down", 429, {"Retry-After": "7200"})
    section = {"kind": "huggingface", "base_url": web.url(), "allow_private": True}
    overrides = {"sources": {"a": section, "b": section}, "http": {"concurrency": 1}}
    app = App(load_config(overrides=overrides), system_clock, engine)
    reports = poll_sources(app)
    assert len(web.log) == 1
    assert {(report.status, report.error_kind) for report in reports} == {
        (PollStatus.FAILED, "rate-limited"), (PollStatus.SKIPPED, "waiting"),
    }  # fmt: skip


@pytest.mark.parametrize("back", [timedelta(hours=1), timedelta(days=400)])
def test_a_clock_set_back_neither_hammers_nor_stops_a_source_for_good(web, engine, back):
    web.routes["/feed"] = feed(*POSTS)
    app = an_app(engine, a={"url": web.url("/feed")})
    polled(app)
    earlier = replace(app, clock=lambda: NOON - back)
    statuses = [poll_sources(earlier)[0].status for _ in range(3)]
    assert statuses == [PollStatus.UNCHANGED, PollStatus.SKIPPED, PollStatus.SKIPPED]
    with app.reading() as connection:
        row = rows.load(connection, ["a"])["a"]
    assert row.next_poll_at - earlier.now() < timedelta(hours=2)
