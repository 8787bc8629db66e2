"""What waits for the disk on SQLite: everything but the sender's own markers and outcomes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from digest.store import database, marking

FULL = 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    opened = database.open_engine(f"sqlite:///{tmp_path}/store.db")
    yield opened
    opened.dispose()


def test_what_people_are_told_is_kept_waits_for_the_disk(store: Engine) -> None:
    assert waits(store)


def test_a_relaxed_sender_leaves_everybody_else_waiting(store: Engine) -> None:
    with store.connect() as sender:
        marking.relax(sender)
        assert not is_waiting(sender)
        sender.rollback()
        assert waits(store)
        sender.invalidate()
    assert waits(store)


def waits(store: Engine) -> bool:
    with store.begin() as connection:
        return is_waiting(connection)


def is_waiting(connection: Connection) -> bool:
    return bool(connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == FULL)
