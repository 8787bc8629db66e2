"""Claims of a few deliveries among many that the server's statistics know nothing of."""

from datetime import timedelta

from builders import NOON
from sqlalchemy import event, text

from digest.model import Purpose
from digest.store import outbox
from digest.store.outbox import Planned
from digest.store.tables import deliveries

MANY = 2000


def test_a_claim_looks_for_its_rows_once_whatever_the_statistics_say(postgresql_engine):
    with postgresql_engine.begin() as connection:
        outbox.plan(connection, many(), NOON)
        connection.execute(deliveries.delete())
        connection.execute(text("ANALYZE deliveries"))  # as pruning and autovacuum may leave it
        outbox.plan(connection, many(), NOON)
        asked = []
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _c, _u, query, given, *_: asked.append((query, given)),
        )
        lease = NOON + timedelta(minutes=10)
        assert len(outbox.claim(connection, "me", now=NOON, lease_until=lease, limit=40)) == 40
        driver = connection.connection.driver_connection
        for query, given in asked:
            found = driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", given)
            (plan,) = found.fetchone()[0]
            assert rows_looked_at(plan["Plan"]) <= 2 * MANY


def many():
    return [
        Planned(
            purpose=Purpose.EDITION,
            address=f"ada{n}@example.org",
            address_hmac=f"{n:064x}",
            message_id=f"<{n}@example.org>",
            edition_id=n,
            expires_at=NOON + timedelta(hours=20),
        )
        for n in range(1, MANY + 1)
    ]


def rows_looked_at(node):
    below = [rows_looked_at(child) for child in node.get("Plans", ())]
    passed_over = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Join Filter", 0)
    return max([(node["Actual Rows"] + passed_over) * node["Actual Loops"], *below])
