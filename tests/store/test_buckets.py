import threading
from datetime import timedelta

from builders import NOON

from digest.store import buckets

SECOND = timedelta(seconds=1)


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
        buckets.unblock(connection, "provider:arxiv")
        assert buckets.blocked_until(connection, "provider:arxiv") is None


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
