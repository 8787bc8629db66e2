"""Looks at this machine: configuration, store, clock, disk, what the sources last said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime

from digest.actions import checking, outbox, polling
from digest.actions.doctor.findings import Finding, good, warning, wrong
from digest.app import App
from digest.errors import DigestError
from digest.store import database

EARLIEST = datetime(2024, 1, 1, tzinfo=UTC)
LITTLE_ROOM_MB = 500


def look(app: App) -> Iterator[Finding]:
    """Find how configuration, store, clock, disk and sources are."""
    yield from _configuration(app)
    yield _store(app)
    yield _clock(app.now())
    yield _disk(app)
    yield _outbox(app)
    yield from _sources(app)


def _configuration(app: App) -> Iterator[Finding]:
    config = app.config
    if config.path is None:
        yield warning("config", "there is no file", "run `digest init`")
    problems = checking.problems(config)
    for problem in problems:
        yield wrong("config", problem, "correct it where the line says")
    if config.path is not None and not problems:
        count = len(config.profiles)
        yield good("config", f"{config.path}: good, with {count} profiles")


def _store(app: App) -> Finding:
    try:
        database.check(app.engine)
    except DigestError as exc:
        return wrong("store", str(exc), "run `digest db upgrade`")
    revision = database.current_revision(app.engine)
    return good("store", f"answers, at revision {revision}")


def _clock(now: datetime) -> Finding:
    if now < EARLIEST:
        advice = "set the clock: slots, signatures and certificates depend on it"
        return wrong("clock", f"it says {now:%Y-%m-%d}", advice)
    return good("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _disk(app: App) -> Finding:
    folder = app.config.data_dir
    left = shutil.disk_usage(folder if folder.exists() else folder.absolute().parent).free >> 20
    if left < LITTLE_ROOM_MB:
        advice = "make room, or run `digest prune` with shorter times in [store]"
        return wrong("disk", f"{left} MB are left in {folder}", advice)
    return good("disk", f"{left >> 10} GB are left")


def _outbox(app: App) -> Finding:
    found = outbox.verify(app)
    if found.problems:
        advice = "run `digest verify`, then `digest deliveries retry` or `cancel`"
        return wrong("outbox", "; ".join(found.problems), advice)
    waiting = found.planned - found.counts.get("sent", 0)
    return good("outbox", f"every planned mail is accounted for ({waiting} of them not sent)")


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
