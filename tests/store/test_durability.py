"""What waits on SQLite: for the disk all but the sender's markers and outcomes; for its lock."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

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


def test_a_writer_takes_the_lock_soon_after_another_lets_go(store: Engine) -> None:
    with store.begin() as first:
        first.exec_driver_sql("CREATE TABLE t (n INTEGER)")
        let_go = threading.Timer(0.2, first.commit)
        let_go.start()
        with store.begin() as second:
            second.exec_driver_sql("INSERT INTO t VALUES (1)")
        let_go.join()


def test_a_lock_that_nobody_lets_go_of_is_an_error(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_WAITS_S", ((0.05, 0.001),))
    with store.begin(), pytest.raises(OperationalError, match="database is locked"):
        store.connect().begin()


def test_what_is_no_store_is_told_as_any_error_of_one(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"no database at all" * 300)
    opened = database.open_engine(f"sqlite:///{tmp_path}/store.db")
    with pytest.raises(DatabaseError), opened.begin():
        pass
    opened.dispose()
