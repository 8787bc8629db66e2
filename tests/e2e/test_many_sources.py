"""Many sources at once, read whole by workers: the same as if they had been visited here."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON
from scripted import Reply, serving
from sqlalchemy import select

from digest.app import App
from digest.config import load_config
from digest.isolated.worker import Worker
from digest.model import Completeness, PollStatus
from digest.pipeline import _elsewhere, polling
from digest.pipeline.polling import poll_sources
from digest.store import database, tables

MANY = 20
KEPT = {
    "papers": ("key", "title", "url", "new_at"),
    "records": ("source", "native_id", "content_hash"),
    "polls": ("source", "status", "records", "new", "error", "error_kind", "completeness"),
    "bodies": ("sha256", "content"),
    "poll_bodies": ("position", "sha256", "url", "content_type", "label", "fetched_at"),
    "sources": ("name", "last_success_at", "lease_owner", "state"),
}


def papers(number):
    found = [{"id": f"2604.{number:05}", "title": f"A careful paper, the {number}th of its kind"}]
    return json.dumps({"papers": found}).encode()


@pytest.fixture
def web():
    with serving() as script:
        for number in range(MANY):
            etag = {"ETag": f'"{number}"', "Content-Type": "application/json"}
            body = papers(number)
            script.routes[f"/{number}"] = lambda asked, body=body, etag=etag: (
                Reply(status=304, headers=etag)
                if asked.headers.get("if-none-match") == etag["ETag"]
                else Reply(body, headers=etag)
            )
        yield script


def an_app(web, engine, *, now=NOON, more=None, **http):
    sources = {f"s{n}": {"kind": "toy_source:source", "url": web.url(f"/{n}")} for n in range(MANY)}
    sections = {"sources": {**sources, **(more or {})}, "http": {"allow_private": True, **http}}
    return App(load_config(overrides=sections), lambda: now, engine)


def kept(app):
    with app.reading() as connection:
        return {
            name: Counter(
                tuple(json.dumps(v, sort_keys=True) if isinstance(v, dict) else v for v in row)
                for row in connection.execute(
                    select(*(tables.metadata.tables[name].c[column] for column in columns))
                )
            )
            for name, columns in KEPT.items()
        }


def statuses(reports):
    return Counter(str(report.error_kind or report.status) for report in reports)


@pytest.fixture
def workers(monkeypatch):
    """Give the workers that are started."""
    started = []

    class Seen(Worker):
        def __init__(self, module):
            super().__init__(module)
            started.append(self)

    monkeypatch.setattr(_elsewhere, "Worker", Seen)
    return started


def test_workers_bring_what_visits_here_would(web, engine, tmp_path, monkeypatch, workers):
    web.routes["/3"] = Reply(b"<html>", headers={"Content-Type": "text/html"})
    web.routes["/4"] = Reply(b"", 503, {"Retry-After": "120"})
    web.routes["/5"] = Reply(status=301, headers={"Location": web.url("/moved")})
    web.routes["/moved"] = Reply(papers(500))  # its own: which of two sources is first may differ
    there = an_app(web, engine)
    first = poll_sources(there)
    assert workers
    monkeypatch.setattr(polling, "BULK", MANY + 1)
    here = an_app(web, database.open_engine(f"sqlite:///{tmp_path}/here.db"))
    database.upgrade(here.engine)
    second = poll_sources(here)
    assert kept(there) == kept(here)
    assert [replace(r, seconds=0) for r in first] == [replace(r, seconds=0) for r in second]
    here.engine.dispose()


def test_what_workers_learn_is_asked_for_from_here(web, sqlite_engine, workers):
    app = an_app(web, sqlite_engine)
    assert statuses(poll_sources(app)) == {"ok": MANY}
    before = len(workers)
    again = replace(app, clock=lambda: NOON + timedelta(hours=3))
    assert statuses(poll_sources(again)) == {"unchanged": MANY}
    assert len(workers) == before
    assert len(web.log) == 2 * MANY


def test_a_parser_that_hangs_costs_its_own_source_alone(web, sqlite_engine, workers):
    web.routes["/7"] = Reply(b"spin" + b" " * 20_000)
    found = statuses(poll_sources(an_app(web, sqlite_engine, parse_timeout_s=1)))
    assert found == {"ok": MANY - 1, "parse-timeout": 1}


def test_a_result_that_cannot_travel_is_an_error_and_no_silence(web, sqlite_engine):
    web.routes["/7"] = Reply(b"odd" + b" " * 20_000)
    found = statuses(poll_sources(an_app(web, sqlite_engine, poll_timeout_s=60)))
    assert found == {"ok": MANY - 1, "parse-crash": 1}


def test_a_bug_in_a_source_is_told_of(web, sqlite_engine, caplog):
    more = {"broken": {"kind": "toy_source:source", "url": "bug:"}}
    found = statuses(poll_sources(an_app(web, sqlite_engine, more=more)))
    assert found == {"ok": MANY, "bug": 1}
    assert "bug in source=broken" in caplog.text


def test_killed_workers_leave_nothing_out_and_nothing_twice(web, engine, monkeypatch):
    class Dying(Worker):
        def send(self, message):
            super().send(message)
            if isinstance(message, list):
                os.kill(self._process.pid, signal.SIGKILL)

    monkeypatch.setattr(_elsewhere, "Worker", Dying)
    app = an_app(web, engine)
    assert statuses(poll_sources(app)) == {"ok": MANY}
    found = kept(app)
    assert sum(found["papers"].values()) == sum(found["records"].values()) == MANY
    assert sum(found["polls"].values()) == MANY


def test_without_workers_all_is_visited_here(web, sqlite_engine, monkeypatch):
    def refuse(module):
        raise OSError("no more processes")

    monkeypatch.setattr(_elsewhere, "Worker", refuse)
    assert statuses(poll_sources(an_app(web, sqlite_engine))) == {"ok": MANY}


@pytest.mark.timeout(60)
def test_workers_that_are_dead_before_they_are_told_anything_are_given_up(
    web, sqlite_engine, monkeypatch
):
    class Stillborn(Worker):
        def __init__(self, module):
            super().__init__("no_such_module")
            self._process.wait()

    monkeypatch.setattr(_elsewhere, "Worker", Stillborn)
    assert statuses(poll_sources(an_app(web, sqlite_engine))) == {"ok": MANY}


def test_limits_and_cuts_hold_in_workers(web, sqlite_engine, workers):
    found = [{"id": f"2605.{n:05}", "title": f"A careful paper numbered {n}"} for n in range(9)]
    web.routes["/1"] = Reply(json.dumps({"papers": found}).encode())
    web.routes["/2"] = Reply(b"x" * 300_000)
    reports = poll_sources(an_app(web, sqlite_engine, max_items=4, wire_limit_mb=0.25))
    by_name = {report.source: report for report in reports}
    assert (by_name["s1"].records, by_name["s1"].completeness) == (4, Completeness.TRUNCATED)
    assert by_name["s2"].error_kind == "too-large"


def test_private_places_are_refused_in_workers_too(web, sqlite_engine, workers):
    app = an_app(web, sqlite_engine, allow_private=False)
    reports = poll_sources(app)
    assert workers
    assert {report.status for report in reports} == {PollStatus.FAILED}
    assert {report.error_kind for report in reports} == {"refused-address"}
    assert not web.log


def test_a_source_that_somebody_has_is_left_alone(web, sqlite_engine, workers):
    app = an_app(web, sqlite_engine)
    with app.writing() as connection:
        polling.rows.ensure(connection, {"s4": "toy_source:source"})
        wanted = polling.rows.Wanted(name="s4", next_poll_at=NOON, seen_next_poll_at=None)
        assert polling.rows.lease(connection, [wanted], owner="somebody", now=NOON)
    by_name = {report.source: report for report in poll_sources(app)}
    assert by_name["s4"].error_kind == "leased"
    assert not web.asked("/4")


def test_leases_are_taken_for_what_is_visited_next(web, sqlite_engine, monkeypatch):
    app = an_app(web, sqlite_engine)
    poll_sources(app)
    with app.writing() as connection:  # the second half is read whole again, the first is not
        for number in range(MANY // 2, MANY):
            polling.rows.amend(connection, f"s{number}", state={}, next_poll_at=NOON)
    later = replace(app, clock=lambda: NOON + timedelta(hours=3))
    monkeypatch.setattr(polling, "BULK", MANY // 2)
    taken = []
    lease = polling.rows.lease

    def seen(connection, wanted, **more):
        taken.extend(one.name for one in wanted)
        return lease(connection, wanted, **more)

    monkeypatch.setattr(polling.rows, "lease", seen)
    assert statuses(poll_sources(later)) == {"ok": MANY // 2, "unchanged": MANY // 2}
    assert taken[: MANY // 2] == [f"s{n}" for n in range(MANY // 2, MANY)]
    assert len(taken) == MANY
