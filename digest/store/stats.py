"""What happened on which day, counted: papers, polls, editions, feedback, mail, readers.

Days are UTC days, or the date that a row itself names (announced, edition). Only counts leave
the store, and a sample of editions for their scores; what to make of them is decided elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from statistics import fmean
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, String, and_, func, select

from digest.store import browsing, ledger
from digest.store.tables import bounces, deliveries, editions, feedback, polls, shown, subscribers

Tally = Mapping[str, Mapping[date, float]]
"""By name, then day; a day without any is absent."""

SAMPLE = 300
"""Editions of a day whose scores are looked at: a million need not be read to know the mean."""


def papers(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the papers that each source announced as new."""
    found: dict[str, dict[date, float]] = defaultdict(dict)
    for volume in browsing.volumes(connection, first_on, last_on):
        found[volume.source][volume.announced_on] = volume.count
    return found


def failed_polls(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the polls of each source that failed."""
    day = _day(polls.c.at)
    return _tally(
        connection,
        select(polls.c.source, day, func.count())
        .where(day.between(*_bounds(first_on, last_on)), polls.c.status == "failed")
        .group_by(polls.c.source, day),
    )


def picks(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the editions and their picks, and the editions that had none."""
    rows = connection.execute(
        select(
            editions.c.edition_on,
            func.count(),
            func.sum(editions.c.pick_count),
            func.count().filter(editions.c.pick_count == 0),
        )
        .where(editions.c.edition_on.between(first_on, last_on))
        .group_by(editions.c.edition_on)
    )
    found: dict[str, dict[date, float]] = {
        "editions": {},
        "papers picked": {},
        "without a pick": {},
    }
    for day, made, picked, empty in rows:
        found["editions"][day] = made
        found["papers picked"][day] = int(picked or 0)
        found["without a pick"][day] = empty
    return found


def scores(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Return the mean score of picks: whole, by interest and by trend; from a sample."""
    found: dict[str, dict[date, float]] = {"score": {}, "interest": {}, "trend": {}}
    days = connection.scalars(
        select(editions.c.edition_on)
        .where(editions.c.edition_on.between(first_on, last_on), editions.c.pick_count > 0)
        .distinct()
    ).all()
    for day in days:
        contents = connection.scalars(
            select(editions.c.content)
            .where(editions.c.edition_on == day, editions.c.pick_count > 0)
            .order_by(editions.c.id)
            .limit(SAMPLE)
        )
        frozen = [orjson.loads(content)["picks"] for content in contents]
        columns = (
            ("scores", "score"), ("interest_scores", "interest"), ("trend_scores", "trend"),
        )  # fmt: skip
        for column, name in columns:
            values = [value for picks in frozen for value in picks[column]]
            found[name][day] = round(fmean(values), 4)
    return found


def said(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the words of feedback by kind, on the day they were said."""
    day = _day(feedback.c.at)
    return _tally(
        connection,
        select(feedback.c.kind, day, func.count())
        .where(day.between(*_bounds(first_on, last_on)))
        .group_by(feedback.c.kind, day),
    )


def judged(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the words on papers that an edition showed, on the edition's day."""
    told = and_(
        shown.c.subscriber_id == feedback.c.subscriber_id, ledger.showed(feedback.c.paper_id)
    )
    return _tally(
        connection,
        select(feedback.c.kind, editions.c.edition_on, func.count())
        .select_from(feedback.join(shown, told).join(editions, editions.c.id == shown.c.edition_id))
        .where(editions.c.edition_on.between(first_on, last_on))
        .group_by(feedback.c.kind, editions.c.edition_on),
    )


def mails(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the deliveries by where they stand now, on the day they were planned."""
    day = _day(deliveries.c.created_at)
    return _tally(
        connection,
        select(deliveries.c.state, day, func.count())
        .where(day.between(*_bounds(first_on, last_on)))
        .group_by(deliveries.c.state, day),
    )


def returned(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count bounces and complaints by kind."""
    day = _day(bounces.c.received_at)
    return _tally(
        connection,
        select(bounces.c.kind, day, func.count())
        .where(day.between(*_bounds(first_on, last_on)))
        .group_by(bounces.c.kind, day),
    )


def joined(connection: Connection, first_on: date, last_on: date) -> Tally:
    """Count the readers that were confirmed, and those that left."""
    found: dict[str, dict[date, float]] = {}
    for name, column in (
        ("joined", subscribers.c.confirmed_at),
        ("left", subscribers.c.unsubscribed_at),
    ):
        day = _day(column)
        rows = connection.execute(
            select(day, func.count()).where(day.between(*_bounds(first_on, last_on))).group_by(day)
        )
        found[name] = {_date(at): count for at, count in rows}
    return found


def _tally(connection: Connection, query: Select[Any]) -> Tally:
    found: dict[str, dict[date, float]] = defaultdict(dict)
    for name, day, count in connection.execute(query):
        found[name][_date(day)] = count
    return found


def _day(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return an instant's UTC day: a date on PostgreSQL, ISO text on SQLite."""
    return func.date(column, type_=String)


def _bounds(first_on: date, last_on: date) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return both days in the very type that ``_day`` gives on this database."""
    return func.date(first_on.isoformat()), func.date(last_on.isoformat())


def _date(value: Any) -> date:
    """Return a day: SQLite's date() gives text."""
    return value if isinstance(value, date) else date.fromisoformat(value)
