"""One pass with a wrong clock costs nobody a mail: what it dated in the future is put right."""

from collections import Counter
from datetime import timedelta

import pytest
from installation import NOW, a_feed, installed
from sqlalchemy import func, select

from digest.actions import outbox, polling, retention
from digest.actions.doctor import machine
from digest.actions.run import run as one_pass
from digest.app import App
from digest.cli.main import run
from digest.errors import StoreError
from digest.pipeline import clock as settling
from digest.store import clock, tables
from digest.store.types import UTCDateTime

YEAR = 365 * 24
FIRST = ("Careful studies of one", "Careful studies of two")
SECOND = ("Careful studies of three", "Careful studies of four")


def mailed(place) -> list[Counter[str]]:
    """Return the titles of each mail to the reader."""
    texts = [message.get_body(("plain",)).get_content() for message in place.messages()]
    return [Counter(t for t in (*FIRST, *SECOND) if t in text) for text in texts]


def two_days(tmp_path, *before: float, later: float = 24):
    """Do passes so many hours from the first day, then one a day later with two more papers."""
    problems = []
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        for hours in before:
            try:
                problems.append(place.run(hours=hours).problems)
            except StoreError as exc:
                problems.append((str(exc),))
        place.web.routes["/blog"] = a_feed(*FIRST, *SECOND)
        problems.append(place.run(hours=later).problems)
        with place.open(hours=later) as app:
            assert outbox.verify(app).is_ok
        return sum(mailed(place), Counter()), problems, len(place.messages())


@pytest.mark.parametrize("jump", [5, 26, YEAR, 10 * YEAR])
def test_a_pass_ahead_of_time_costs_nobody_a_paper(tmp_path, jump):
    seen, problems, mails = two_days(tmp_path, jump)
    assert seen == Counter((*FIRST, *SECOND))
    assert mails >= 1
    assert jump <= 24 or any("the clock was ahead" in line for line in problems[-1])


@pytest.mark.parametrize("jump", [YEAR])
def test_after_a_good_day_as_well(tmp_path, jump):
    seen, problems, _ = two_days(tmp_path, -20, jump)
    assert seen == Counter((*FIRST, *SECOND))
    assert "the clock was ahead" in "; ".join(problems[-1])


def test_the_slot_that_a_wrong_clock_used_comes_again_with_a_mail_of_its_own(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        place.run(hours=48)
        place.run(hours=24)
        place.web.routes["/blog"] = a_feed(*FIRST, *SECOND)
        place.run(hours=48)
        assert sum(mailed(place), Counter()) == Counter((*FIRST, *SECOND))
        assert len({message["Message-ID"] for message in place.messages()}) == len(place.messages())


@pytest.mark.parametrize("jump", [-26, -YEAR])
def test_a_pass_behind_time_is_refused_and_costs_nobody_a_paper(tmp_path, jump):
    seen, problems, _ = two_days(tmp_path, 0, jump)
    assert seen == Counter((*FIRST, *SECOND))
    assert "the clock is behind" in problems[1][0]
    assert problems[-1] == ()


def test_a_clock_set_back_by_less_than_papers_can_tell_costs_nobody_a_paper(tmp_path):
    seen, _, _ = two_days(tmp_path, 0, -2)
    assert seen == Counter((*FIRST, *SECOND))


@pytest.mark.parametrize("hours", [0.5, 0.9])
def test_a_clock_that_is_set_back_a_little_is_no_trouble(tmp_path, hours):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        assert place.run(hours=1).problems == ()
        assert place.run(hours=1 - hours).problems == ()
        assert len(place.messages()) == 1


def test_verify_and_doctor_name_it_until_a_run_has_put_it_right(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        place.run(hours=YEAR)
        with place.open() as app:
            (problem,) = outbox.verify(app).problems
            assert "entries are dated in the future" in problem
            assert "digest run" in problem
            assert machine._clock(app).level == "wrong"
        assert any("the clock was ahead" in line for line in place.run().problems)
        with place.open() as app:
            assert outbox.verify(app).is_ok
            assert machine._clock(app).level == "good"
        assert run(["-c", str(place.config), "--now", "2025-01-01T00:00:00+00:00", "poll"]) == 1


def test_mail_that_expired_on_a_wrong_day_goes_out_on_the_right_one(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        port, place.port = place.port, 1
        place.write()
        place.run()
        place.port = port
        place.write()
        assert place.run(hours=YEAR).sent.counts["expired"] == 1
        assert place.run(hours=3).sent.counts["sent"] >= 1
        assert sum(mailed(place), Counter()) == Counter(FIRST)


def test_a_leap_of_the_clock_prunes_no_more_than_a_week(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        place.run()
        with place.open(hours=10 * YEAR) as app:
            assert retention.prune(app).total == 0
        place.run(hours=10 * YEAR)
        with place.open(hours=10 * YEAR) as app:
            assert retention.prune(app).total == 0
        place.run(hours=24)
        with place.open(hours=24) as app, app.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.papers)) == 2
            assert connection.scalar(select(func.count()).select_from(tables.runs)) == 3


def test_a_right_clock_prunes_all_the_same_in_time(tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        place.run()
        for day in range(0, 800, 5):
            with place.open(hours=24 * day) as app:
                retention.prune(app)
        with place.open(hours=24 * 800) as app, app.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(tables.runs)) == 0


def test_every_stored_instant_is_known_to_be_past_planned_or_of_others():
    known = Counter(
        (name, column)
        for group in (clock.HAPPENED, clock.KEYS, clock.PLANNED, clock.OUTSIDE)
        for name, columns in group.items()
        for column in columns
    )
    stored = {
        (table.name, column.name)
        for table in tables.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, UTCDateTime)
    }
    assert set(known) == stored
    assert set(known.values()) == {1}


def test_nothing_of_the_future_is_left_on_either_database(engine, tmp_path):
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed(*FIRST))
        for hours in (0, YEAR, YEAR + 24):
            with place.open(hours=hours) as app:
                there = App(app.config, app.clock, engine)
                one_pass(there)
        with place.open(hours=30) as app:
            there = App(app.config, app.clock, engine)
            polling.poll(there)
            with there.reading() as connection:
                assert clock.look(connection, there.now()) is None
                assert settling.problem(connection, there.now()) == ""
                for group in (clock.HAPPENED, clock.KEYS):
                    for name, columns in group.items():
                        for column in columns:
                            table = tables.metadata.tables[name]
                            last = connection.scalar(select(func.max(table.c[column])))
                            assert last is None or last <= NOW + timedelta(hours=31), (name, column)
                slots = connection.scalars(select(tables.subscriptions.c.next_slot_at)).all()
                assert all(slot < NOW + timedelta(days=3) for slot in slots)
