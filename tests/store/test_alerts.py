from datetime import timedelta

import pytest
from builders import NOON

from digest.store import alerts

LATER = NOON + timedelta(hours=3)


@pytest.fixture
def connection(engine):
    with engine.begin() as connection:
        yield connection


def told(connection):
    found = alerts.untold(connection)
    alerts.tell(connection, found, now=NOON)
    return [(a.subject, a.right_at is None) for a in found]


def test_trouble_is_told_once_and_once_when_it_is_right_again(connection):
    alerts.wrong(connection, "source:arxiv", "no answer", now=NOON)
    assert told(connection) == [("source:arxiv", True)]
    alerts.wrong(connection, "source:arxiv", "still no answer", now=LATER)
    assert told(connection) == []
    alerts.right(connection, "source:arxiv", now=LATER)
    alerts.right(connection, "source:arxiv", now=LATER + timedelta(hours=1))
    assert told(connection) == [("source:arxiv", False)]
    assert alerts.untold(connection) == alerts.open_alerts(connection) == []


def test_trouble_that_passed_before_anybody_was_told_is_no_mail(connection):
    alerts.wrong(connection, "sending", "the relay is down", now=NOON)
    alerts.right(connection, "sending", now=LATER)
    assert told(connection) == []


def test_trouble_that_comes_back_before_its_end_was_told_goes_on(connection):
    alerts.wrong(connection, "sending", "down", now=NOON)
    told(connection)
    alerts.right(connection, "sending", now=LATER)
    alerts.wrong(connection, "sending", "down again", now=LATER)
    assert told(connection) == []
    assert [(a.since, a.detail) for a in alerts.open_alerts(connection)] == [(NOON, "down again")]


def test_what_is_right_stays_silent(connection):
    alerts.right(connection, "source:arxiv", now=NOON)
    assert told(connection) == []
