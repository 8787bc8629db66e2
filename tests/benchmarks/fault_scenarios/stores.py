"""Databases that fail while mails go out."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path

from fault_scenarios import Counts, scenario
from fault_scenarios.place import Place, ended, processes_of

SLOW_S = 0.02
"""A relay this slow gives a fault the time to come in the middle."""


@scenario("store: SQLite locked by another process", databases=("sqlite",), short=True)
def locked(place: Place) -> Counts:
    """Somebody holds the write lock for longer than the sender waits for it."""
    place.plan()
    place.relay.reply_s = SLOW_S
    sending = place.send()
    place.relay.wait_for(place.mails // 10)
    with closing(sqlite3.connect(place.store.removeprefix("sqlite:///"))) as other:
        other.execute("PRAGMA busy_timeout=30000")
        other.execute("BEGIN IMMEDIATE")
        time.sleep(place.lock_s)
        other.rollback()
    return place.counts(ended(sending))


@scenario("store: PostgreSQL is restarted", databases=("postgresql",))
def restarted(place: Place) -> Counts:
    """Stopped in the middle of sending, and up again at once."""
    place.plan()
    place.relay.reply_s = SLOW_S
    sending = place.send()
    place.relay.wait_for(place.mails // 10)
    place.server.stop()
    place.server.ensure_postgres_running()
    return place.counts(ended(sending))


@scenario("store: PostgreSQL is down until the sender gave up", databases=("postgresql",))
def gone(place: Place) -> Counts:
    """Stopped in the middle, and down when the sender ends."""
    place.plan()
    place.relay.reply_s = SLOW_S
    sending = place.send()
    place.relay.wait_for(place.mails // 10)
    place.server.stop()
    found = ended(sending)
    place.server.ensure_postgres_running()
    return place.counts(found)


@scenario("store: PostgreSQL is killed", databases=("postgresql",), short=True)
def killed(place: Place) -> Counts:
    """Killed with all its processes: what was not on disk dies with its memory."""
    place.plan()
    place.relay.reply_s = SLOW_S
    sending = place.send()
    place.relay.wait_for(place.mails // 10)
    for pid in processes_of(place.server.get_pid()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    # Nobody may have taken note of its death yet: by its files it seems to run.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (place.server.pgdata / name).unlink(missing_ok=True)
    place.server.ensure_postgres_running()
    return place.counts(ended(sending))


@scenario("store: three first starts at once", short=True)
def first_starts(place: Place) -> Counts:
    """Three processes find an empty database, and each wants to make its tables."""
    started = [place.start("deliveries", "list") for _ in range(3)]
    bad = [one for one in map(ended, started) if one.code or one.has_traceback]
    return Counts(stuck=len(bad))


@scenario("store: a restore is killed at any step", databases=("sqlite",), short=True)
def restore_killed(place: Place) -> Counts:
    """Mails that were sent after a backup wait in it; a restore that is killed must not send."""
    place.plan()
    backup = place.folder / "backup.gz"
    assert place.run("backup", str(backup)).code == 0
    assert ended(place.send()).code == 0
    total = Counts()
    for delay in (0.3, 0.7, 0.9, 1.1, 1.3, 1.6):
        restoring = place.start("restore", str(backup), "--force")
        with suppress(subprocess.TimeoutExpired):
            restoring.wait(timeout=delay)
        restoring.kill()
        restoring.communicate()
        place.run("run", "--no-poll")
        doubled = len(place.relay.received) - len(set(place.relay.received))
        total += Counts(doubled=doubled)
        place.relay.received[:] = dict.fromkeys(place.relay.received)
    return total


@scenario("store: a restore has no room", databases=("sqlite",))
def restore_without_room(place: Place) -> Counts:
    """Files may not grow beyond what is there: as on a full disk."""
    place.plan()
    backup = place.folder / "backup.gz"
    assert place.run("backup", str(backup)).code == 0
    assert ended(place.send()).code == 0
    size = Path(place.store.removeprefix("sqlite:///")).stat().st_size
    silent = doubled = 0
    for limit in (size // 4, size // 2, size, size + 8192):
        words = ("restore", str(backup), "--force")
        found = place.run(*words, preexec_fn=lambda limit=limit: limited(limit))
        silent += int(found.has_traceback)
        place.run("run", "--no-poll")
        doubled += len(place.relay.received) - len(set(place.relay.received))
        place.relay.received[:] = dict.fromkeys(place.relay.received)
    return Counts(doubled=doubled, silent=silent)


def limited(size: int) -> None:
    """Let no file of this process grow beyond so many bytes."""
    import resource  # noqa: PLC0415 - in the child

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
