"""Many rows, one statement: membership of long lists, and inserts at the speed of the driver.

SQLAlchemy's own executemany spends more time on binding types than SQLite on storing the row;
here rows are tuples that are bound already: instants by `stamp`, days by `day`, JSON as text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Table,
    Text,
    any_,
    bindparam,
    func,
    literal,
    select,
)

from digest.papers.content import encode
from digest.store.database import is_sqlite

COPIED = 1000
"""Rows handed to PostgreSQL at once."""

Row = tuple[str | int | float | None, ...]


def among(
    connection: Connection, column: ColumnElement[Any], values: Collection[str] | Collection[int]
) -> ColumnElement[bool]:
    """Return the condition that a column has one of these values: one parameter, however many."""
    if is_sqlite(connection):
        each = func.json_each(bindparam(None, encode(list(values)), Text)).table_valued("value")
        return column.in_(select(each.c.value))
    kind = BigInteger if isinstance(next(iter(values), 0), int) else Text
    return column == any_(literal(list(values), ARRAY(kind)))


def ask(connection: Connection, sql: str, *values: str | int | Collection[Any]) -> Sequence[Any]:
    """Return the rows of a query whose values are single (``= ?``) or lists (``IN ?``).

    For the few queries of every ingest: building an expression costs more than SQLite needs to
    answer it. Rows come as the driver gives them, instants still to be read by `unstamp`.
    """
    embedded = is_sqlite(connection)
    bound: list[object] = []
    for value in values:
        if isinstance(value, str | int):
            bound.append(value)
        else:
            bound.append(encode(list(value)) if embedded else list(value))
    return connection.exec_driver_sql(_written(sql, embedded), tuple(bound)).all()


@lru_cache(maxsize=64)
def _written(sql: str, embedded: bool) -> str:
    if embedded:
        return sql.replace("IN ?", "IN (SELECT value FROM json_each(?))")
    return sql.replace("IN ?", "= ANY(?)").replace("?", "%s")


def insert_many(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert bound rows: executemany of the driver on SQLite, COPY on PostgreSQL.

    Raises the driver's or SQLAlchemy's IntegrityError and DataError; all or nothing is up to the
    caller's savepoint.
    """
    if not rows:
        return
    names = ", ".join(columns)
    if is_sqlite(connection):
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608 (our own names)
            list(rows),
        )
        return
    cursor: Any = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for start in range(0, len(rows), COPIED):
                copy.write("".join(map(_copy_line, rows[start : start + COPIED])))
    finally:
        cursor.close()


def insert_new(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    """Insert bound rows, leaving those alone that are there already (by any unique key)."""
    if not rows:
        return
    names = ", ".join(columns)
    cursor: Any = connection.connection.cursor()
    try:
        if is_sqlite(connection):
            marks = ", ".join("?" * len(columns))
            cursor.executemany(
                f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING",  # noqa: S608 (our own names)
                rows,
            )
            return
        # One statement with an array a column: rows one by one cost ten times as much.
        kinds = [_array_type(table.c[name], connection) for name in columns]
        arrays = ", ".join(f"%s::{kind}" for kind in kinds)
        cursor.execute(
            f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays}) "  # noqa: S608
            "ON CONFLICT DO NOTHING",
            [_array(column) for column in zip(*rows, strict=True)],
        )
    finally:
        cursor.close()


def _copy_line(row: Row) -> str:
    """Return a row in the text format of COPY, which the driver makes value by value."""
    fields = [
        r"\N" if value is None else (_copied(value) if isinstance(value, str) else str(value))
        for value in row
    ]
    return "\t".join(fields) + "\n"


def _copied(value: str) -> str:
    if "\\" in value:
        value = value.replace("\\", r"\\")
    if "\n" in value or "\t" in value or "\r" in value:
        value = value.replace("\n", r"\n").replace("\t", r"\t").replace("\r", r"\r")
    return value


def _array(column: Sequence[str | int | float | None]) -> str:
    """Return values as PostgreSQL writes an array, which the driver makes value by value."""
    items = [
        "NULL" if value is None else (_quoted(value) if isinstance(value, str) else str(value))
        for value in column
    ]
    return f"{{{','.join(items)}}}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", r"\\").replace('"', r"\"")
    return f'"{value}"'


def _array_type(column: ColumnElement[Any], connection: Connection) -> str:
    """Return the type of an array of a column's values, which come bound (see the module)."""
    return f"{column.type.compile(dialect=connection.dialect)}[]"


def update_many(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], *, key: int
) -> None:
    """Update bound rows; the last ``key`` columns say which."""
    if not rows:
        return
    if is_sqlite(connection):
        values = ", ".join(f"{name} = ?" for name in columns[:-key])
        which = " AND ".join(f"{name} = ?" for name in columns[-key:])
        connection.exec_driver_sql(
            f"UPDATE {table.name} SET {values} WHERE {which}",  # noqa: S608 (our own names)
            list(rows),
        )
        return
    # One statement with an array a column: the server plans and runs it once.
    values = ", ".join(f"{name} = given.{name}" for name in columns[:-key])
    which = " AND ".join(f"{table.name}.{name} = given.{name}" for name in columns[-key:])
    arrays = ", ".join(f"%s::{_array_type(table.c[name], connection)}" for name in columns)
    connection.exec_driver_sql(
        f"UPDATE {table.name} SET {values} "  # noqa: S608 (our own names)
        f"FROM unnest({arrays}) AS given({', '.join(columns)}) WHERE {which}",
        tuple(_array(column) for column in zip(*rows, strict=True)),
    )


def fetched(
    connection: Connection, statement: str, values: tuple[Any, ...]
) -> list[tuple[Any, ...]]:
    """Run a statement of the driver's own; return its rows as the driver gives them, if any."""
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()


def array_of(numbers: Collection[int]) -> str:
    """Return whole numbers as PostgreSQL reads an array: the driver would make it one by one."""
    return f"{{{','.join(map(str, numbers))}}}"


def reserve_ids(connection: Connection, table: Table, count: int) -> list[int]:
    """Return row ids that nobody else will get (and of papers: that nobody ever had)."""
    if not count:
        return []
    if is_sqlite(connection):
        if table.dialect_options["sqlite"]["autoincrement"]:
            found = ask(connection, "SELECT seq FROM sqlite_sequence WHERE name = ?", table.name)
        else:
            found = ask(connection, f"SELECT max(id) FROM {table.name}")  # noqa: S608
        last = (found[0][0] or 0) if found else 0
        return list(range(last + 1, last + 1 + count))
    query = "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?)"
    return [row[0] for row in ask(connection, query, table.name, count)]


@lru_cache(maxsize=1024)
def stamp(at: datetime | None) -> str | None:
    """Return an instant as both databases store it (see ``UTCDateTime``)."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise ValueError(f"naive datetime: {at}")
    plain = at if at.tzinfo is UTC else at.astimezone(UTC)
    return plain.replace(tzinfo=None).isoformat(" ", "microseconds")


def unstamp(at: str | datetime) -> datetime:
    """Return a stored instant as the driver gave it."""
    plain = datetime.fromisoformat(at) if isinstance(at, str) else at
    return plain.replace(tzinfo=UTC)


def day(on: date | None) -> str | None:
    """Return a date as both databases store it."""
    return None if on is None else on.isoformat()
