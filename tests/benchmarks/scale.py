"""Workers on one PostgreSQL: does the cost of a digest stay flat, and do workers add up?

Readers with lifelike interests (``tests/crowd.py``) and 1,000 new papers are written to a fresh
database, on a server with the settings of ``tests/servers.py``. Worker processes then rank,
freeze, compose and send everything by way of the queue, each to a recording SMTP sink process of
its own. Parts, each in a database of its own and kept in ``--results`` as soon as it is done, so
that what was interrupted goes on with what is missing:

    small     10,000 readers, 2 workers        large     1,000,000 readers, 2 workers
    one       10,000 readers, 1 worker         middle    100,000 readers, 2 workers
    delay-one, delay-two   6,000 readers, 1 and 2 workers, 50 ms a round trip to the relay
    kill      4,000 readers, 4 workers, one of them killed every second
    four      10,000 readers, 4 workers

    python tests/benchmarks/scale.py --json --only small,one,delay-one,delay-two,kill
    python tests/benchmarks/scale.py --json --only large --minutes 35  # what it does in the time
    python tests/benchmarks/scale.py --estimate                  # disk and time; runs nothing
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).parents[1]))

from crews import Crew
from crowd import fill
from servers import Server, postgresql_server
from sinks import SinkProcess, sink

from digest.actions.work import TICK_S
from digest.app import open_app
from digest.config import load_config
from digest.tasks import JobQueue

UNSETTLED = ("ready", "claimed", "transmitting", "deferred")
CORES_US = 3500
"""CPU of worker, database and sink a digest, for an estimate before anything was measured."""
STORE_KB = 9
LOG_GB = 8
"""What the write-ahead log may take beside the store."""


@dataclass(frozen=True)
class Part:
    people: int
    workers: int
    delay_ms: float = 0
    is_killing: bool = False


PARTS = {
    "small": Part(10_000, 2),
    "one": Part(10_000, 1),
    "delay-one": Part(6_000, 1, delay_ms=50),
    "delay-two": Part(6_000, 2, delay_ms=50),
    "kill": Part(4_000, 4, is_killing=True),
    "four": Part(10_000, 4),
    "middle": Part(100_000, 2),
    "large": Part(1_000_000, 2),
}
CONSOLE = Console(stderr=True)


def main() -> int:
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave no process behind
    kept = json.loads(given.results.read_text()) if given.results.exists() else {}
    wanted = [name for name in given.only if given.again or name not in kept]
    estimate(wanted, kept, given)
    if given.estimate:
        return 0
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="scale-") as name:
        if wanted:
            with postgresql_server(Path(name) / "pg") as server:
                bench = Bench(Path(name), server, given)
                for part in wanted:
                    kept[part] = bench.run(part, PARTS[part])
                    given.results.write_text(json.dumps(kept, indent=1))
                    CONSOLE.print(line(part, kept[part]), highlight=False)
    found = figures(kept)
    shown = [*(line(*run) for run in kept.items()), *(f"{k}: {v}" for k, v in found.items())]
    print(json.dumps(found | {"runs": kept}, indent=2) if given.json else "\n".join(shown))
    return 1 if found["lost"] or found["doubled"] else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="small,one,delay-one,delay-two,kill", help="parts")
    parser.add_argument("--results", type=Path, default=Path("/tmp/digest-scale.json"))
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    parser.add_argument("--estimate", action="store_true", help="tell what it takes, run nothing")
    parser.add_argument("--minutes", type=float, default=0, help="end a part after so long")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--disk-gb", type=float, default=30, help="refuse to take more")
    parser.add_argument("--size", type=int, default=0, help="so many readers, in every part")
    parser.add_argument("--papers", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4, help="to the relay, a sending job")
    parser.add_argument("--concurrency", type=int, default=2, help="jobs at once in a worker")
    given = parser.parse_args()
    given.only = given.only.split(",")
    if unknown := set(given.only) - PARTS.keys():
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    return given


def estimate(wanted: list[str], kept: dict, given: argparse.Namespace) -> None:
    """Say what the parts will take, and refuse where the disk is too small for it."""
    rate = max((run["digests_per_s"] for run in kept.values()), default=2e6 / CORES_US)
    need = 0.0
    for name in wanted:
        people = given.size or PARTS[name].people
        took = people / rate / 60 + people / 500_000
        took = min(took, given.minutes) if given.minutes else took
        store = people * STORE_KB / 1e6
        need = max(need, store + min(LOG_GB, 2 * store))
        CONSOLE.print(f"{name}: {people:,} readers, about {took:.0f} minutes, {store:.1f} GB")
    given.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(given.folder).free / 1e9
    CONSOLE.print(f"disk: up to {need:.1f} GB below {given.folder}, {free:.0f} GB are free")
    if need > min(free * 0.8, given.disk_gb):
        raise SystemExit("that is too much for this disk: --folder names another place")


def figures(kept: dict) -> dict[str, float | int | None]:
    """Return what the issue asks for, as far as its parts were run."""

    def ratio(name: str, above: str, below: str) -> float | None:
        if not (above in kept and below in kept):
            return None
        return round(kept[above][name] / kept[below][name], 3)

    found: dict[str, float | int | None] = {
        "cpu_ratio_1m_to_10k": ratio("cpu_us_per_digest", "large", "small"),
        "cpu_ratio_100k_to_10k": ratio("cpu_us_per_digest", "middle", "small"),
        "database_cpu_ratio_1m_to_10k": ratio("database_cpu_us_per_digest", "large", "small"),
        "memory_ratio_1m_to_10k": ratio("peak_mb", "large", "small"),
        "peak_mb_per_worker": max((run["peak_mb"] for run in kept.values()), default=None),
        "speedup_2": ratio("digests_per_s", "small", "one"),
        "speedup_2_bound_of_2_cores": bound(kept["one"]) if "one" in kept else None,
        "speedup_2_at_50_ms": ratio("digests_per_s", "delay-two", "delay-one"),
        "filled_share_at_50_ms": kept.get("delay-two", {}).get("filled_share"),
        "lost": sum(run["lost"] for run in kept.values()),
        "doubled": sum(run["doubled"] for run in kept.values()),
    }
    return {name: value for name, value in found.items() if value is not None}


def bound(one: dict) -> float:
    """Return what a second worker can give where worker, database and sink share two cores.

    One worker is a Python process: it uses one core at most, and what else a digest costs goes
    on beside it. With a second one all of it shares both cores.
    """
    worker = one["cpu_us_per_digest"]
    everything = worker + one["database_cpu_us_per_digest"] + one["sink_cpu_us_per_digest"]
    alone = max(worker, everything / 2)
    return round(alone / (everything / 2), 3)


def line(name: str, run: dict) -> str:
    return f"{name}: " + ", ".join(f"{key} {value}" for key, value in run.items())


class Bench:
    """A database server on which runs follow each other, each in a database of its own."""

    def __init__(self, folder: Path, server: Server, given: argparse.Namespace) -> None:
        self.folder = folder
        self.server = server
        self.given = given

    def run(self, name: str, part: Part) -> dict:
        people = self.given.size or part.people
        with contextlib.ExitStack() as stack:
            uri = stack.enter_context(self.database(name.replace("-", "_")))
            folder = self.folder / name
            folder.mkdir()
            stack.callback(shutil.rmtree, folder)
            sinks = [
                stack.enter_context(sink(folder / f"sink-{n}.ids", part.delay_ms))
                for n in range(part.workers)
            ]
            configs = [self.config(folder, uri, one.port) for one in sinks]
            self.fill(configs[0], people)
            crew = Crew(folder, configs, self.given.concurrency)
            filled = size(uri)
            before, begun = self.server.cpu_s(), time.monotonic()
            ask(configs[0])
            crew.start()
            try:
                watched = self.watch(uri, crew, sinks, configs[0], part, people)
                took = time.monotonic() - begun
            finally:
                used = crew.stop()
            database_s = self.server.cpu_s() - before
            for one in sinks:
                one.end()
            counts = outcome(uri)
            taken: Counter[bytes] = sum((one.taken() for one in sinks), Counter())
            digests = max(counts["sent"] + counts["uncertain"], 1)
            return {
                "subscribers": people,
                "workers": part.workers,
                "is_whole": watched["is_whole"],
                "seconds": round(took, 1),
                "digests_per_s": round(digests / took, 1),
                "cpu_us_per_digest": round(used.cpu_s / digests * 1e6),
                "database_cpu_us_per_digest": round(database_s / digests * 1e6),
                "sink_cpu_us_per_digest": round(sum(one.cpu_s for one in sinks) / digests * 1e6),
                "peak_mb": round(used.peak_mb, 1),
                "mb_at_tenths": watched["mb"],
                "statements_per_digest": round(used.statements / digests, 2),
                "added_kb_per_digest": round((size(uri) - filled) / 1000 / digests, 2),
                "store_gb": round(size(uri) / 1e9, 2),
                "planned": sum(counts.values()),
                "received": len(taken),
                "kills": watched["kills"],
                "uncertain": counts["uncertain"],
                "lost": lost(uri, counts, taken, people if watched["is_whole"] else 0),
                "doubled": sum(taken.values()) - len(taken),
                "filled_share": self.filled(uri, part),
            }

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        with psycopg.connect(self.server.uri, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            try:
                yield self.server.uri_of(name)
            finally:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
                admin.execute("CHECKPOINT")

    def fill(self, config: dict, people: int) -> None:
        with open_app(load_config(overrides=config)) as app, bar("readers", 3 * people) as moved:
            with app.writing() as connection:
                fill(
                    connection, people=people, works=self.given.papers, due_at=app.now(),
                    on_progress=moved,
                )  # fmt: skip
            with app.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
                connection.exec_driver_sql("CHECKPOINT")
            JobQueue(app)

    def watch(
        self, uri: str, crew: Crew, sinks: list[SinkProcess], config: dict, part: Part, people: int
    ) -> dict:
        """Wait until everything is settled, or time is up; kill on the way where that is asked."""
        chance, kills, memory, seen = random.Random(7), 0, [], 0
        begun = asked = time.monotonic()
        with bar("digests", people) as moved:
            while not is_settled(uri):
                time.sleep(5 if people > 50_000 else 1 if part.is_killing else 0.25)
                if part.is_killing:
                    crew.kill(chance)
                    kills += 1
                sent = sum(one.path.stat().st_size for one in sinks) // 70  # a line's length
                moved(min(sent, people) - seen)
                seen = min(sent, people)
                if seen * 10 // people >= len(memory) + 1:
                    memory.append(round(crew.rss_mb(), 1))
                if time.monotonic() - asked > (TICK_S if people > 50_000 else 15):
                    ask(config)
                    asked = time.monotonic()
                if self.given.minutes and time.monotonic() - begun > 60 * self.given.minutes:
                    return {"is_whole": False, "kills": kills, "mb": memory}
        return {"is_whole": True, "kills": kills, "mb": memory}

    def filled(self, uri: str, part: Part) -> float | None:
        """Return the part of what the relay allows on a slow line: two round trips a mail.

        From the first mail to the last; what was planned before the first is not the relay's.
        """
        if not part.delay_ms:
            return None
        with psycopg.connect(uri) as connection:
            rate = connection.execute(
                "SELECT count(*) / extract(epoch FROM max(sent_at) - min(sent_at)) FROM deliveries"
            ).fetchone()[0]
        lanes = self.given.connections * self.given.concurrency * part.workers
        return round(float(rate) / (lanes / (2 * part.delay_ms / 1000)), 3)

    def config(self, folder: Path, uri: str, port: int) -> dict:
        relay = {"kind": "smtp", "host": "127.0.0.1", "port": port}
        return {
            "digest": {
                "data_dir": str(folder / "data"),
                "secret": "s" * 40,
                "base_url": "https://papers.example.org",
            },
            "store": {"url": uri},
            "mail": {
                "sender": "digest@example.org",
                "connections": self.given.connections,
                "batch_size": 250,
            },
            "transports": {"sink": relay | {"max_messages_per_connection": 10_000}},
            "log": {"level": "warning"},
        }


@contextlib.contextmanager
def bar(name: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=CONSOLE, transient=True, refresh_per_second=1) as shown:
        task = shown.add_task(name, total=total)
        yield lambda count: shown.advance(task, count)


def ask(config: dict) -> None:
    with open_app(load_config(overrides=config), migrate=False) as app:
        JobQueue(app).ask("tick")


def is_settled(uri: str) -> bool:
    with psycopg.connect(uri) as connection:
        due = connection.execute(
            "SELECT 1 FROM subscriptions WHERE next_slot_at <= now() LIMIT 1"
        ).fetchone()
        return not due and not any(
            connection.execute(
                "SELECT 1 FROM deliveries WHERE state = %s LIMIT 1", (state,)
            ).fetchone()
            for state in UNSETTLED
        )


def outcome(uri: str) -> Counter[str]:
    with psycopg.connect(uri) as connection:
        rows = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
        return Counter(dict(rows.fetchall()))


def lost(uri: str, counts: Counter[str], taken: Counter[bytes], people: int) -> int:
    """Count what was called sent and never arrived, and readers without a mail after a whole run.

    What a dead sender's dot became nobody knows: listed as uncertain, not as lost.
    """
    with psycopg.connect(uri) as connection, connection.cursor("ids") as cursor:
        cursor.itersize = 10_000
        cursor.execute("SELECT message_id FROM deliveries WHERE state = 'sent'")
        unseen = sum(row[0].encode() not in taken for row in cursor)
    return unseen + (people - counts["sent"] - counts["uncertain"] if people else 0)


def size(uri: str) -> int:
    with psycopg.connect(uri) as connection:
        return connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]


if __name__ == "__main__":
    sys.exit(main())
