import threading
from datetime import timedelta

import pytest
from builders import NOON

from digest.model import Completeness, PollReport, PollStatus
from digest.store import bodies
from digest.store import sources as rows

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def source(engine):
    with engine.begin() as connection:
        rows.ensure(connection, {"a": "feed"})
    return "a"


def lease(engine, owner="me", now=NOON, seen=None, **more):
    with engine.begin() as connection:
        wanted = rows.Wanted(name="a", next_poll_at=now + HOUR, seen_next_poll_at=seen)
        return rows.lease(connection, [wanted], owner=owner, now=now, **more) == {"a"}


def settle(engine, owner="me", **more):
    values = {"state": {"x": 1}, "next_poll_at": NOON + HOUR, "succeeded": True} | more
    with engine.begin() as connection:
        held = rows.held(connection, ["a"], owner=owner)
        rows.settle(connection, dict.fromkeys(held, rows.Settled(**values)), now=NOON)
        return held == {"a"}


def row(engine):
    with engine.connect() as connection:
        return rows.load(connection, ["a"])["a"]


def test_of_many_who_want_a_source_one_gets_it(engine, source):
    got = []
    threads = [
        threading.Thread(target=lambda n=n: got.append(lease(engine, f"p{n}"))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_a_source_polled_since_it_was_looked_at_is_not_polled_again(engine, source):
    assert lease(engine, "me")
    assert settle(engine, "me")
    assert not lease(engine, "late", seen=None)


def test_the_lease_of_a_killed_process_runs_out(engine, source):
    assert lease(engine, "killed")
    seen = NOON + HOUR
    assert not lease(engine, "next", now=NOON + timedelta(minutes=14), seen=seen)
    assert lease(engine, "next", now=NOON + timedelta(minutes=15), seen=seen)
    assert not settle(engine, "killed")
    assert settle(engine, "next")


def due(engine, now=NOON):
    with engine.connect() as connection:
        return rows.due(connection, now)


def test_due_is_what_nobody_has_and_whose_time_has_come(engine, source):
    assert due(engine) == {"a": None}
    lease(engine)
    assert due(engine, NOON + 5 * MINUTE) == {}
    settle(engine, next_poll_at=NOON + 10 * MINUTE)
    assert due(engine, NOON + 9 * MINUTE) == {}
    assert due(engine, NOON + 10 * MINUTE) == {"a": NOON + 10 * MINUTE}
    lease(engine, now=NOON + 10 * MINUTE, seen=NOON + 10 * MINUTE)
    settle(engine, disabled_reason="gone", succeeded=False)
    assert due(engine, NOON + 9 * HOUR) == {}


def test_settling_a_removed_source_stores_nothing(engine):
    assert not settle(engine, "me")


def test_success_is_dated_and_failure_is_not(engine, source):
    lease(engine)
    settle(engine, succeeded=False, disabled_reason="gone")
    failed = row(engine)
    assert (failed.last_success_at, failed.disabled_reason) == (None, "gone")
    with engine.begin() as connection:
        assert rows.enable(connection, "a", state={})
    lease(engine)
    settle(engine)
    assert row(engine).last_success_at == NOON
    assert row(engine).state == {"x": 1}


def test_polls_come_back_as_they_were(engine):
    report = PollReport(
        source="a", kind="feed", status=PollStatus.OK, at=NOON, records=3, new=2, unchanged=1,
        batch_on=NOON.date(), completeness=Completeness.CONFIRMED, seconds=0.5,
    )  # fmt: skip
    with engine.begin() as connection:
        later = PollReport(source="a", kind="feed", status=PollStatus.FAILED, at=NOON, error="x")
        first, second = rows.add_polls(connection, [report, later])
    assert first < second
    with engine.connect() as connection:
        assert rows.polls_of(connection, "a", since=NOON) == (report, later)
        assert rows.last_polls(connection, ["a", "b"]) == {"a": later}


def poll_with(engine, *contents, at=NOON):
    report = PollReport(source="a", kind="feed", status=PollStatus.OK, at=at)
    answers = [
        bodies.KeptBody(url=f"http://x/{n}", content=content, label=str(n), fetched_at=at)
        for n, content in enumerate(contents)
    ]
    with engine.begin() as connection:
        (poll_id,) = rows.add_polls(connection, [report])
        bodies.keep(connection, {poll_id: [answer.packed() for answer in answers]}, now=at)
    return poll_id, tuple(answers)


def test_raw_bodies_come_back_in_order_even_if_equal(engine):
    poll_id, answers = poll_with(engine, b"\x00one", b"two", b"\x00one")
    with engine.connect() as connection:
        assert bodies.of_poll(connection, poll_id) == answers


def test_pruning_keeps_a_body_that_a_younger_poll_gave_again(engine):
    old, _ = poll_with(engine, b"same", b"only old")
    young, answers = poll_with(engine, b"same", at=NOON + 48 * HOUR)
    with engine.begin() as connection:
        assert bodies.prune(connection, before=NOON + 24 * HOUR) == 1
        assert bodies.of_poll(connection, old) == ()
        assert bodies.of_poll(connection, young) == answers
        assert [one.row_id for one in bodies.polls_since(connection, NOON)] == [young]
