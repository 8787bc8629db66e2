"""Worker processes on one queue: started, watched, killed and started again."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psycopg

from digest.app import open_app
from digest.config import load_config
from digest.pipeline.sending import stopping_on_signals
from digest.tasks import JobQueue


@dataclass(frozen=True, kw_only=True)
class Used:
    """What all worker processes used together, those that were killed, too."""

    cpu_s: float
    peak_mb: float
    """Of the largest."""
    statements: int
    """Of those that were not killed."""


class Crew:
    """As many workers as there are configurations."""

    def __init__(self, folder: Path, configs: list[dict], concurrency: int) -> None:
        self.folder = folder
        self.configs = configs
        self.concurrency = concurrency
        self.pids: dict[int, int] = {}
        self.cpu_s = self.peak_mb = 0.0

    def start(self) -> None:
        for number in range(len(self.configs)):
            self._begin(number)

    def rss_mb(self) -> float:
        """Return the memory that the largest worker has now."""
        found = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.pids.values()]
        return max(map(int, found), default=0) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def kill(self, chance: random.Random) -> None:
        """Kill one, and start another in its place."""
        number = chance.choice(sorted(self.pids))
        os.kill(self.pids[number], signal.SIGKILL)
        self._reap(number)
        self._begin(number)

    def stop(self) -> Used:
        """Let them finish what they have begun."""
        for pid in self.pids.values():
            os.kill(pid, signal.SIGTERM)
        for number in list(self.pids):
            self._reap(number)
        notes = [json.loads(path.read_text()) for path in self.folder.glob("worker-*.json")]
        return Used(
            cpu_s=self.cpu_s,
            peak_mb=self.peak_mb,
            statements=sum(note["statements"] for note in notes),
        )

    def _begin(self, number: int) -> None:
        notes = self.folder / f"worker-{number}-{time.monotonic_ns()}.json"
        child = os.fork()
        if child == 0:
            status = 1
            try:
                _work(self.configs[number], notes, self.concurrency)
                status = 0
            finally:
                os._exit(status)
        self.pids[number] = child

    def _reap(self, number: int) -> None:
        _, _, used = os.wait4(self.pids.pop(number), 0)
        self.cpu_s += used.ru_utime + used.ru_stime
        self.peak_mb = max(self.peak_mb, used.ru_maxrss * 1024 / 1e6)


def _work(config: dict, notes: Path, concurrency: int) -> None:
    counted: Counter[str] = Counter()
    for name in ("execute", "executemany"):
        setattr(psycopg.Cursor, name, _counting(getattr(psycopg.Cursor, name), counted))
    with (
        open_app(load_config(overrides=config), migrate=False) as app,
        stopping_on_signals() as stop,
    ):
        JobQueue(app).work(concurrency=concurrency, stop=stop)
    notes.write_text(json.dumps({"statements": counted["statements"]}))


def _counting(method, counted: Counter[str]):
    """Count the statements of every layer: the outbox goes past SQLAlchemy to the driver."""

    def call(self, *arguments, **named):
        counted.update(statements=1)
        return method(self, *arguments, **named)

    return call
