import itertools
from datetime import timedelta

from builders import NOON

from digest.sources.signals._plan import AGES, after_failure, next_look

DAYS = timedelta(days=14)


def looks(until=DAYS, every=timedelta(0)):
    """Return the ages at which a paper is looked at by a job that is late by ``every``."""
    at, found = NOON, []
    while at - NOON <= until:
        found.append(at - NOON)
        at = next_look(NOON, now=at) + every
    return found


def test_a_paper_is_looked_at_ever_more_rarely():
    ages = looks()
    gaps = [later - sooner for sooner, later in itertools.pairwise(ages)]
    assert ages == list(AGES)
    assert gaps == sorted(gaps)
    assert len(ages) == 13


def test_a_late_job_makes_up_for_nothing():
    assert next_look(NOON, now=NOON + timedelta(days=3, hours=1)) == NOON + timedelta(days=4)


def test_the_next_look_is_always_later():
    assert all(next_look(NOON, now=NOON + age) > NOON + age for age in looks(timedelta(days=60)))


def test_a_failure_is_made_good_within_the_hour_but_no_later_than_planned():
    assert after_failure(NOON, now=NOON + timedelta(days=5)) == NOON + timedelta(days=5, hours=1)
    soon = NOON + timedelta(hours=2, minutes=30)
    assert after_failure(NOON, now=soon) == NOON + timedelta(hours=3)
