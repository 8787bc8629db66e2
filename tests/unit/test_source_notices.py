from datetime import date, timedelta

from builders import NOON

from digest.model import Completeness
from digest.sources import _notices as notices
from digest.sources._rhythm import Silence

HOUR = timedelta(hours=1)
SILENCE = Silence(since=date(2026, 4, 1), usual=3, days_a_week=5)


def told(*polls):
    """Return what the owner hears at each poll: (hour, verdict, silence)."""
    known, found = {}, []
    for hour, completeness, silence in polls:
        changed = notices.after_good_poll(
            known, completeness=completeness, why="", silence=silence, now=NOON + hour * HOUR
        )
        known = changed.notices
        found.append((list(changed.begun), list(changed.over)))
        assert notices.from_document(notices.to_document(known)) == known
    return found


def test_a_late_day_is_told_once_when_it_stays_late_and_once_when_it_is_whole():
    stale, whole = Completeness.STALE, Completeness.CONFIRMED
    found = told(*[(hour, stale, None) for hour in (0, 1, 3, 7, 8)], *[(9, whole, None)] * 2)
    assert found == [([], []), ([], []), ([], []), (["incomplete"], []), ([], []),
                     ([], ["incomplete"]), ([], [])]  # fmt: skip


def test_a_late_day_that_gets_whole_in_the_morning_is_never_told():
    found = told((0, Completeness.PARTIAL, None), (3, Completeness.CONFIRMED, None))
    assert found == [([], []), ([], [])]


def test_a_cut_document_is_told_at_once():
    assert told((0, Completeness.TRUNCATED, None)) == [(["incomplete"], [])]


def test_a_silence_is_told_at_once_and_its_end_too():
    unknown = Completeness.UNKNOWN
    found = told((0, unknown, SILENCE), (24, unknown, SILENCE), (48, unknown, None))
    assert found == [(["silent"], []), ([], []), ([], ["silent"])]


def test_days_that_cannot_be_got_back_are_named():
    changed = notices.after_good_poll(
        {}, completeness=Completeness.PARTIAL, why="2 days are lost", silence=None, now=NOON
    )
    assert changed.notices["incomplete"].text == "2 days are lost"
