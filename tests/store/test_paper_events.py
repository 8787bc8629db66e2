"""What is told of a paper after its first day, and what never makes a sound."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from builders import NOON, a_record
from sqlalchemy import event, select

from digest.model import AnnounceType
from digest.store import database, tables
from digest.store.ingest import ingest

DAY = timedelta(days=1)


@pytest.fixture
def take(engine):
    def take(*batch, days=0, source="arxiv-ml"):
        with engine.begin() as connection:
            return ingest(connection, source=source, records=batch, now=NOON + days * DAY)

    return take


@pytest.fixture
def told(engine):
    """Return the kinds of all events, in order, but for the first news."""

    def told():
        with database.reading(engine) as connection:
            query = select(tables.events.c.kind).order_by(tables.events.c.id)
            kinds = connection.scalars(query).all()
        assert kinds[0] == "new"
        return kinds[1:]

    return told


def version(number, **changes):
    return a_record(
        version=number,
        native_id=f"oai:arXiv.org:2604.00001v{number}",
        announce_type=AnnounceType.REPLACE,
        announced_on=date(2026, 4, 14 + number),
        **changes,
    )


def test_a_new_title_in_a_new_version_is_told_as_both(take, told):
    take(a_record(title="A study of things"))
    take(version(2, title="A study of quite other things"), days=1)
    assert told() == ["new-version", "retitled"]


@pytest.mark.parametrize("title", ["A T$^2$PO study.", "<i>A</i>  T²PO Study", "A T^2PO study"])
def test_another_spelling_of_the_title_is_no_new_title(take, told, title):
    take(a_record(title="A T²PO study"))
    take(version(2, title=title), days=1)
    assert told() == ["new-version"]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_versions_in_any_order_leave_the_latest(take, engine, order):
    for days, number in enumerate(order):
        take(version(number, title=f"The title of version {number}"), days=days)
    with database.reading(engine) as connection:
        columns = (tables.papers.c.title, tables.papers.c.version)
        assert connection.execute(select(*columns)).one() == ("The title of version 3", 3)
        kept = connection.scalars(select(tables.versions.c.number)).all()
    assert sorted(kept) == [1, 2, 3]


@pytest.mark.parametrize(
    "changes",
    [
        {"withdrawn": True},
        {"title": "WITHDRAWN: Paper number 1 about careful studies of things"},
        {"comment": "This paper has been withdrawn by the authors"},
        {"comment": "Withdrawn"},
    ],
)
def test_however_a_withdrawal_is_said_it_is_told_once(take, told, changes):
    take(a_record())
    for days in (1, 2):
        take(version(2, **changes), days=days)
    assert told().count("withdrawn") == 1


def test_a_comment_on_withdrawing_something_else_is_no_withdrawal(take, told):
    take(a_record())
    take(version(2, comment="We study when articles are withdrawn. 8 pages"), days=1)
    assert told() == ["new-version"]


def test_a_withdrawn_paper_may_come_back(take, engine):
    take(a_record())
    take(version(2, withdrawn=True), days=1)
    take(version(3), days=2)
    with database.reading(engine) as connection:
        assert connection.scalar(select(tables.papers.c.withdrawn)) is False


def test_a_journal_id_that_a_preprint_gets_is_told_and_is_no_news(take, told):
    take(a_record())
    counts = take(a_record(ids=("doi:10.1000/x",)), days=1)
    assert told() == ["published"]
    assert (counts.new, counts.revised) == (0, 1)


def test_a_repeated_batch_writes_nothing_that_day_and_one_thing_the_next(take, engine):
    batch = [a_record(number) for number in range(1, 6)]
    take(*batch)
    written = []

    def note(_connection, _cursor, statement, *_rest):
        verb, *rest = statement.split()
        if verb in ("INSERT", "UPDATE", "DELETE"):
            written.append((verb, next(word for word in rest if word != "INTO")))

    event.listen(engine, "before_cursor_execute", note)
    take(*batch)
    assert written == []
    take(*batch, days=1)
    event.remove(engine, "before_cursor_execute", note)
    assert written == [("UPDATE", "records")]
