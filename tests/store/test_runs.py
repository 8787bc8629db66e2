"""Passes on both databases: they begin, go on, and end once."""

from datetime import timedelta

from builders import NOON

from digest.store import runs, watching


def test_a_pass_is_held_as_long_as_it_goes_on(engine):
    with engine.begin() as connection:
        runs.begin(connection, "a1", "tick", NOON, {"done": 1})
        assert runs.held(connection, "a1") == {"done": 1}
        runs.put(connection, "a1", {"done": 2})
        assert runs.held(connection, "a1") == {"done": 2}
        runs.end(connection, "a1", at=NOON, exit_code=1, report={"done": 3})
        assert runs.held(connection, "a1") is None
        assert runs.held(connection, "unknown") is None


def test_passes_that_go_on_are_found_by_command_and_age(engine):
    with engine.begin() as connection:
        for number, command in enumerate(("tick", "run", "tick", "tick")):
            runs.begin(connection, f"r{number}", command, NOON + timedelta(minutes=number))
        runs.end(connection, "r0", at=NOON, exit_code=0, report={})
        before = NOON + timedelta(minutes=3)
        assert runs.unended(connection, "tick", before) == ("r2",)


def test_ticks_are_listed_only_where_they_mailed_or_something_went_wrong(engine):
    reports = (
        {},
        {"planned": {"mailed": 0}, "sent": {"counts": {"sent": 0}}},
        {"planned": {"mailed": 3}, "sent": {"counts": {}}},
        {"planned": {"mailed": 0}, "sent": {"counts": {"sent": 2}}},
    )
    with engine.begin() as connection:
        for n, report in enumerate(reports):
            at = NOON + timedelta(minutes=n)
            runs.begin(connection, f"r{n}", "tick", at)
            runs.end(connection, f"r{n}", at=at, exit_code=0, report=report)
        runs.begin(connection, "bad", "tick", NOON - timedelta(hours=1))
        report = {"problems": ["the relay is gone"]}
        runs.end(connection, "bad", at=NOON, exit_code=1, report=report)
        found = watching.last_runs(connection, limit=10)
    assert [(one.run_id, one.made, one.sent) for one in found] == [
        ("r3", 0, 2), ("r2", 3, 0), ("bad", 0, 0),
    ]  # fmt: skip
