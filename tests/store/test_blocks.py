"""Blocks of subscriptions that are due, among many, on a server."""

from builders import NOON
from crowd import fill
from sqlalchemy import event, select, text

from digest.model import Feedback, FeedbackKind
from digest.store import feedback, profiles
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
        assert len(profiles.due(connection, NOON, limit=50)) == 50
        query, given = asked[0]
        found = connection.connection.driver_connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", given
        )
        (plan,) = found.fetchone()[0]
    assert rows_read(plan["Plan"]) < PEOPLE / 2


def test_readers_are_heard_while_a_block_of_them_is_planned(postgresql_engine):
    with postgresql_engine.begin() as connection:
        fill(connection, people=3, works=2, due_at=NOON)
        (paper,) = connection.scalars(select(papers.c.id).limit(1))
    with postgresql_engine.begin() as planner:
        people = [s.subscriber.row_id for s in profiles.due(planner, NOON, limit=10)]
        profiles.hold(planner, people)
        with postgresql_engine.begin() as page:
            page.execute(text("SET LOCAL lock_timeout = '2s'"))
            said = Feedback(paper_id=paper, kind=FeedbackKind.MORE, at=NOON)
            feedback.record(page, people[0], said)
            assert profiles.due(page, NOON, limit=10) == []


def rows_read(node):
    below = [rows_read(child) for child in node.get("Plans", ())]
    return max([node["Actual Rows"] * node["Actual Loops"], *below])
