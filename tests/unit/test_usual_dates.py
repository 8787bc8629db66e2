from datetime import UTC
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.sources._reading import instant

DAYS = ("Mon, ", "Sun, ", "Foo, ", "")
MONTHS = ("Jan", "Apr", "Sep", "Dec")
ZONES = ("GMT", "UTC", "+0000", "-0000", "+0530", "-0430", "+2400", "EST")


def slowly(text):
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


@given(
    st.sampled_from(DAYS), st.integers(0, 32), st.sampled_from(MONTHS), st.integers(1900, 2099),
    st.integers(0, 24), st.integers(0, 61), st.sampled_from(ZONES),
)  # fmt: skip
@example("Tue, ", 14, "Apr", 2026, 8, 0, "GMT")
def test_usual_dates_are_what_the_mail_parser_makes_of_them(
    weekday, day, month, year, hour, minute, zone
):
    text = f"{weekday}{day:02} {month} {year} {hour:02}:{minute:02}:00 {zone}"
    expected = slowly(text)
    assert instant(text) == (expected if expected and expected.year >= 1900 else None)


@pytest.mark.parametrize("text", ["14 Apr 2026 08:00", "14 Apr 26 08:00:00 GMT"])
def test_shorter_forms_are_read_too(text):
    assert instant(text).isoformat() == "2026-04-14T08:00:00+00:00"
