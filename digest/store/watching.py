"""What the owner looks at beside lists of people and mails: runs, bounces, suppressions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, not_, select

from digest.store.suppressions import Suppression
from digest.store.tables import bounces, polls, runs, suppressions

QUIET_COMMANDS = ("tick",)
"""Passes that come every minute: they are shown only where they mailed or something went wrong."""


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One pass: when, how it ended, what went wrong."""

    run_id: str
    command: str
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None
    problems: tuple[str, ...]
    made: int = 0
    """Editions that were made to be mailed."""
    sent: int = 0


@dataclass(frozen=True, kw_only=True)
class BounceLine:
    """One mail that came back, or a complaint."""

    row_id: int
    received_at: datetime
    delivery_id: int | None
    subscriber_id: int | None
    kind: str
    status: str
    reason: str
    effect: str


def last_runs(connection: Connection, *, limit: int) -> list[RunLine]:
    """Return the latest passes, newest first, without uneventful ticks."""
    is_dull = and_(
        runs.c.command.in_(QUIET_COMMANDS),
        runs.c.exit_code == 0,
        func.coalesce(runs.c.report["planned"]["mailed"].as_integer(), 0) == 0,
        func.coalesce(runs.c.report["sent"]["counts"]["sent"].as_integer(), 0) == 0,
    )
    query = select(runs).where(not_(is_dull)).order_by(runs.c.started_at.desc()).limit(limit)
    return [
        RunLine(
            run_id=row.id,
            command=row.command,
            started_at=row.started_at,
            ended_at=row.ended_at,
            exit_code=row.exit_code,
            problems=tuple(str(item) for item in (row.report or {}).get("problems", ())),
            made=_count(row.report, "planned", "mailed"),
            sent=_count(row.report, "sent", "counts", "sent"),
        )
        for row in connection.execute(query)
    ]


def _count(report: Any, *path: str) -> int:
    for name in path:
        report = report.get(name) if isinstance(report, dict) else None
    return report if isinstance(report, int) else 0


def last_poll_id(connection: Connection) -> int:
    """Return the row id of the latest poll; 0 before the first."""
    return connection.scalar(select(func.max(polls.c.id))) or 0


def recent_bounces(connection: Connection, *, limit: int) -> list[BounceLine]:
    """Return the latest bounces and complaints, newest first."""
    columns = [bounces.c[name] for name in BounceLine.__dataclass_fields__ if name != "row_id"]
    query = (
        select(bounces.c.id.label("row_id"), *columns).order_by(bounces.c.id.desc()).limit(limit)
    )
    return [BounceLine(**row) for row in connection.execute(query).mappings()]


def recent_suppressions(connection: Connection, *, limit: int) -> list[Suppression]:
    """Return the latest suppressions, newest first; whom they name is not known."""
    query = select(suppressions).order_by(suppressions.c.at.desc()).limit(limit)
    return [Suppression(**row) for row in connection.execute(query).mappings()]
