from datetime import timedelta

from builders import NOON

from digest.subscribers.bounce_score import THRESHOLD, scored

DAY = timedelta(days=1)


def after(*gaps, status="", **changes):
    """Return the score after refusals that far apart."""
    score, at = scored(0, None, NOON, status=status), NOON
    for gap in gaps:
        at += gap
        score = scored(score, at - gap, at, status=status, **changes)
    return score


def test_five_days_in_a_row_are_enough():
    assert after(DAY, DAY, DAY) < THRESHOLD
    assert after(DAY, DAY, DAY, DAY) >= THRESHOLD


def test_a_weekly_readers_refusals_add_up_too():
    assert after(*[7 * DAY] * 4) >= THRESHOLD


def test_several_on_one_day_count_once():
    assert after(*[timedelta(hours=1)] * 8) == 1


def test_a_mail_that_got_through_starts_the_count_anew():
    assert scored(4, NOON - DAY, NOON, received_since=True) == 1


def test_time_forgets():
    assert scored(4, NOON - 41 * DAY, NOON) == 1
    assert scored(4, NOON - 21 * DAY, NOON) == 3


def test_a_disabled_mailbox_needs_two_within_two_weeks():
    assert after(status="5.2.1") < THRESHOLD
    assert after(14 * DAY, status="5.2.1") >= THRESHOLD
    assert after(40 * DAY, status="5.2.1") < THRESHOLD
