from datetime import timedelta
from email.utils import format_datetime

import pytest
from builders import NOON

from digest.sources._http import read_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120), ("120, 60", 120), ("0", 0), ("-5", 0), ("1.5", 1.5),
        ("315360000", 86_400), ("9" * 400, 86_400),
    ],
)  # fmt: skip
def test_seconds_are_read_and_capped(value, seconds):
    assert read_retry_after(value, now=NOON) == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("value", ["", "abc", "soon", "12 minutes", "Tue, 99 Foo 2026"])
def test_rubbish_says_nothing(value):
    assert read_retry_after(value, now=NOON) is None


@pytest.mark.parametrize("skew", [timedelta(0), timedelta(days=1), timedelta(days=-1)])
def test_a_date_is_taken_by_the_servers_own_clock(skew):
    theirs = NOON + skew
    header = format_datetime(theirs + timedelta(minutes=10), usegmt=True)
    found = read_retry_after(header, now=NOON, server_date=format_datetime(theirs, usegmt=True))
    assert found == NOON + timedelta(minutes=10)


def test_a_date_in_the_past_is_now():
    header = format_datetime(NOON - timedelta(hours=1), usegmt=True)
    assert read_retry_after(header, now=NOON) == NOON
