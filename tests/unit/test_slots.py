from datetime import UTC, date, datetime, time

import pytest

from digest.model import Frequency, Schedule
from digest.subscribers.slots import NEVER, first_slot, latest_slot, local_date, next_slot

BERLIN = Schedule(send_time=time(7, 30), time_zone="Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_next_slot_is_today_before_the_hour_and_tomorrow_after():
    assert next_slot(BERLIN, at("2026-04-14T05:00")) == at("2026-04-14T05:30")
    assert next_slot(BERLIN, at("2026-04-14T05:30")) == at("2026-04-15T05:30")


def test_slot_keeps_local_time_across_the_change_of_clocks():
    assert next_slot(BERLIN, at("2026-03-28T07:00")) == at("2026-03-29T05:30")
    assert next_slot(BERLIN, at("2026-03-27T07:00")) == at("2026-03-28T06:30")


def test_skipped_local_time_still_has_one_slot_that_day():
    early = Schedule(send_time=time(2, 30), time_zone="Europe/Berlin")
    slot = next_slot(early, at("2026-03-28T12:00"))
    assert local_date(early, slot) == date(2026, 3, 29)


def test_repeated_local_time_has_one_slot():
    early = Schedule(send_time=time(2, 30), time_zone="Europe/Berlin")
    first = next_slot(early, at("2026-10-24T12:00"))
    assert local_date(early, next_slot(early, first)) == date(2026, 10, 26)


def test_weekdays_are_the_readers_not_utc():
    auckland = Schedule(send_time=time(7), time_zone="Pacific/Auckland", weekdays=(0,))
    slot = next_slot(auckland, at("2026-04-14T00:00"))
    assert slot.weekday() == 6  # still Sunday in UTC
    assert local_date(auckland, slot).weekday() == 0


def test_weekly_edition_has_one_day():
    weekly = Schedule(frequency=Frequency.WEEKLY, weekdays=(4, 5))
    slot = next_slot(weekly, at("2026-04-14T00:00"))
    assert slot.date() == date(2026, 4, 17)
    assert next_slot(weekly, slot).date() == date(2026, 4, 24)


def test_pause_moves_the_next_slot():
    paused = Schedule(paused_until=date(2026, 5, 1))
    assert next_slot(paused, at("2026-04-14T00:00")) == at("2026-05-01T07:30")


def test_downtime_leaves_only_the_latest_slot():
    assert latest_slot(BERLIN, at("2026-04-10T05:30"), at("2026-04-14T09:00")) == at(
        "2026-04-14T05:30"
    )


def test_first_edition_keeps_its_own_instant():
    first = at("2026-04-14T09:00")
    assert latest_slot(BERLIN, first, at("2026-04-14T09:05")) == first


@pytest.mark.parametrize(
    "wanted",
    [{"weekdays": (0,)}, {"frequency": Frequency.WEEKLY}, {"weekdays": ()},
     {"send_time": time(20), "time_zone": "America/Los_Angeles"}],
)  # fmt: skip
def test_a_pause_without_end_has_a_slot_that_never_comes(wanted):
    forever = Schedule(paused_until=date.max, **wanted)
    assert next_slot(forever, at("2026-04-14T00:00")) == NEVER
    assert latest_slot(forever, at("2026-04-14T00:00"), at("2026-04-14T08:00")) < NEVER


def test_a_first_edition_waits_only_for_the_end_of_a_pause():
    now = at("2026-04-14T12:00")
    assert first_slot(Schedule(paused_until=date(2026, 4, 14)), now) == now
    assert first_slot(Schedule(paused_until=date(2026, 5, 1)), now) == at("2026-05-01T07:30")
