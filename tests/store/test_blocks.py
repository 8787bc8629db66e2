"""Blocks of subscriptions that are due, among many, on a server."""

from builders import NOON
from crowd import fill
from sqlalchemy import event, text

from digest.store import profiles

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


def rows_read(node):
    below = [rows_read(child) for child in node.get("Plans", ())]
    return max([node["Actual Rows"] * node["Actual Loops"], *below])
