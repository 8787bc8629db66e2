"""Passes over the pipeline: when each began and ended, its exit code and its report.

Holds reports as they are given; what belongs into one is decided in ``actions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from digest.store.tables import runs

Report = Mapping[str, Any]


def begin(
    connection: Connection,
    run_id: str,
    command: str,
    at: datetime,
    report: Report | None = None,
) -> None:
    """Note that a pass began."""
    row = {"id": run_id, "command": command, "started_at": at, "report": dict(report or {})}
    connection.execute(insert(runs).values(row))


def end(
    connection: Connection, run_id: str, *, at: datetime, exit_code: int, report: Report
) -> None:
    """Note that a pass ended, and how."""
    values = {"ended_at": at, "exit_code": exit_code, "report": dict(report)}
    connection.execute(update(runs).where(runs.c.id == run_id).values(values))


def put(connection: Connection, run_id: str, report: Report) -> None:
    """Keep what a pass that goes on has done so far."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(report=dict(report)))


def held(connection: Connection, run_id: str) -> dict[str, Any] | None:
    """Return a pass's report and keep others from it until the transaction ends.

    None where the pass is not known, or has ended.
    """
    query = select(runs.c.report).where(runs.c.id == run_id, runs.c.ended_at.is_(None))
    found = connection.scalar(query.with_for_update())
    return None if found is None else dict(found)


def unended(connection: Connection, command: str, before: datetime) -> tuple[str, ...]:
    """Return the passes of a command that began before an instant and go on, oldest first."""
    query = select(runs.c.id).where(
        runs.c.command == command, runs.c.ended_at.is_(None), runs.c.started_at < before
    )
    return tuple(connection.scalars(query.order_by(runs.c.started_at)))
