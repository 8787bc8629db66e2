import threading
from datetime import timedelta

from builders import NOON
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.store import buckets, database
from digest.store.buckets import Want

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def reserve(engine, now, **more):
    with engine.begin() as connection:
        return buckets.reserve(
            connection, "provider:arxiv", **({"per_second": 1 / 3, "now": now} | more)
        )


def test_turns_are_three_seconds_apart(engine):
    waits = [reserve(engine, NOON) - NOON for _ in range(4)]
    assert [round(wait.total_seconds(), 6) for wait in waits] == [0, 3, 6, 9]


def test_a_burst_goes_at_once_and_rest_earns_no_more_than_it(engine):
    first = [reserve(engine, NOON, burst=3) for _ in range(4)]
    assert first[2] == NOON < first[3]
    later = NOON + timedelta(days=1)
    again = [reserve(engine, later, burst=3) for _ in range(4)]
    assert again[2] == later < again[3]


def test_turns_survive_a_restart(engine):
    reserve(engine, NOON)
    engine.dispose()
    assert reserve(engine, NOON + SECOND) == NOON + 3 * SECOND


def test_a_clock_set_back_does_not_open_the_gate(engine):
    for _ in range(3):
        reserve(engine, NOON)
    assert reserve(engine, NOON - timedelta(hours=1)) > NOON - timedelta(hours=1) + 8 * SECOND


def test_processes_share_one_bucket(engine):
    found = []

    def work():
        found.extend([reserve(engine, NOON) for _ in range(5)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gaps = [round((at - NOON).total_seconds(), 3) for at in sorted(found)]
    assert gaps == [3.0 * number for number in range(20)]


def test_a_block_holds_everybody_and_the_longer_one_stays(engine):
    with engine.begin() as connection:
        buckets.block(connection, "provider:arxiv", NOON + 90 * SECOND, now=NOON)
        buckets.block(connection, "provider:arxiv", NOON + 60 * SECOND, now=NOON)
    assert reserve(engine, NOON) == NOON + 90 * SECOND
    with engine.begin() as connection:
        assert buckets.blocked_until(connection, "provider:arxiv") == NOON + 90 * SECOND


def take(engine, now, wanted):
    with engine.begin() as connection:
        return buckets.take(
            connection, "relay:main", per_second=10, burst=50, now=now, wanted=wanted
        )


def test_what_is_there_may_be_taken_and_no_more(engine):
    assert [take(engine, NOON, 30), take(engine, NOON, 30), take(engine, NOON, 30)] == [30, 20, 0]
    assert take(engine, NOON + SECOND, 30) == 10


def test_a_blocked_bucket_gives_nothing(engine):
    with engine.begin() as connection:
        buckets.block(connection, "relay:main", NOON + SECOND, now=NOON)
    assert take(engine, NOON, 5) == 0
    assert take(engine, NOON + SECOND, 5) == 5


def test_refusals_in_a_row_are_counted_and_forgotten(engine):
    with engine.begin() as connection:
        counts = [buckets.refused(connection, "x", now=NOON) for _ in range(3)]
        later = buckets.refused(connection, "x", now=NOON + timedelta(days=1))
    assert (counts, later) == ([1, 2, 3], 1)


def take_all(engine, now, *wants):
    with engine.begin() as connection:
        return buckets.take_all(connection, wants, now=now)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(0, 3), min_size=1, max_size=25),
    st.sampled_from([0.5, 2.0]),
    st.integers(1, 4),
)
def test_no_window_holds_more_than_rate_and_burst(gaps, rate, burst):
    engine = database.open_engine("sqlite://")
    database.upgrade(engine)
    want = Want(name="relay:x", per_second=rate, burst=burst)
    now, passed = NOON, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        passed += [now for _ in range(3) if take_all(engine, now, want) is None]
    engine.dispose()
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            window = (passed[last] - begin).total_seconds()
            assert last - first + 1 <= burst + rate * window + 1e-6


def test_all_tokens_are_taken_or_none(engine):
    free, full = Want(name="a", per_second=1), Want(name="b", per_second=1)
    assert take_all(engine, NOON, full) is None
    assert take_all(engine, NOON, free, full) == ("b", NOON + SECOND)
    assert take_all(engine, NOON, free) is None


def test_a_daily_allowance_holds_in_any_day(engine):
    want = Want(name="relay:x", per_day=3)
    hours = [hour for hour in range(60) if take_all(engine, NOON + hour * HOUR, want) is None]
    assert all(sum(first <= other < first + 24 for other in hours) <= 3 for first in range(60))
    assert len(hours) >= 6


def test_a_block_holds_what_has_no_rate(engine):
    with engine.begin() as connection:
        buckets.block(connection, "domain:a", NOON + HOUR, now=NOON)
    assert take_all(engine, NOON, Want(name="domain:a")) == ("domain:a", NOON + HOUR)
    assert take_all(engine, NOON + HOUR, Want(name="domain:a")) is None
