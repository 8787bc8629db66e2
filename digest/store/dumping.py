"""The whole store as one portable stream: gzip of JSON lines, the same from both databases.

    {"format": "paper-digest", "revision": "...", "made_at": "...", "secret": ..., ...}
    {"table": "sources", "columns": ["name", ...]}
    ["arxiv", ...]                                            a row each
    {"end": {"sources": 3, ...}, "sha256": "of all lines before"}

A dump of SQLite can be loaded into PostgreSQL and the other way round: that is how an
installation grows. What is derived (search indexes) or passing (job queue) is not in it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Date,
    LargeBinary,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError

from digest.errors import StoreError
from digest.store import queue
from digest.store.database import is_sqlite
from digest.store.tables import installation, metadata
from digest.store.types import UTCDateTime

FORMAT = "paper-digest"
CHUNK = 2000
TABLES: Mapping[str, Table] = {table.name: table for table in metadata.sorted_tables}


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a dump says of itself."""

    revision: str
    made_at: datetime
    secret: str
    """What signs the installation's links, where the store's own folder keeps it."""
    sequences: Mapping[str, int]
    """The highest row id ever given out, by table: none is given out again."""


def dump(
    connection: Connection,
    path: Path,
    *,
    revision: str,
    secret: str,
    now: datetime,
    sequences: Mapping[str, int] | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Write every table; return the rows of each. The connection sees one state throughout.

    ``sequences`` are row ids that were given out elsewhere: none is given out again either.
    """
    counts: dict[str, int] = {}
    checksum = hashlib.sha256()
    with gzip.open(path, "wb", compresslevel=6) as file:

        def write(value: Any) -> None:
            line = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            checksum.update(line)
            file.write(line)

        write(
            {
                "format": FORMAT,
                "revision": revision,
                "made_at": now.isoformat(),
                "secret": secret,
                "sequences": _highest(_sequences(connection), sequences or {}),
            }
        )
        for name, table in TABLES.items():
            write({"table": name, "columns": [column.name for column in table.columns]})
            counts[name] = 0
            query = select(table).order_by(*table.primary_key.columns)
            rows = connection.execution_options(yield_per=CHUNK).execute(query)
            for part in rows.partitions():
                for row in part:
                    write([_plain(value) for value in row])
                counts[name] += len(part)
                on_progress(len(part))
        write({"end": counts, "sha256": checksum.hexdigest()})
    return counts


def check(path: Path) -> tuple[Header, dict[str, int]]:
    """Read a whole dump and hold it to its own sum. Raises StoreError where it is damaged."""
    lines = _read(path)
    header = _header(path, next(lines))
    counts: dict[str, int] = {}
    name = ""
    for line in lines:
        if isinstance(line, dict):
            name = line["table"]
            counts[name] = 0
        else:
            counts[name] += 1
    return header, counts


def load(
    connection: Connection,
    path: Path,
    *,
    tables: Mapping[str, Table] = TABLES,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Header:
    """Fill empty tables from a dump, in the transaction of ``connection``.

    With ``tables`` those of another schema; where their numbering stands is left to the caller.

    Raises StoreError where the dump is damaged or does not fit; then nothing may be committed.
    """
    lines = _read(path)
    header = _header(path, next(lines))
    table: _Filling | None = None
    try:
        for line in lines:
            if isinstance(line, dict):
                if table is not None:
                    table.end()
                table = _Filling(connection, tables[line["table"]], line["columns"], on_progress)
            elif table is not None:
                table.add(line)
        if table is not None:
            table.end()
    except (KeyError, DBAPIError) as exc:
        raise StoreError(f"{path} does not fit this program: {exc}") from exc
    if tables is TABLES:
        _set_sequences(connection, header.sequences)
    return header


def clear(connection: Connection) -> None:
    """Delete every row of every table, but what is said of the job queue: its tables stay."""
    for table in reversed(metadata.sorted_tables):
        kept = () if table is not installation else (installation.c.name != queue.VERSION,)
        connection.execute(table.delete().where(*kept))


def holds_anything(connection: Connection) -> bool:
    """Tell whether anybody has begun to use this store."""
    return any(
        connection.scalar(select(func.count()).select_from(TABLES[name]))
        for name in ("papers", "subscribers", "editions", "profiles")
    )


class _Filling:
    """One table being filled, rows in chunks; references within the table come last."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        columns: Sequence[str],
        on_progress: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._table = table
        self._columns = [table.columns[name] for name in columns]
        self._decoders = [_decoder(column) for column in self._columns]
        self._inner = [
            column.name
            for column in self._columns
            if any(key.column.table is table for key in column.foreign_keys)
        ]
        self._rows: list[dict[str, Any]] = []
        self._later: list[dict[str, Any]] = []
        self._on_progress = on_progress

    def add(self, line: Sequence[Any]) -> None:
        row = {
            column.name: None if value is None else decode(value)
            for column, decode, value in zip(self._columns, self._decoders, line, strict=True)
        }
        if self._table.name == installation.name and row["name"] == queue.VERSION:
            return  # of the other store's queue
        for name in self._inner:
            if row[name] is not None:  # the row it points at may not be there yet
                self._later.append({"row_id": row["id"], "target": row[name], "name": name})
                row[name] = None
        self._rows.append(row)
        if len(self._rows) >= CHUNK:
            self._flush()

    def end(self) -> None:
        self._flush()
        for name in self._inner:
            pairs = [one for one in self._later if one.pop("name") == name]
            if pairs:
                self._connection.execute(
                    update(self._table)
                    .where(self._table.c.id == bindparam("row_id"))
                    .values({name: bindparam("target")}),
                    pairs,
                )

    def _flush(self) -> None:
        if self._rows:
            self._connection.execute(insert(self._table), self._rows)
            self._on_progress(len(self._rows))
            self._rows = []


def _read(path: Path) -> Iterator[Any]:
    """Yield the value of each line but the last, which is held against them."""
    checksum = hashlib.sha256()
    try:
        with gzip.open(path, "rb") as file:
            for raw in file:
                value = json.loads(raw)
                if isinstance(value, dict) and "end" in value:
                    if value["sha256"] != checksum.hexdigest():
                        raise StoreError(f"{path} is damaged: its sum is wrong")
                    return
                checksum.update(raw)
                yield value
    except (EOFError, OSError, ValueError, zlib.error) as exc:
        raise StoreError(f"{path} is damaged, or no backup: {exc}") from exc
    raise StoreError(f"{path} is damaged: it ends too early")


def _header(path: Path, value: Any) -> Header:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise StoreError(f"{path} is no backup of this program")
    return Header(
        revision=value["revision"],
        made_at=datetime.fromisoformat(value["made_at"]),
        secret=value["secret"],
        sequences=value["sequences"],
    )


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # an instant is one, too
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    return value


def _decoder(column: Column[Any]) -> Callable[[Any], Any]:
    if isinstance(column.type, UTCDateTime):
        return datetime.fromisoformat
    if isinstance(column.type, Date):
        return date.fromisoformat
    if isinstance(column.type, LargeBinary):
        return base64.b64decode
    return _same


def _same(value: Any) -> Any:
    return value


def _sequences(connection: Connection) -> dict[str, int]:
    if is_sqlite(connection):
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {name: number for name, number in rows if name in TABLES}
    query = text("SELECT pg_sequence_last_value(CAST(:sequence AS regclass))")
    return {
        name: connection.scalar(query, {"sequence": sequence}) or 0
        for name, sequence in _serials(connection)
    }


def _highest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: max(one.get(name, 0), other.get(name, 0)) for name in {**one, **other}}


def _set_sequences(connection: Connection, highest: Mapping[str, int]) -> None:
    """Go on counting where the dumped store was, and after the highest row in any case."""
    if is_sqlite(connection):
        for name, number in highest.items():
            if name not in TABLES:  # of a table that an older schema had
                continue
            values = {"name": name, "number": number}
            changed = connection.execute(
                text("UPDATE sqlite_sequence SET seq = max(seq, :number) WHERE name = :name"),
                values,
            )
            if not changed.rowcount and TABLES[name].dialect_options["sqlite"]["autoincrement"]:
                connection.execute(
                    text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :number)"), values
                )
        return
    for name, sequence in _serials(connection):
        top = connection.scalar(select(func.max(TABLES[name].c.id))) or 0
        if number := max(top, highest.get(name, 0)):
            connection.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :number)"),
                {"sequence": sequence, "number": number},
            )


def _serials(connection: Connection) -> list[tuple[str, str]]:
    """Return tables with the name of the sequence that numbers their rows (PostgreSQL)."""
    found = []
    for name, table in TABLES.items():
        if "id" in table.c and not isinstance(table.c.id.type, String):
            query = text("SELECT pg_get_serial_sequence(:name, 'id')")
            if sequence := connection.scalar(query, {"name": name}):
                found.append((name, sequence))
    return found
