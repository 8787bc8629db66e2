"""Sources' poll state, their lease, and the polls table.

The lease lets one process at a time poll a source; the state is a JSON value that
``digest.sources._state`` reads and writes whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, or_, select, update

from digest.model import Completeness, PollReport, PollStatus
from digest.store.tables import polls, sources
from digest.store.upserts import insert_ignore

LEASE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A source as the store knows it."""

    name: str
    kind: str
    state: Mapping[str, Any]
    next_poll_at: datetime | None = None
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    disabled_reason: str = ""
    lease_until: datetime | None = None
    lease_owner: str | None = None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What a poll leaves behind on its source."""

    state: Mapping[str, Any]
    next_poll_at: datetime
    succeeded: bool
    disabled_reason: str = ""


def ensure(connection: Connection, kinds: Mapping[str, str]) -> None:
    """Make a row for each configured source (name to kind) that has none."""
    insert_ignore(
        connection, sources, [{"name": name, "kind": kind} for name, kind in kinds.items()]
    )


def load(connection: Connection, names: Sequence[str]) -> dict[str, SourceRow]:
    """Return the rows of these sources by name."""
    found = connection.execute(select(sources).where(sources.c.name.in_(names))).mappings()
    return {row["name"]: _row(row) for row in found}


def lease(
    connection: Connection,
    name: str,
    *,
    owner: str,
    now: datetime,
    next_poll_at: datetime,
    seen_next_poll_at: datetime | None,
    duration: timedelta = LEASE,
) -> bool:
    """Take a source for this poll, if nobody has it or has polled it since it was looked at.

    ``next_poll_at`` is stored with it: whatever happens to this process, the source is not
    asked again before.
    """
    unchanged = (
        sources.c.next_poll_at.is_(None)
        if seen_next_poll_at is None
        else sources.c.next_poll_at == seen_next_poll_at
    )
    taken = connection.execute(
        update(sources)
        .where(
            sources.c.name == name,
            unchanged,
            or_(sources.c.lease_until.is_(None), sources.c.lease_until <= now),
        )
        .values(
            lease_owner=owner,
            lease_until=now + duration,
            next_poll_at=next_poll_at,
            last_poll_at=now,
        )
    )
    return taken.rowcount == 1


def settle(
    connection: Connection, name: str, settled: Settled, *, owner: str, now: datetime
) -> bool:
    """Store what a poll left behind and give the lease back; False where it was lost."""
    values: dict[str, Any] = {
        "state": dict(settled.state),
        "next_poll_at": settled.next_poll_at,
        "lease_owner": None,
        "lease_until": None,
    }
    if settled.succeeded:
        values["last_success_at"] = now
    if settled.disabled_reason:
        values["disabled_reason"] = settled.disabled_reason
    changed = connection.execute(
        update(sources).where(sources.c.name == name, sources.c.lease_owner == owner).values(values)
    )
    return changed.rowcount == 1


def amend(
    connection: Connection, name: str, *, state: Mapping[str, Any], next_poll_at: datetime
) -> None:
    """Replace state and next poll of a source that nobody is polling."""
    connection.execute(
        update(sources)
        .where(sources.c.name == name, sources.c.lease_owner.is_(None))
        .values(state=dict(state), next_poll_at=next_poll_at)
    )


def enable(connection: Connection, name: str, *, state: Mapping[str, Any]) -> bool:
    """Lift what disabled a source and let it be polled at once; False where there is none."""
    changed = connection.execute(
        update(sources)
        .where(sources.c.name == name)
        .values(disabled_reason="", next_poll_at=None, state=dict(state))
    )
    return changed.rowcount == 1


def add_poll(connection: Connection, report: PollReport) -> int:
    """Store one poll and return its row id."""
    made = connection.execute(
        insert(polls).values(
            source=report.source,
            kind=report.kind,
            at=report.at,
            status=report.status.value,
            records=report.records,
            new=report.new,
            revised=report.revised,
            unchanged=report.unchanged,
            rejected=report.rejected,
            batch_on=report.batch_on,
            completeness=report.completeness.value,
            error=report.error,
            error_kind=report.error_kind,
            seconds=report.seconds,
        )
    )
    assert made.inserted_primary_key is not None
    return int(made.inserted_primary_key[0])


def last_polls(connection: Connection, names: Sequence[str]) -> dict[str, PollReport]:
    """Return the latest stored poll of each source."""
    latest = select(func.max(polls.c.id)).where(polls.c.source.in_(names)).group_by(polls.c.source)
    found = connection.execute(select(polls).where(polls.c.id.in_(latest))).mappings()
    return {row["source"]: _report(row) for row in found}


def polls_of(connection: Connection, name: str, *, since: datetime) -> tuple[PollReport, ...]:
    """Return the polls of one source since an instant, oldest first."""
    found = connection.execute(
        select(polls)
        .where(polls.c.source == name, polls.c.at >= since)
        .order_by(polls.c.at, polls.c.id)
    ).mappings()
    return tuple(_report(row) for row in found)


def _row(row: RowMapping) -> SourceRow:
    return SourceRow(**{name: row[name] for name in SourceRow.__dataclass_fields__})


def _report(row: RowMapping) -> PollReport:
    values = {name: row[name] for name in PollReport.__dataclass_fields__}
    values["status"] = PollStatus(values["status"])
    values["completeness"] = Completeness(values["completeness"])
    return PollReport(**values)
