"""Looks at this machine: configuration, store, clock, disk, what the sources last said."""

from __future__ import annotations

import shutil
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime

from digest import files
from digest.actions import checking, lookups, outbox, polling, workers
from digest.actions.doctor.findings import Finding, good, warning, wrong
from digest.app import App, system_clock
from digest.errors import DigestError
from digest.pipeline import clock
from digest.store import database
from digest.text.counting import counted

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
LITTLE_ROOM_MB = 500
PROBE = 1 << 20
"""Bytes written, and removed, to see that there is room: limits and quotas say nothing before."""
MOST_APART_S = 10
"""Clocks of machines that differ by more make leases and slots unsafe."""
NEWEST_ZONE = "America/Ciudad_Juarez"
"""Added to the zone data in 2022: without it they are older than the last changes of rules."""


def look(app: App) -> Iterator[Finding]:
    """Find how configuration, store, clock, disk and sources are."""
    yield from _configuration(app)
    yield _store(app)
    yield _clock(app)
    yield _zones(app)
    yield _disk(app)
    yield from _outbox(app)
    yield from _queue(app)
    yield from _sources(app)
    yield from _likes(app)


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    if config.path is None:
        yield warning("config", "there is no file", "run `digest init`")
    problems = checking.problems(config)
    for problem in problems:
        yield wrong("config", problem, "correct it where the line says")
    if config.path is not None and not problems:
        profiles = counted(len(config.profiles), "profile")
        yield good("config", f"{config.path}: good, with {profiles}")


def _store(app: App) -> Finding:
    try:
        database.check(app.engine)
    except DigestError as exc:
        return wrong("store", str(exc), "run `digest db upgrade`")
    revision = database.current_revision(app.engine)
    return good("store", f"answers, at revision {revision}")


def _clock(app: App) -> Finding:
    now = app.now()
    if now < EARLIEST:
        advice = "set the clock: slots, signatures and certificates depend on it"
        return wrong("clock", f"it says {now:%Y-%m-%d}", advice)
    with app.reading() as connection:
        if skew := clock.problem(connection, now):
            return wrong("clock", skew, "let NTP keep the time, then `digest run`")
    if not database.is_sqlite(app.engine):
        with app.reading() as connection:
            apart = (now - database.server_time(connection)).total_seconds()
        # A fixed clock (--now) is meant to be another.
        if abs(apart) > MOST_APART_S and app.clock is system_clock:
            said = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} the database's"
            return wrong(
                "clock", said, "let NTP keep the time on both machines: leases depend on it"
            )
    return good("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _zones(app: App) -> Finding:
    wanted = {app.config.settings.digest.time_zone, NEWEST_ZONE}
    wanted |= {item.profile.schedule.time_zone for item in app.config.profiles}
    unknown = sorted(wanted - zoneinfo.available_timezones())
    if unknown:
        advice = "update the system's tzdata, or `pip install --upgrade tzdata`"
        return wrong("zones", f"this machine does not know {', '.join(unknown)}", advice)
    return good("zones", f"{len(wanted) - 1} in use, all known here")


def _queue(app: App) -> Iterator[Finding]:
    if database.is_sqlite(app.engine):
        return
    if not workers.has_queue(app):
        yield warning("queue", "nobody has worked here yet", "start `digest serve`")
        return
    found = workers.look(app)
    for sentence in found.advice:
        said, _, advice = sentence.partition(": ")
        yield wrong("queue", said, advice or "run `digest workers`")
    if not found.advice:
        alive = sum(worker.is_alive for worker in found.workers)
        waiting = sum(queue.waiting for queue in found.queues)
        yield good("queue", f"{alive} workers, {waiting} jobs wait")


def _disk(app: App) -> Finding:
    folder = app.config.data_dir
    try:
        files.write(folder / ".doctor", bytes(PROBE))
        (folder / ".doctor").unlink()
    except OSError as exc:
        why = exc.strerror or exc
        return wrong("disk", f"{folder} cannot be written: {why}", "make room, or let this user in")
    left = shutil.disk_usage(folder if folder.exists() else folder.absolute().parent).free >> 20
    if left < LITTLE_ROOM_MB:
        advice = "make room, or run `digest prune` with shorter times in [store]"
        return wrong("disk", f"{left} MB are left in {folder}", advice)
    return good("disk", f"{left >> 10} GB are left")


def _outbox(app: App) -> Iterator[Finding]:
    found = outbox.verify(app)
    if found.problems:
        advice = "run `digest verify`, then `digest deliveries retry` or `cancel`"
        yield wrong("outbox", "; ".join(found.problems), advice)
    if found.uncertain:
        mails = counted(len(found.uncertain), "mail")
        advice = "`digest verify` lists them; then `digest deliveries retry` or `cancel`"
        yield warning("outbox", f"{mails} may or may not have arrived", advice)
    if not (found.problems or found.uncertain):
        waiting = found.planned - found.counts.get("sent", 0)
        yield good("outbox", f"every planned mail is accounted for ({waiting} of them not sent)")
    for line in found.skipped:
        yield warning("sending", line, "its log says why; mail goes by the next relay, or waits")
    if found.is_restored:
        advice = "cancel what was sent since the backup, then `digest deliveries resume`"
        yield warning("sending", "paused after a restore", advice)
    elif found.is_paused:
        yield warning("sending", "paused", "run `digest deliveries resume`")


def _sources(app: App) -> Iterator[Finding]:
    found = [source for source in polling.health(app) if source.enabled]
    if not found:
        yield wrong("sources", "none is configured", "add a [sources.NAME] table")
    for source in found:
        name = f"source {source.name}"
        if source.disabled_reason:
            advice = f"correct its address, then run `digest sources enable {source.name}`"
            yield wrong(name, source.disabled_reason, advice)
        elif source.is_offline:
            said = "this machine had no network when it was last polled"
            yield warning(name, said, "run `digest poll` when there is one")
        elif not source.is_healthy:
            said = source.error or source.notice or "its last poll was not complete"
            advice = f"run `digest poll {source.name} --force` and read what it says"
            yield wrong(name, said, advice)
        elif source.notice:
            advice = "look at its page: if it has moved or ended, correct or remove its table"
            yield warning(name, source.notice, advice)
        elif source.last_success_at is None:
            yield warning(name, "never polled", "run `digest poll`")
        else:
            yield good(name, f"answered {source.last_success_at:%Y-%m-%d %H:%M}")


def _likes(app: App) -> Iterator[Finding]:
    for sentence in lookups.not_found_of_files(app):
        yield warning("likes", sentence, "correct or remove it in the profile, if it stays away")
