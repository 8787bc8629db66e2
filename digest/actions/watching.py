"""What the owner's pages show at a glance, and the sessions of who may see them.

Read only but for ending sessions. Single people, mails and editions are ``subscribers``,
``outbox`` and ``editions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from digest.actions import outbox, polling, stats
from digest.actions.outbox import Standing
from digest.actions.polling import SourceHealth
from digest.app import App
from digest.model import PollReport
from digest.store import alerts, installation, sources, suppressions, watching
from digest.store.alerts import Alert
from digest.store.suppressions import Suppression
from digest.store.watching import BounceLine, RunLine

GROWTH_DAYS = 60
_SESSIONS = "owner.sessions"


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The first page of the owner."""

    alerts: tuple[Alert, ...]
    readers: Mapping[str, int]
    """Subscribers by status."""
    outbox: Standing
    suppressed: int
    sources: tuple[SourceHealth, ...]
    growth: stats.Stats
    runs: tuple[RunLine, ...]


@dataclass(frozen=True, kw_only=True)
class SourcePage:
    """A source and its polls of the last days, newest first."""

    health: SourceHealth
    polls: tuple[PollReport, ...]


@dataclass(frozen=True, kw_only=True)
class Returned:
    """What came back, and who is not mailed for it."""

    bounces: tuple[BounceLine, ...]
    suppressions: tuple[Suppression, ...]
    counts: Mapping[str, int]
    """Suppressed addresses by reason."""


def overview(app: App) -> Overview:
    """Return what is going on."""
    growth = stats.collect(app, days=GROWTH_DAYS)
    with app.reading() as connection:
        return Overview(
            alerts=tuple(alerts.open_alerts(connection)),
            readers=growth.readers,
            outbox=outbox.standing(app),
            suppressed=sum(suppressions.count_by_reason(connection).values()),
            sources=polling.health(app),
            growth=growth,
            runs=tuple(watching.last_runs(connection, limit=8)),
        )


def source_pages(app: App, *, days: int = 7) -> tuple[SourcePage, ...]:
    """Return every configured source with its polls of the last days."""
    since = app.now() - timedelta(days=days)
    with app.reading() as connection:
        return tuple(
            SourcePage(
                health=health,
                polls=sources.polls_of(connection, health.name, since=since)[::-1],
            )
            for health in polling.health(app)
        )


def runs(app: App, *, limit: int = 100) -> tuple[RunLine, ...]:
    """Return the latest passes, newest first, without uneventful ticks."""
    with app.reading() as connection:
        return tuple(watching.last_runs(connection, limit=limit))


def alarms(app: App) -> tuple[Alert, ...]:
    """Return what is wrong now, the oldest trouble first."""
    with app.reading() as connection:
        return tuple(alerts.open_alerts(connection))


def returned(app: App, *, limit: int = 100) -> Returned:
    """Return the latest bounces, complaints and suppressions."""
    with app.reading() as connection:
        return Returned(
            bounces=tuple(watching.recent_bounces(connection, limit=limit)),
            suppressions=tuple(watching.recent_suppressions(connection, limit=limit)),
            counts=suppressions.count_by_reason(connection),
        )


def polls_so_far(app: App) -> int:
    """Return a number that grows with every visit to a source."""
    with app.reading() as connection:
        return watching.last_poll_id(connection)


def session_generation(app: App) -> int:
    """Return the number that every session of now carries."""
    with app.reading() as connection:
        return int(installation.get(connection, _SESSIONS) or 0)


def end_sessions(app: App) -> None:
    """End every session, on every machine."""
    with app.writing() as connection:
        present = int(installation.get(connection, _SESSIONS) or 0)
        installation.put(connection, _SESSIONS, str(present + 1))
