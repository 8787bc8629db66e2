from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from builders import a_record

from digest.model import Completeness
from digest.sources import Batch
from digest.sources import _completeness as days

MONDAY, TUESDAY, WEDNESDAY = date(2026, 4, 13), date(2026, 4, 14), date(2026, 4, 15)


def morning(on, hour=6):
    """An hour of New York's morning, in April."""
    return datetime(on.year, on.month, on.day, hour + 4, tzinfo=UTC)


def batch(on, first=1, count=100, **more):
    return Batch(records=tuple(a_record(first + n) for n in range(count)), batch_on=on, **more)


def week(*batches, mark=None):
    for one, now in batches:
        mark = days.judge(one, mark, now=now)
    return mark


def monday(**more):
    return week((batch(MONDAY, **more), morning(MONDAY)))


def test_todays_new_batch_is_confirmed():
    mark = monday()
    assert (mark.verdict, mark.done_on) == (Completeness.CONFIRMED, MONDAY)
    mark = week((batch(TUESDAY, 200), morning(TUESDAY)), mark=mark)
    assert (mark.verdict, mark.done_on) == (Completeness.CONFIRMED, TUESDAY)


def test_yesterdays_batch_under_todays_date_is_stale():
    mark = week((batch(TUESDAY), morning(TUESDAY)), mark=monday())
    assert (mark.verdict, mark.done_on) == (Completeness.STALE, MONDAY)


def test_a_few_more_papers_do_not_make_yesterdays_batch_new():
    mark = week((batch(TUESDAY, count=104), morning(TUESDAY)), mark=monday())
    assert mark.verdict is Completeness.STALE


def test_ids_below_yesterdays_highest_are_not_todays():
    mark = week((batch(TUESDAY, 1, 50), morning(TUESDAY)), mark=monday(first=200))
    assert mark.verdict is Completeness.STALE


def test_yesterdays_batch_under_its_own_date_is_stale_today():
    mark = week((batch(MONDAY), morning(TUESDAY)), mark=monday())
    assert mark.verdict is Completeness.STALE


def test_a_stale_feed_recovers_when_the_new_one_comes():
    mark = week((batch(TUESDAY), morning(TUESDAY)), mark=monday())
    mark = week((batch(TUESDAY, 200), morning(TUESDAY, 8)), mark=mark)
    assert (mark.verdict, mark.done_on) == (Completeness.CONFIRMED, TUESDAY)


def test_a_full_document_is_truncated_whatever_its_date():
    cut = batch(TUESDAY, 200, completeness=Completeness.TRUNCATED)
    assert week((cut, morning(TUESDAY)), mark=monday()).verdict is Completeness.TRUNCATED


def test_a_batch_far_smaller_than_all_before_is_partial():
    mark = replace(monday(), counts=(100, 90, 95, 240))
    mark = week((batch(TUESDAY, 200, 20), morning(TUESDAY)), mark=mark)
    assert (mark.verdict, mark.done_on) == (Completeness.PARTIAL, MONDAY)


@pytest.mark.parametrize(
    ("on", "verdict"),
    [
        (date(2026, 4, 18), Completeness.QUIET),
        (date(2026, 6, 22), Completeness.QUIET),
        (TUESDAY, Completeness.UNKNOWN),
    ],
)
def test_an_empty_feed_is_quiet_only_where_the_calendar_says_so(on, verdict):
    assert days.judge(Batch(batch_on=on), None, now=morning(on)).verdict is verdict


def test_a_tiny_category_may_be_empty_on_any_day():
    tiny = monday(count=2)
    mark = days.judge(Batch(batch_on=TUESDAY), tiny, now=morning(TUESDAY))
    assert (mark.verdict, mark.done_on) == (Completeness.QUIET, TUESDAY)
    yesterday = days.judge(Batch(batch_on=MONDAY), tiny, now=morning(TUESDAY))
    assert yesterday.verdict is Completeness.STALE


def test_an_unchanged_answer_goes_stale_when_the_next_batch_is_due():
    assert days.carry(monday(), now=morning(MONDAY, 12)).verdict is Completeness.CONFIRMED
    assert days.carry(monday(), now=morning(TUESDAY)).verdict is Completeness.STALE


def test_days_that_nobody_saw_are_missed_and_then_filled():
    friday = date(2026, 4, 17)
    mark = week((batch(friday, 300), morning(friday)), mark=monday())
    assert (mark.verdict, mark.done_on) == (Completeness.CONFIRMED, MONDAY)
    missing = days.missed({"cs.LG": mark}, now=morning(friday))
    assert missing == (TUESDAY, WEDNESDAY, date(2026, 4, 16))
    filled = days.backfilled({"cs.LG": mark}, missing)
    assert filled["cs.LG"].verdict is Completeness.BACKFILLED
    assert filled["cs.LG"].done_on == friday
    assert days.missed(filled, now=morning(friday)) == ()


def test_today_is_missed_only_once_it_is_late():
    mark = week((batch(TUESDAY), morning(TUESDAY)), mark=monday())
    assert days.missed({"x": mark}, now=morning(TUESDAY, 6)) == ()
    assert days.missed({"x": mark}, now=morning(TUESDAY, 8)) == (TUESDAY,)


def test_a_harvest_without_later_papers_does_not_make_today_whole():
    stale = week((batch(TUESDAY), morning(TUESDAY)), mark=monday())
    marks, missing = {"x": stale}, (TUESDAY,)
    late = morning(TUESDAY, 9)
    again = days.after_harvest(marks, missing, [batch(MONDAY)], now=late)["x"]
    assert (again.verdict, again.done_on) == (Completeness.STALE, MONDAY)
    filled = days.after_harvest(marks, missing, [batch(TUESDAY, 200)], now=late)["x"]
    assert (filled.verdict, filled.done_on) == (Completeness.BACKFILLED, TUESDAY)
    over = days.after_harvest(marks, missing, [Batch()], now=morning(WEDNESDAY))["x"]
    assert over.done_on == TUESDAY


def test_a_friday_without_a_batch_is_missed_on_saturday():
    thursday, saturday = date(2026, 4, 16), date(2026, 4, 18)
    mark = week((batch(thursday), morning(thursday)))
    assert days.missed({"x": mark}, now=morning(saturday)) == (date(2026, 4, 17),)


def test_a_source_never_whole_before_has_missed_nothing():
    mark = week((batch(MONDAY), morning(TUESDAY)))
    assert days.missed({"x": mark}, now=morning(WEDNESDAY, 9)) == ()


def test_an_open_day_is_rightly_unfinished():
    lists = [
        Batch(batch_on=MONDAY, completeness=Completeness.CONFIRMED),
        Batch(batch_on=TUESDAY, completeness=Completeness.PARTIAL),
    ]
    assert days.of_days(lists, today=TUESDAY) is Completeness.CONFIRMED
    assert days.of_days(lists, today=WEDNESDAY) is Completeness.PARTIAL


def test_marks_survive_the_store():
    mark = monday()
    assert days.from_document(days.to_document(mark)) == mark


def test_what_is_not_whole_is_named():
    partial = replace(monday(), verdict=Completeness.PARTIAL)
    checked = replace(partial, stated=60, missing=30)
    stale = replace(monday(), verdict=Completeness.STALE)
    marks = {"cs.LG": partial, "cs.CL": checked, "cs.CV": stale, "cs.AI": monday()}
    assert days.why_unfinished(marks, [], today=TUESDAY) == (
        "cs.CL is partial: 30 of 60, cs.CV is stale: nothing newer than 2026-04-13, "
        "cs.LG is partial: 100 papers on 2026-04-13"
    )
    lists = [Batch(batch_on=MONDAY, completeness=Completeness.PARTIAL), batch(TUESDAY)]
    assert days.why_unfinished({}, lists, today=TUESDAY) == "2026-04-13 is partial: 0 papers"
    many = {f"c{n:02}": partial for n in range(30)}
    assert days.why_unfinished(many, [], today=TUESDAY).endswith(" and 25 more")


def test_what_never_gave_anything_is_not_called_stale():
    mark = None
    for day in (MONDAY, TUESDAY):
        mark = days.judge(Batch(batch_on=day), mark, now=morning(day))
        assert mark.verdict is Completeness.UNKNOWN
    assert days.why_unfinished({"math.KT": mark}, [], today=TUESDAY) == ""
