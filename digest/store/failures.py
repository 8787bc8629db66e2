"""What a database that fails means for a person: one sentence instead of the driver's traceback.

A mistake of ours (a statement that does not fit the schema, a rule that was broken) is a bug and
is left as it is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from digest.errors import StoreError

_OURS = ("IntegrityError", "ProgrammingError", "DataError", "NotSupportedError")
RESTORE = "stop `digest serve`, move the store's files aside, then `digest restore FILE`"
_DAMAGED = f"the store is damaged ({{}}): {RESTORE}"
_BY_CODE = {
    sqlite3.SQLITE_BUSY: "the store is locked by another process ({}): end that process",
    sqlite3.SQLITE_LOCKED: "the store is locked by another process ({}): end that process",
    sqlite3.SQLITE_FULL: "there is no room for the store ({}): make room on its disk",
    sqlite3.SQLITE_IOERR: "the store's disk fails ({}): make room, or look for quota and hardware",
    sqlite3.SQLITE_READONLY: "the store can only be read ({}): let this user write there",
    sqlite3.SQLITE_CANTOPEN: "the store cannot be opened ({}): look for its file and folder",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


@contextlib.contextmanager
def named(engine: Engine) -> Iterator[None]:
    """Raise StoreError for what the database, its disk or the way to it did wrong."""
    try:
        yield
    except DBAPIError as exc:
        if not _is_failure(engine, exc.orig):
            raise
        raise StoreError(_sentence(exc.orig, engine)) from exc
    except PoolTimeoutError as exc:
        raise StoreError("the store is too busy: no connection came free in time") from exc
    except engine.dialect.loaded_dbapi.Error as exc:  # statements that bypass SQLAlchemy
        if not _is_failure(engine, exc):
            raise
        raise StoreError(_sentence(exc, engine)) from exc


def kinds(engine: Engine) -> tuple[type[Exception], ...]:
    """Return what a call of this database can raise."""
    return SQLAlchemyError, engine.dialect.loaded_dbapi.Error


def _is_failure(engine: Engine, error: BaseException | None) -> bool:
    driver = engine.dialect.loaded_dbapi
    ours = tuple(getattr(driver, name) for name in _OURS)
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # a wrong statement
        return False
    return isinstance(error, driver.Error) and not isinstance(error, ours)


def _sentence(error: BaseException | None, engine: Engine) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    password = str(engine.url.password or "")
    reason = lines[0].replace(password, "********") if password else lines[0]
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f"the database does not answer as it should: {reason}"
    return _BY_CODE.get(code & 0xFF, "the store fails ({})").format(reason)
