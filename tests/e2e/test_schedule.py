"""The clockwork on a real store: what it starts, and what it leaves to workers."""

import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON
from delivery.runs import plan

from digest import schedule
from digest.actions import work
from digest.app import open_app
from digest.config import load_config
from digest.errors import UsageError
from digest.model import DeliveryState, PollReport, PollStatus, Purpose
from digest.pipeline.sending import Stop
from digest.store import deliveries, sources

MINUTE = timedelta(minutes=1)
NOTICE = {
    "notice": "preferences",
    "values": {"preferences_url": "https://digest.example.org/p/x", "expires": "1 hour"},
}


@pytest.fixture
def open_it(tmp_path):
    kept = []

    def start(now=None):
        config = load_config(
            overrides={
                "digest": {"data_dir": str(tmp_path)},
                "mail": {"sender": "digest@example.org"},
                "sources": {
                    "labs": {"kind": "feed", "url": "http://127.0.0.1:1/", "allow_private": True},
                    "off": {"kind": "feed", "url": "http://127.0.0.1:1/", "enabled": False},
                },
                "transports": {"out": {"kind": "file", "folder": str(tmp_path / "out")}},
            }
        )
        kept.append(open_app(config, now=now))
        return kept[-1].__enter__()

    yield start
    for manager in kept:
        manager.__exit__(None, None, None)


@pytest.fixture
def app(open_it):
    return open_it()


@contextmanager
def running(scheduler):
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=True)


def wait_for(what, seconds=10.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_every_enabled_source_has_its_own_job(app):
    names = [job.id for job in schedule.build(app).get_jobs()]
    assert [name for name in names if name.startswith("poll:")] == ["poll:labs"]
    assert {"tick", "urgent"} < set(names)


def test_work_is_done_here_without_workers(app):
    with running(schedule.build(app)):
        wait_for(lambda: _last_polls(app))


def test_a_poll_that_failed_is_tried_again_long_before_its_interval_is_over(app, monkeypatch):
    monkeypatch.setattr(schedule, "LOOK_S", 1)
    with running(schedule.build(app)):
        wait_for(lambda: _ended_polls(app) == 1)
        with app.writing() as connection:  # its pause after a failure is over
            sources.amend(connection, "labs", state={}, next_poll_at=app.now())
        wait_for(lambda: _ended_polls(app) == 2, seconds=30)


def tick_of(app):
    moment = [NOON]
    clocked = replace(app, clock=lambda: moment[0])
    (tick,) = (one for one in work.recurring(clocked) if one.name == work.TICK)

    def is_wanted(at):
        moment[0] = at
        return tick.is_wanted()

    return is_wanted


def asked(app, at, **settled):
    with app.writing() as connection:
        (row,) = sources.load(connection, ["labs"]).values()
        wanted = sources.Wanted(
            name="labs", next_poll_at=at + MINUTE, seen_next_poll_at=row.next_poll_at
        )
        assert sources.lease(connection, [wanted], owner="me", now=at)
        if settled:
            values = {"state": {}, "succeeded": True} | settled
            sources.settle(connection, {"labs": sources.Settled(**values)}, now=at)


def test_editions_wait_for_the_sources_after_a_sleep(app):
    is_wanted = tick_of(app)
    assert is_wanted(NOON)  # nobody is known yet
    with app.writing() as connection:
        sources.ensure(connection, {"labs": "feed"})
    asked(app, NOON, next_poll_at=NOON + 60 * MINUTE)
    assert is_wanted(NOON + 61 * MINUTE)  # due, and asked in a moment
    woken = NOON + 480 * MINUTE
    assert not is_wanted(woken)
    asked(app, woken)
    assert not is_wanted(woken + MINUTE / 2)
    asked(app, woken + 46 * MINUTE, next_poll_at=woken + 106 * MINUTE)
    assert is_wanted(woken + 47 * MINUTE)


def test_editions_wait_for_no_source_for_long(app):
    is_wanted = tick_of(app)
    with app.writing() as connection:
        sources.ensure(connection, {"labs": "feed"})
    asked(app, NOON, next_poll_at=NOON + 60 * MINUTE)
    woken = NOON + 480 * MINUTE
    assert [is_wanted(woken + n * MINUTE) for n in (0, 9, 10, 11)] == [False, False, True, True]


def test_a_source_that_fails_is_not_waited_for(app):
    is_wanted = tick_of(app)
    with app.writing() as connection:
        sources.ensure(connection, {"labs": "feed"})
    asked(app, NOON, next_poll_at=NOON + 60 * MINUTE, succeeded=False)
    assert is_wanted(NOON + 5 * MINUTE)


def test_editions_wait_for_the_network(app):
    is_wanted = tick_of(app)
    offline = PollReport(
        source="labs", kind="feed", at=NOON, status=PollStatus.FAILED, error_kind="offline"
    )
    with app.writing() as connection:
        sources.ensure(connection, {"labs": "feed"})
        sources.add_polls(connection, [offline])
    assert not is_wanted(NOON + MINUTE)
    asked(app, NOON + 5 * MINUTE, next_poll_at=NOON + 60 * MINUTE)
    assert is_wanted(NOON + 6 * MINUTE)


def test_with_workers_work_is_only_handed_on(app):
    handed = []
    with running(schedule.build(app, defer=handed.append)):
        wait_for(lambda: handed)
    assert [one.name for one in handed] == ["poll:labs"]
    assert _last_polls(app) == 0


def _fails(app, error):
    def fail(_work):
        raise error

    return schedule.build(app, defer=fail)


def test_an_expected_failure_of_a_job_is_one_line(app, caplog):
    with running(_fails(app, UsageError("there is\nno way out"))):
        wait_for(lambda: caplog.records)
    record = caplog.records[0]
    assert record.getMessage() == 'job failed job=poll:labs error="there is; no way out"'
    assert record.exc_info is None
    assert not [other for other in caplog.records if other.name.startswith("apscheduler")]


def test_a_bug_in_a_job_is_told_once_with_its_traceback(app, caplog):
    with running(_fails(app, ZeroDivisionError())):
        wait_for(lambda: caplog.records)
    assert [record.name for record in caplog.records] == ["digest.schedule"]
    assert caplog.records[0].exc_info[0] is ZeroDivisionError


def test_editions_alone_are_not_urgent(open_it):
    app = open_it(now=NOON)
    urgent = next(one for one in work.recurring(app) if one.name == "urgent")
    assert not urgent.is_wanted()
    plan(app, 1, purpose=Purpose.EDITION)
    assert not urgent.is_wanted()
    assert work.send_urgent(app) is None


def test_a_confirmation_does_not_wait_for_the_editions(open_it):
    app = open_it(now=NOON)
    plan(app, 3, purpose=Purpose.EDITION)
    plan(app, 1, purpose=Purpose.CONFIRMATION, message_id="<c@example.org>", content=NOTICE)
    assert work.send_urgent(app).counts["sent"] == 1
    with app.reading() as connection:
        (row,) = deliveries.listed(connection, deliveries.DeliveryFilters(state=DeliveryState.SENT))
    assert row.message_id == "<c@example.org>"


@pytest.mark.parametrize("name", ["urgent", "tick"])
def test_a_stop_that_is_asked_for_leaves_mails_for_the_next_time(open_it, name):
    app, stop = open_it(now=NOON), Stop()
    plan(app, 3, content=NOTICE)
    (job,) = (one for one in work.recurring(app, stop) if one.name == name)
    stop.request()
    job.do()
    assert _waiting(app) == 3
    (again,) = (one for one in work.recurring(app, Stop()) if one.name == name)
    again.do()
    assert _waiting(app) == 0


def _waiting(app):
    with app.reading() as connection:
        return deliveries.count_due(connection, app.now())


def _last_polls(app):
    with app.reading() as connection:
        return len(sources.last_polls(connection, ["labs"]))


def _ended_polls(app):
    with app.reading() as connection:
        (row,) = sources.load(connection, ["labs"]).values() or (None,)
        if row is None or row.lease_owner:
            return 0
        return len(sources.polls_of(connection, "labs", since=app.now() - timedelta(days=1)))
