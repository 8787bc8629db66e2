"""Polls that are killed, cut off, lied to: what was promised of each source is kept."""

from __future__ import annotations

import contextlib
import gzip
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON
from scripted import Reply, serving
from sqlalchemy import delete, event, select

from digest.actions.polling import enable, health, notes
from digest.app import App
from digest.config import load_config
from digest.model import Completeness, PollStatus
from digest.pipeline.polling import poll_sources
from digest.store import alerts, database, tables
from digest.store import sources as rows

HOUR = timedelta(hours=1)
NOWHERE = "http://127.0.0.1:9/x"  # the discard port: nobody listens


def papers(*ids):
    found = [{"id": one, "title": f"A careful paper called {one}"} for one in ids]
    return json.dumps({"papers": found}).encode()


def feed(*numbers):
    items = "".join(
        f"<item><title>Post number {n}</title><link>https://x.example/{n}</link>"
        f"<guid>https://x.example/{n}</guid></item>"
        for n in numbers
    )
    return f'<rss version="2.0"><channel><title>x</title>{items}</channel></rss>'.encode()


@pytest.fixture
def web():
    with serving() as script:
        yield script


def an_app(engine, sources, now=NOON, **more):
    sections = {name: {"allow_private": True, **section} for name, section in sources.items()}
    overrides = {"sources": sections, "digest": {"data_dir": "."}, **more}
    return App(load_config(overrides=overrides), lambda: now, engine)


def toy(url):
    return {"kind": "toy_source:source", "url": url}


def later(app, **delta):
    moment = app.now() + timedelta(**delta)
    return replace(app, clock=lambda: moment)


def seen(app):
    """Return everything that a poll writes but row ids, leases, times taken and jitter."""
    chosen = {
        "papers": ("key", "title", "url", "new_at", "fingerprint"),
        "records": ("source", "native_id", "content_hash", "first_seen_at"),
        "events": ("kind", "at"),
        "sources": ("name", "last_success_at", "lease_owner"),
        "sightings": ("source", "announced_on"),
        "poll_bodies": ("position", "sha256", "url"),
    }
    found = {}
    with app.reading() as connection:
        for name, columns in chosen.items():
            table = tables.metadata.tables[name]
            query = select(*(table.c[column] for column in columns))
            found[name] = Counter(tuple(row) for row in connection.execute(query))
        states = connection.execute(select(tables.sources.c.name, tables.sources.c.state))
        found["states"] = {name: (s["validators"], s["watermark"]) for name, s in states}
    return found


class Killed(BaseException):
    """The process ends here."""


def poll_killed_at(app, number):
    """Poll, and die at the statement of this number, in whatever thread; tell if it came to it."""
    count, is_dead = 0, False
    # An engine of its own: its threads stay dead to the store, as those of a killed process are.
    engine = database.open_engine(app.engine.url.render_as_string())

    def maybe(*_arguments):
        nonlocal count, is_dead
        count += 1
        if count >= number:
            is_dead = True
            raise Killed

    event.listen(engine, "before_cursor_execute", maybe)
    with contextlib.suppress(Killed):
        poll_sources(replace(app, engine=engine))
    engine.dispose()
    return is_dead


def empty(engine):
    with engine.begin() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(delete(table))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_poll_killed_at_any_statement_ends_the_same_after_the_next(web, sqlite_engine):
    etag = {"ETag": '"1"'}
    web.routes["/a"] = Reply(papers("2604.00001", "2604.00002"), headers=etag)
    web.routes["/b"] = Reply(papers("2604.00002", "2604.00003"), headers=etag)
    web.routes["/feed"] = Reply(feed(1, 2, 3), headers=etag)
    sources = {name: toy(web.url(f"/{name}")) for name in "ab"}
    sources["feed"] = {"kind": "feed", "url": web.url("/feed")}
    http = {"concurrency": 1, "poll_timeout_s": 1}
    app = an_app(sqlite_engine, sources, http=http)
    after = later(app, hours=1)
    poll_sources(after)
    whole = seen(after)
    number = 1
    while True:
        empty(sqlite_engine)
        if not poll_killed_at(app, number):
            break
        with app.reading() as connection:
            stored = set(connection.scalars(select(tables.records.c.source)))
            known = rows.load(connection, list(sources))
        # What a source gave is there with the state that says so, or neither is.
        assert stored == {n for n, row in known.items() if row.state.get("validators")}
        poll_sources(after)
        found = seen(after)
        if stored:  # what was stored before the end keeps its earlier hour
            assert {key for key, *_ in found["papers"]} == {key for key, *_ in whole["papers"]}
            assert found["events"].total() == whole["events"].total()
        else:
            assert found == whole, number
        number += 3 if number > 12 else 1
    assert number > 20


FAULTS = [
    Reply(b"busy", 503, {"Retry-After": "60"}),
    Reply(b"slow down", 429),
    Reply(b"<!DOCTYPE html><html><title>Just a moment...</title></html>"),
    Reply(b""),
    Reply(b"{half", headers={"Content-Type": "application/json"}),
    Reply(b"short", length=500),
    Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
    Reply(raw=b""),
    Reply(b"gone?", 404),
    Reply(b"", 304),
]


def test_days_of_faults_miss_nothing_and_double_nothing(web, sqlite_engine):
    sources = {name: toy(web.url(f"/{name}")) for name in "ab"}
    sources["feed"] = {"kind": "feed", "url": web.url("/feed")}
    app = an_app(sqlite_engine, sources)
    failed, expected = 0, set()
    for day in range(1, 5):
        ids = [f"2604.{day:02}{n:03}" for n in range(4)]
        expected |= {f"arxiv:{one}" for one in ids}
        posts = feed(*range(day, day + 6), day)  # each day drops one, adds one, repeats one
        good = {"/a": papers(*ids[:3]), "/b": papers(*ids[1:]), "/feed": posts}
        packed = {"Content-Encoding": "gzip", "ETag": f'"{day}"'}
        for place, (path, body) in enumerate(good.items()):
            faults = [FAULTS[(day * 3 + place * 2 + n) % len(FAULTS)] for n in range(3)]
            web.routes[path] = [*faults, Reply(gzip.compress(body), headers=packed)]
        for hour in range(0, 24, 4):
            reports = poll_sources(later(app, days=day, hours=hour))
            failed += sum(report.status is PollStatus.FAILED for report in reports)
    assert failed > 20
    with app.reading() as connection:
        stored = Counter(connection.scalars(select(tables.papers.c.key)))
        news = Counter(connection.scalars(select(tables.events.c.paper_id)))
    posts = {f"feed:feed/x.example/{n}" for n in range(1, 10)}
    assert stored == Counter(expected | posts)
    assert set(news.values()) == {1}


def test_a_machine_without_a_network_counts_no_errors(engine, monkeypatch):
    sources = {name: toy("http://nowhere.invalid/x") for name in ("a", "b", "c")}
    app = an_app(engine, sources)
    for hour in range(5):
        reports = poll_sources(later(app, hours=hour))
        assert {report.error_kind for report in reports} == {"offline"}
    with app.reading() as connection:
        known = rows.load(connection, list(sources))
        assert alerts.open_alerts(connection) == []
    assert {row.state["errors"] for row in known.values()} == {0}
    assert {row.next_poll_at for row in known.values()} == {NOON + 4 * HOUR + timedelta(minutes=5)}


def test_a_host_that_is_gone_is_told_of_where_others_answer(engine, web):
    web.routes["/a"] = Reply(papers("2604.00001"))
    app = an_app(engine, {"a": toy(web.url("/a")), "b": toy("http://nowhere.invalid/x")})
    kinds = []
    for minutes in (0, 10, 20, 30, 40, 50):
        if minutes != 10:  # the scheduler polls each on its own
            poll_sources(later(app, minutes=minutes - 1), ["a"], force=True)
        (gone,) = poll_sources(later(app, minutes=minutes), ["b"], force=True)
        kinds.append(gone.error_kind)
    assert kinds == ["offline", "offline", "dns", "dns", "dns", "dns"]
    with app.reading() as connection:
        (alert,) = alerts.open_alerts(connection)
    assert alert.subject == "source:b"


def test_a_machine_without_a_network_says_so_in_one_line(engine):
    app = an_app(engine, {name: toy(NOWHERE) for name in "abc"})
    reports = poll_sources(app)
    ((names, note),) = notes(reports).items()
    assert names == "a, b, c"
    assert note.startswith("no network: 127.0.0.1 cannot be connected to")
    assert {(one.is_offline, one.errors) for one in health(app)} == {(True, 0)}
    with app.reading() as connection:
        assert alerts.open_alerts(connection) == []


def test_one_host_that_answers_proves_the_network_is_there(web, engine):
    web.routes["/a"] = Reply(papers("2604.00001"))
    sources = {"a": toy(web.url("/a")), "b": toy(NOWHERE)}
    found = {report.source: report for report in poll_sources(an_app(engine, sources))}
    assert (found["a"].status, found["b"].error_kind) == (PollStatus.OK, "connect")


def alerted(app):
    with app.writing() as connection:
        found = alerts.untold(connection)
        alerts.tell(connection, found, now=app.now())
    return [(alert.subject, alert.right_at is None) for alert in found]


def test_the_owner_is_told_of_trouble_once_and_of_its_end_once(web, engine):
    web.routes["/a"] = Reply(papers("2604.00001"))
    web.routes["/bad"] = Reply(b"broken", 500)
    app = an_app(engine, {"a": toy(web.url("/a")), "bad": toy(web.url("/bad"))})
    told = []
    for day in range(6):
        poll_sources(later(app, days=day))
        told.append(alerted(app))
    assert told == [[], [], [("source:bad", True)], [], [], []]
    web.routes["/bad"] = Reply(papers("2604.00002"))
    for day in (7, 8):
        poll_sources(later(app, days=day))
        told.append(alerted(app))
    assert told[6:] == [[("source:bad", False)], []]


def test_an_address_that_is_gone_is_told_at_once(web, engine):
    web.routes["/a"] = Reply(b"gone", 410)
    app = an_app(engine, {"a": toy(web.url("/a")), "b": toy(NOWHERE)})
    poll_sources(app)
    with app.reading() as connection:
        (alert,) = alerts.open_alerts(connection)
    assert alert.subject == "source:a"
    assert "gone for good (410)" in alert.detail


def test_a_source_that_the_owner_enables_is_no_trouble_any_more(web, engine):
    web.routes["/a"] = Reply(b"gone", 410)
    app = an_app(engine, {"a": toy(web.url("/a"))})
    poll_sources(app)
    assert alerted(app) == [("source:a", True)]
    enable(app, "a")
    web.routes["/a"] = Reply(papers("2604.00001"))
    assert poll_sources(app)[0].status is PollStatus.OK
    assert alerted(app) == [("source:a", False)]


def test_more_entries_than_anybody_reads_are_cut_and_told(web, sqlite_engine):
    web.routes["/a"] = Reply(feed(*range(1, 31)))
    source = {"kind": "feed", "url": web.url("/a")}
    (report,) = poll_sources(an_app(sqlite_engine, {"a": source}, http={"max_items": 20}))
    assert (report.new, report.completeness) == (20, Completeness.TRUNCATED)


def test_what_one_source_gave_and_the_store_refuses_costs_the_others_nothing(web, sqlite_engine):
    web.routes["/a"] = Reply(papers("2604.00001"), headers={"ETag": '"1"'})
    web.routes["/b"] = Reply(papers("2604.00002"))
    app = an_app(sqlite_engine, {"a": toy(web.url("/a")), "b": toy(web.url("/b"))})
    with app.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE OF state ON sources WHEN new.name = 'a' "
            "AND new.state LIKE '%etag%1%' BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
    found = {report.source: report for report in poll_sources(app)}
    assert found["b"].status is PollStatus.OK
    assert (found["a"].status, found["a"].error_kind) == (PollStatus.FAILED, "store")
    with app.reading() as connection:
        assert set(connection.scalars(select(tables.records.c.source))) == {"b"}
        row = rows.load(connection, ["a"])["a"]
    assert (row.state["errors"], row.state["validators"], row.lease_owner) == (1, {}, None)


def test_a_store_that_cannot_be_written_fails_all_and_ends(web, sqlite_engine):
    app = an_app(sqlite_engine, {f"s{n}": toy(web.url("/a")) for n in range(40)})
    with app.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE ON sources BEGIN SELECT RAISE(FAIL, 'full'); END"
        )
    reports = poll_sources(app)
    assert {(report.status, report.error_kind) for report in reports} == {
        (PollStatus.FAILED, "bug")
    }
    assert web.log == []


def test_a_source_taken_by_somebody_else_meanwhile_stores_nothing(web, engine):
    app = an_app(engine, {"a": toy(web.url("/a")), "b": toy(web.url("/b"))})

    def robbed(_asked):
        with app.writing() as connection:
            connection.execute(
                tables.sources.update()
                .where(tables.sources.c.name == "a")
                .values(lease_owner="somebody")
            )
        return Reply(papers("2604.00001"))

    web.routes["/a"] = robbed
    web.routes["/b"] = Reply(papers("2604.00002"))
    found = {report.source: report for report in poll_sources(app)}
    assert (found["a"].status, found["a"].error_kind) == (PollStatus.SKIPPED, "leased")
    with app.reading() as connection:
        assert set(connection.scalars(select(tables.records.c.source))) == {"b"}


def test_a_source_removed_while_it_is_polled_stores_nothing(web, engine):
    app = an_app(engine, {"a": toy(web.url("/a"))})

    def removing(_asked):
        with app.writing() as connection:
            connection.execute(delete(tables.sources))
        return Reply(papers("2604.00001"))

    web.routes["/a"] = removing
    (report,) = poll_sources(app)
    assert report.status is PollStatus.SKIPPED
    with app.reading() as connection:
        assert connection.scalars(select(tables.records.c.source)).all() == []


def test_a_hundred_sources_that_fail_together_do_not_come_back_together(web, sqlite_engine):
    web.routes["/x"] = Reply(b"busy", 500)
    names = [f"s{n}" for n in range(100)]
    app = an_app(sqlite_engine, {name: toy(web.url("/x")) for name in names})
    for hour in (0, 1, 2, 3):
        poll_sources(later(app, hours=hour))
    with app.reading() as connection:
        known = rows.load(connection, names)
    assert len({row.next_poll_at for row in known.values()}) > 90


def test_a_run_after_a_long_sleep_polls_once(web, engine):
    web.routes["/a"] = Reply(papers("2604.00001"))
    app = an_app(engine, {"a": toy(web.url("/a"))})
    poll_sources(app)
    late = later(app, days=5)
    assert [poll_sources(late)[0].status for _ in range(3)][1:] == [PollStatus.SKIPPED] * 2
    assert len(web.log) == 2
