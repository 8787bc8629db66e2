"""What waits for the disk, the sender's markers too; and what waits for SQLite's lock."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_the_senders_markers_wait_for_the_disk_whatever_the_connection_did_before(
    store: Engine,
) -> None:
    with store.connect() as sender:
        driver: Any = sender.connection.dbapi_connection
        driver.execute("PRAGMA synchronous=OFF")
        marking.prepare(sender)
        assert is_waiting(sender)
        sender.rollback()
        sender.invalidate()


def test_the_senders_markers_wait_for_the_disk_whatever_the_server_says(
    postgresql_engine: Engine,
) -> None:
    """The tests' own server is told not to wait."""
    with postgresql_engine.connect() as sender:
        assert sender.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off"
        marking.prepare(sender)
        assert sender.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        sender.invalidate()


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
