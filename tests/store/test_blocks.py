"""Blocks of subscriptions that are due, among many."""

import pytest
from builders import NOON
from crowd import fill
from sqlalchemy import event, select, text

from digest.model import Feedback, FeedbackKind
from digest.store import due, feedback
from digest.store.tables import papers

PEOPLE = 4000


def test_a_block_is_found_without_a_look_at_everybody(postgresql_engine):
    with postgresql_engine.begin() as connection:
        fill(connection, people=PEOPLE, works=1, due_at=NOON)
        connection.execute(text("ANALYZE"))
        asked = []
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _c, _u, query, given, *_: asked.append((query, given)),
        )
        assert len(due.block(connection, NOON, limit=50)) == 50
        query, given = asked[0]
        found = connection.connection.driver_connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", given
        )
        (plan,) = found.fetchone()[0]
    assert rows_read(plan["Plan"]) < PEOPLE / 2


@pytest.mark.parametrize("share", [due.WHOLE, (1, 8)])
def test_the_embedded_database_goes_by_slot_and_sorts_nobody(sqlite_engine, share):
    with sqlite_engine.begin() as connection:
        fill(connection, people=300, works=1, due_at=NOON)
        asked = []
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _c, _u, query, given, *_: asked.append((query, given)),
        )
        first = due.block(connection, NOON, limit=2, share=share)
        due.block(connection, NOON, limit=2, share=share, after=first[-1])
        for query, given in asked[:2]:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given).all()
            assert [row[3].split("USING")[1].split("(")[0].strip() for row in plan] == [
                "INDEX ix_subscriptions_next_slot_at_id",
                "INTEGER PRIMARY KEY",
                "INTEGER PRIMARY KEY",
            ]


def test_readers_are_heard_while_a_block_of_them_is_planned(postgresql_engine):
    with postgresql_engine.begin() as connection:
        fill(connection, people=3, works=2, due_at=NOON)
        (paper,) = connection.scalars(select(papers.c.id).limit(1))
    with postgresql_engine.begin() as planner:
        people = [s.subscriber.row_id for s in due.block(planner, NOON, limit=10)]
        due.hold(planner, people)
        with postgresql_engine.begin() as page:
            page.execute(text("SET LOCAL lock_timeout = '2s'"))
            said = Feedback(paper_id=paper, kind=FeedbackKind.MORE, at=NOON)
            feedback.record(page, people[0], said)
            assert due.block(page, NOON, limit=10) == []


def rows_read(node):
    below = [rows_read(child) for child in node.get("Plans", ())]
    return max([node["Actual Rows"] * node["Actual Loops"], *below])
