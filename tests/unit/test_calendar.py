from datetime import UTC, date, datetime

import pytest

from digest.sources import _calendar as calendar


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-04-14 04:19", "2026-04-13"),  # Tuesday 00:19 in New York
        ("2026-04-14 04:20", "2026-04-14"),
        ("2026-04-18 12:00", "2026-04-17"),
        ("2026-04-20 03:00", "2026-04-17"),  # still Sunday evening there
        ("2026-01-13 05:19", "2026-01-12"),  # winter: an hour later
        ("2026-01-13 05:20", "2026-01-13"),
    ],
)
def test_the_feed_that_should_be_out(now, due):
    assert calendar.due_feed(at(now)) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("now", "is_complete", "slot"),
    [
        ("2026-04-14 03:00", False, "2026-04-14 04:20"),
        ("2026-04-14 04:30", False, "2026-04-14 05:20"),
        ("2026-04-14 04:30", True, "2026-04-14 11:20"),
        ("2026-04-14 12:00", True, "2026-04-15 04:20"),
        ("2026-04-17 12:00", True, "2026-04-20 04:20"),
        ("2026-03-06 13:00", True, "2026-03-09 04:20"),  # the clock goes forward on the 8th
        ("2026-10-30 12:00", True, "2026-11-02 05:20"),  # and back on 1 November
    ],
)
def test_the_next_look_is_a_slot_in_new_york(now, is_complete, slot):
    assert calendar.next_slot(at(now), is_complete=is_complete) == at(slot)


@pytest.mark.parametrize(
    ("on", "quiet"),
    [
        ("2026-04-18", True), ("2026-04-14", False), ("2026-06-22", True), ("2026-07-06", True),
        ("2026-05-26", True), ("2026-11-26", True), ("2026-12-25", True), ("2027-01-01", True),
        ("2026-06-24", False), ("2026-08-12", False),
    ],
)  # fmt: skip
def test_weekends_and_holidays_explain_an_empty_feed(on, quiet):
    assert calendar.may_be_quiet(date.fromisoformat(on)) is quiet


def test_feed_days_between_leave_out_both_ends_and_weekends():
    found = calendar.feed_days_between(date(2026, 4, 16), date(2026, 4, 21))
    assert found == (date(2026, 4, 17), date(2026, 4, 20))
