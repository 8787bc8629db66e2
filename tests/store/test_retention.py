"""What `digest prune` removes and, more so, what it keeps; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON, an_edition
from sqlalchemy import func, insert, select

from digest.model import DeliveryState, Purpose
from digest.store import deliveries, editions, outbox, retention
from digest.store.editions import EditionOutcome
from digest.store.outbox import Planned
from digest.store.tables import attempts, polls, runs, shown
from digest.store.tables import deliveries as delivery_table
from digest.store.tables import editions as edition_table

BEFORE = NOON - timedelta(days=30)
LONG_AGO = NOON - timedelta(days=60)


def mailed(connection, number, at, state=DeliveryState.SENT):
    draft = an_edition(subscription_id=number, slot_at=at, made_at=at)
    (edition,) = editions.freeze(connection, [draft], EditionOutcome.MAILED)
    row = Planned(
        purpose=Purpose.EDITION, address="a@example.org", address_hmac="",
        edition_id=edition.row_id, message_id=f"<{number}@example.org>",
    )  # fmt: skip
    outbox.plan(connection, [row], at)
    ids = list(connection.scalars(select(delivery_table.c.id)))
    connection.execute(
        delivery_table.update().where(delivery_table.c.id == ids[-1]).values(state=state.value)
    )
    connection.execute(
        insert(attempts).values(delivery_id=ids[-1], at=at, phase="done", outcome=state.value)
    )


def count(connection, table):
    return connection.scalar(select(func.count()).select_from(table))


@pytest.fixture
def filled(engine):
    with engine.begin() as connection:
        # The ledger belongs to real people: SQLite and PostgreSQL hold us to it.
        connection.exec_driver_sql(
            "INSERT INTO subscribers (id, address, address_key, status, created_at) "
            "VALUES (1, 'a@example.org', 'a@example.org', 'confirmed', '2026-01-01 00:00:00')"
        )
        mailed(connection, 1, LONG_AGO)
        mailed(connection, 2, LONG_AGO, DeliveryState.UNCERTAIN)
        mailed(connection, 3, NOON)
        for number, at in enumerate((LONG_AGO, NOON)):
            connection.execute(insert(runs).values(id=str(number), command="tick", started_at=at))
            connection.execute(insert(polls).values(source="s", kind="feed", at=at, status="ok"))
    with engine.begin() as connection:
        yield connection


def test_mails_that_are_over_go_with_their_editions_and_attempts(filled):
    assert retention.delete_some(filled, BEFORE) == {
        "runs": 1, "polls": 1, "bounces": 0, "deliveries": 1, "editions": 1,
    }  # fmt: skip
    assert count(filled, attempts) == 2
    assert not any(retention.delete_some(filled, BEFORE).values())


def test_what_was_shown_stays_shown(filled):
    before = count(filled, shown)
    retention.delete_some(filled, BEFORE)
    assert count(filled, shown) == before > 0


def test_an_uncertain_mail_waits_for_a_person_however_old(filled):
    retention.delete_some(filled, BEFORE)
    states = set(filled.scalars(select(delivery_table.c.state)))
    assert "uncertain" in states
    assert count(filled, edition_table) == 2


def test_pruning_leaves_nothing_that_looks_like_a_loss(filled):
    retention.delete_some(filled, BEFORE)
    found = deliveries.irregularities(filled, NOON)
    assert found["editions to be mailed have no delivery"] == 0


def test_counting_removes_nothing(filled):
    assert retention.count_old(filled, BEFORE)["runs"] == 1
    assert count(filled, runs) == 2
