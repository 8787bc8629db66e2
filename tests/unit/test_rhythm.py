from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources import _rhythm as rhythm

MONDAY = date(2026, 4, 6)
DAY = timedelta(days=1)


def weeks(*week, times=8):
    """Poll every day of some weeks whose days bring this much, Monday first."""
    found = rhythm.Rhythm()
    for number in range(7 * times):
        found = rhythm.after_poll(found, week[number % 7], on=MONDAY + number * DAY)
    return found


def silent_for(found):
    """Return after how many days without anything the silence is worth a word."""
    days = range(1, 400)
    return next((n for n in days if rhythm.silence(found, on=found.last_on + n * DAY)), None)


@pytest.mark.parametrize(
    ("week", "first", "last"),
    [
        ((12, 9, 11, 14, 8, 0, 0), 5, 8),  # a weekend, and three working days
        ((3, 2, 4, 3, 2, 1, 3), 3, 5),
        ((0, 1, 0, 0, 0, 0, 0), 21, 29),  # every Tuesday
        ((1, 0, 2, 0, 1, 0, 0), 6, 15),
    ],
)
def test_silence_is_held_against_what_is_usual(week, first, last):
    assert first <= silent_for(weeks(*week)) <= last


def test_a_few_posts_or_days_say_nothing_of_what_is_usual():
    assert silent_for(weeks(5, 5, 5, 5, 5, 5, 5, times=2)) is None
    assert silent_for(weeks(0, 0, 1, 0, 0, 0, 0, times=7)) is None
    assert rhythm.silence(rhythm.Rhythm(), on=MONDAY) is None


def test_a_pause_as_long_as_one_before_is_no_news():
    found = weeks(3, 3, 3, 3, 3, 0, 0, times=4)
    back = found.last_on + 12 * DAY
    for number in range(20):
        found = rhythm.after_poll(found, 3, on=back + number * DAY)
    assert silent_for(found) > 1.5 * 11


def test_christmas_is_not_expected_to_bring_anything():
    found = rhythm.Rhythm()
    for number in range(70):
        on = date(2026, 10, 14) + number * DAY
        found = rhythm.after_poll(found, 5 * (on.weekday() < 5), on=on)
    assert found.last_on == date(2026, 12, 22)
    assert rhythm.silence(found, on=date(2026, 12, 28)) is None
    assert rhythm.silence(found, on=date(2027, 1, 4)) is None
    assert rhythm.silence(found, on=date(2027, 1, 9)) is not None


def test_the_sentence_names_the_day_and_the_usual():
    found = weeks(12, 9, 11, 14, 10, 0, 0)
    assert str(rhythm.silence(found, on=found.last_on + 20 * DAY)) == (
        "nothing new since 2026-05-29, though usually about 11 on 5 days of a week"
    )
    found = weeks(0, 1, 0, 0, 0, 0, 0, times=9)
    said = str(rhythm.silence(found, on=found.last_on + 60 * DAY))
    assert said.endswith("usually about 1 every 7 days")


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 5000)), max_size=80))
def test_any_history_is_kept_short_and_survives_the_store(steps):
    found, on = rhythm.Rhythm(), MONDAY
    for days, fresh in steps:
        on += days * DAY
        found = rhythm.after_poll(found, fresh, on=on)
        rhythm.silence(found, on=on)
    assert len(found.counts) <= rhythm.MOST_DAYS
    assert rhythm.from_document(rhythm.to_document(found)) == found


def test_a_clock_set_back_breaks_nothing():
    found = weeks(3, 3, 3, 3, 3, 3, 3, times=4)
    back = rhythm.after_poll(found, 2, on=found.last_on - 9 * DAY)
    assert (back.last_on, back.counts[-1]) == (found.last_on, 5)
    assert rhythm.silence(back, on=found.last_on - 9 * DAY) is None
