"""Open the store: one engine per process, the right pragmas, migrations at hand.

Alembic is imported where a schema has to be changed: for what it brings along, every command and
every process of a run would start a tenth of a second later.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    func,
    inspect,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from digest import files
from digest.errors import StoreError
from digest.store.tables import metadata

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig

SQLITE_MEMORY = 128 * 1024 * 1024
"""Bytes that SQLite holds at most, for all connections of the process."""
BUSY_TIMEOUT_S = 30
_MIGRATING = 7_301_145
"""The number of the advisory lock of migrations: any, but always the same."""
_WAITS_S = ((0.002, 0.0001), (0.1, 0.0005), (BUSY_TIMEOUT_S, 0.005))
"""Until when a writer asks for SQLite's lock how often: most hold it for a millisecond."""


def open_engine(url: str) -> Engine:
    """Return an engine for this address; SQLite in WAL mode with foreign keys on.

    ``postgresql://`` is taken as ``postgresql+psycopg://``. Raises StoreError where the
    address is not one, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StoreError(f"store.url is not a database address: {exc}") from exc
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed.render_as_string(hide_password=False), parsed.database)
    try:
        return create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=10,
            max_overflow=20,
            hide_parameters=True,
            json_deserializer=orjson.loads,
        )
    except NoSuchModuleError as exc:
        raise StoreError(
            f"store.url: no database is called {parsed.drivername!r}: expected sqlite:///... or "
            "postgresql://..."
        ) from exc
    except ModuleNotFoundError as exc:
        raise StoreError(
            f"the driver for {parsed.drivername} is not installed: "
            "pip install 'paper-digest[postgresql]'"
        ) from exc


def exists(url: str) -> bool:
    """Tell whether there may be a store at this address; opening SQLite would make one."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return False
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").is_file()


def _sqlite_engine(url: str, path: str | None) -> Engine:
    if path and path != ":memory:" and not path.startswith("file:"):
        files.make_folder(Path(path).parent)
        files.create(Path(path))  # SQLite gives -wal and -shm the same permissions
    # Parameters hold addresses, and errors end in the log.
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_S},
        hide_parameters=True,
        json_deserializer=orjson.loads,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late (before DML only): reads and writes of one
        # transaction would not see one state. We begin ourselves, below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            # What somebody was told is kept (subscribed, left, planned) survives a power failure,
            # and so do the sender's markers (``marking.prepare``).
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
            "temp_store=MEMORY",
            "cache_size=-65536",
            # Of all connections together: each would keep its own copy of what it read.
            f"soft_heap_limit={SQLITE_MEMORY}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that turns writer midway fails at once with "database is
        # locked", whatever the busy timeout; an immediate one waits its turn.
        readonly = connection.get_execution_options().get("readonly", False)
        if readonly:
            connection.exec_driver_sql("BEGIN")
            return
        try:
            begin_immediate(connection.connection.dbapi_connection)
        except sqlite3.Error as exc:
            raise DBAPIError.instance("BEGIN IMMEDIATE", None, exc, sqlite3.Error) from exc

    return engine


def files_of(url: str) -> list[Path]:
    """Return the files of an SQLite store that are there; none for a server's.

    Raises StoreError where the address is not one.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as exc:
        raise StoreError(f"store.url is not a database address: {exc}") from exc
    path = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or path in {"", ":memory:"} or path[:5] == "file:":
        return []
    found = [Path(path + ending) for ending in ("", "-wal", "-shm", "-journal")]
    return [one for one in found if one.exists()]


def begin_immediate(driver: Any) -> None:
    """Take SQLite's write lock. Raises the driver's OperationalError where that takes too long.

    SQLite itself would ask again after 1, 2, 5, 10, 15 ... ms, and processes that take turns lie
    idle meanwhile.
    """
    begun = time.monotonic()
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as exc:
                past = time.monotonic() - begun
                pause = next((pause for until, pause in _WAITS_S if past < until), None)
                if pause is None or exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                time.sleep(pause)
            else:
                return
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads: on SQLite it never waits for a writer."""
    with engine.connect().execution_options(readonly=True) as connection:
        yield connection


@contextlib.contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads and sees one state throughout, whatever others write."""
    options: dict[str, Any] = {"readonly": True}
    if not is_sqlite(engine):
        options["isolation_level"] = "REPEATABLE READ"
    with engine.connect().execution_options(**options) as connection:
        yield connection


def count_rows(connection: Connection) -> dict[str, int]:
    """Count the rows of every table."""
    return {
        table.name: connection.scalar(select(func.count()).select_from(table)) or 0
        for table in metadata.sorted_tables
    }


def is_sqlite(target: Engine | Connection) -> bool:
    """Tell the embedded database from a server."""
    return target.dialect.name == "sqlite"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema up to date; safe to call at every start, of many processes at once."""
    if revision == "head" and current_revision(engine) == head_revision():
        return
    from alembic import command  # noqa: PLC0415 - see the module

    config = _alembic_config()
    # On SQLite the transaction begins with the write lock.
    with engine.begin() as connection:
        if not is_sqlite(engine):
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATING})
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def current_revision(engine: Engine) -> str | None:
    """Return the schema's revision, None for an empty database."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def head_revision() -> str:
    """Return the revision that this program expects: the last of its files of migrations."""
    files = (_migrations() / "versions").iterdir()
    names = (file.name for file in files if file.name.endswith(".py"))
    return max(name[1:5] for name in names if name.startswith("v"))


def is_known(revision: str) -> bool:
    """Tell whether this program can bring a schema of this revision up to date."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see the module

    scripts = ScriptDirectory.from_config(_alembic_config())
    return any(script.revision == revision for script in scripts.walk_revisions())


def server_time(connection: Connection) -> datetime:
    """Return the instant that a database server's own clock shows."""
    found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return found


def check(engine: Engine) -> None:
    """Raise StoreError unless the database answers and is of this program's revision."""
    try:
        found = current_revision(engine)
    except DBAPIError as exc:
        raise StoreError(f"the store does not answer: {cause_of(exc, engine)}") from exc
    if found != head_revision():
        raise StoreError(
            f"the store is at revision {found or 'none'}, this program needs "
            f"{head_revision()}: run `digest db upgrade`"
        )


def cause_of(error: DBAPIError, engine: Engine) -> str:
    """Return what the driver says, its first line alone and never with the password."""
    lines = str(error.orig).splitlines() or [type(error.orig).__name__]
    password = str(engine.url.password or "")
    return lines[0].replace(password, "********") if password else lines[0]


def _alembic_config() -> AlembicConfig:
    from alembic.config import Config as AlembicConfig  # noqa: PLC0415 - see the module

    config = AlembicConfig()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    return config


def _migrations() -> Traversable:
    return resources.files("digest.store") / "migrations"
