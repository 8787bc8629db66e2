"""Faults of the machine itself: a wrong clock, a full disk, a damaged store, an empty key.

Each scenario lives through a few mornings of one installation with one reader, real processes,
SMTP and HTTP on loopback, and returns how many papers were lost or doubled, how many mails are
stuck, and how often nobody was told of the fault.

    python tests/benchmarks/faults.py --only machine
"""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from installation import NOW, PROFILE, Installation, a_feed, installed

from digest.actions import outbox
from fault_scenarios import Counts, scenario

YEAR_H = 365 * 24
OPEN = ("ready", "claimed", "transmitting", "deferred", "uncertain")


class Morning:
    """An installation whose feed grows by two papers a day, and what its reader got."""

    def __init__(self, place: Installation) -> None:
        self.place = place
        self.titles: list[str] = []
        self.silent = 0
        place.add_feed("blog", a_feed())

    def publish(self, count: int = 2) -> None:
        number = len(self.titles)
        self.titles += [f"Careful studies, volume <{number + n}>" for n in range(count)]
        self.place.web.routes["/blog"] = a_feed(*self.titles)

    def run(self, hours: float, *, named: str = "", size: int = 0) -> tuple[int, str]:
        """Do one pass as an owner's cron does; ``named`` is what it has to say."""
        at = (NOW + timedelta(hours=hours)).isoformat()
        return self.command("--now", at, "run", named=named, size=size)

    def command(self, *words: str, named: str = "", size: int = 0) -> tuple[int, str]:
        """Run one command, with files limited to ``size`` bytes if given."""
        ended = subprocess.run(
            [sys.executable, "-m", "digest", "-c", str(self.place.config), *words],
            capture_output=True,
            text=True,
            timeout=600,
            preexec_fn=_limited(size) if size else None,
            check=False,
        )
        said = ended.stdout + ended.stderr
        is_told = ended.returncode != 0 and named in said and "Traceback" not in said
        self.silent += bool(named) and not is_told
        return ended.returncode, said

    def counts(self, hours: float) -> Counts:
        """Count at the end, at this hour of the story."""
        texts = [m.get_body(("plain",)).get_content() for m in self.place.messages()]  # type: ignore[union-attr]
        seen = Counter(title for title in self.titles for text in texts if title in text)
        with self.place.open(hours=hours) as app:
            states = outbox.verify(app).counts
        return Counts(
            lost=sum(not seen[title] for title in self.titles),
            doubled=sum(seen[title] > 1 for title in self.titles),
            stuck=sum(states.get(state, 0) for state in OPEN),
            silent=self.silent,
        )


def _limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@contextmanager
def _morning() -> Iterator[Morning]:
    with tempfile.TemporaryDirectory() as folder, installed(Path(folder)) as place:
        yield Morning(place)


def _clock(jump_h: float, named: str) -> Counts:
    """One pass with a clock that is wrong by so much, between two good mornings."""
    with _morning() as morning:
        morning.publish()
        morning.run(0)
        morning.publish()
        is_behind = jump_h < 0
        morning.run(24 + jump_h, named=named if is_behind else "")
        morning.publish()
        morning.run(48, named="" if is_behind else named)
        morning.publish()
        morning.run(72)
        return morning.counts(72)


def _dst(first: datetime, zone: str) -> Counts:
    """Hourly passes over a change of the clocks, for a mail at half past two."""
    with _morning() as morning:
        profile = PROFILE.replace("[[", f'time_zone = "{zone}"\nsend_time = "02:30"\n[[', 1)
        morning.place.add_profile("ada", profile)
        start = round((first - NOW) / timedelta(hours=1))
        for hour in range(0, 72, 3):
            if hour % 24 == 0:
                morning.publish()
            morning.place.run(hours=start + hour)
        return morning.counts(start + 72)


def _full_disk() -> Counts:
    with _morning() as morning:
        morning.publish()
        morning.run(0)
        morning.publish(300)
        data = morning.place.folder / "data"
        for hours in (24, 25):
            size = max(path.stat().st_size for path in data.glob("digest.db*"))
            morning.run(hours, named="make room", size=size // 1024 * 1024 if hours == 24 else 4096)
        morning.titles = morning.titles[:22]
        morning.run(30)
        found = morning.counts(30)
        return Counts(doubled=found.doubled, stuck=found.stuck, silent=found.silent)


def _damaged_store() -> Counts:
    with _morning() as morning:
        morning.publish()
        morning.run(0)
        path = morning.place.folder / "data" / "digest.db"
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            query = "SELECT rootpage FROM sqlite_master WHERE name = 'papers'"
            (page,) = store.execute(query).fetchone()
            (size,) = store.execute("PRAGMA page_size").fetchone()
        whole = path.read_bytes()
        with path.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(os.urandom(size))
        morning.command("verify", named="damaged")
        for ending in ("-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)
        path.write_bytes(whole)
        morning.publish()
        morning.run(24)
        return morning.counts(24)


def _empty_secret() -> Counts:
    with _morning() as morning:
        morning.publish()
        secret = morning.place.folder / "data" / "secret"
        secret.parent.mkdir()
        secret.write_bytes(b"")
        morning.run(0, named="a signing secret has at least")
        secret.unlink()
        morning.run(1)
        return morning.counts(1)


_SCENARIOS: dict[str, Callable[[], Counts]] = {
    "machine: clock a year ahead": lambda: _clock(YEAR_H, "the clock was ahead"),
    "machine: clock two days ahead": lambda: _clock(48, "the clock was ahead"),
    "machine: clock a year behind": lambda: _clock(-YEAR_H, "the clock is behind"),
    "machine: clocks go forward": lambda: _dst(datetime(2026, 3, 28, tzinfo=UTC), "Europe/Berlin"),
    "machine: clocks go back": lambda: _dst(datetime(2026, 4, 4, tzinfo=UTC), "Australia/Sydney"),
    "machine: disk is full": _full_disk,
    "machine: store is damaged": _damaged_store,
    "machine: secret is empty": _empty_secret,
}

for _name, _story in _SCENARIOS.items():
    # Each has an installation of its own, with a source: the place is the senders'.
    scenario(_name, databases=("sqlite",))(lambda _place, story=_story: story())
