"""Sources' poll state, their lease, and the polls table.

The lease lets one process at a time poll a source; the state is a JSON value that
``digest.sources._state`` reads and writes whole.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select, update

from digest.model import Completeness, PollReport, PollStatus
from digest.papers.content import encode
from digest.store._bulk import Row, day, insert_many, reserve_ids, stamp, update_many
from digest.store.database import is_sqlite
from digest.store.tables import polls, sources
from digest.store.upserts import insert_ignore

LEASE = timedelta(minutes=15)
_POLL = (
    "id", "source", "kind", "at", "status", "records", "new", "revised", "unchanged", "rejected",
    "batch_on", "completeness", "error", "error_kind", "notice", "seconds",
)  # fmt: skip


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


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A source that is to be leased."""

    name: str
    next_poll_at: datetime
    """Stored with the lease: whatever happens to this process, it is not asked again before."""
    seen_next_poll_at: datetime | None
    """As it was when it was found to be due."""


def ensure(connection: Connection, kinds: Mapping[str, str]) -> None:
    """Make a row for each configured source (name to kind) that has none."""
    insert_ignore(
        connection, sources, [{"name": name, "kind": kind} for name, kind in kinds.items()]
    )


def load(connection: Connection, names: Sequence[str]) -> dict[str, SourceRow]:
    """Return the rows of these sources by name."""
    found = connection.execute(select(sources).where(sources.c.name.in_(names))).mappings()
    return {row["name"]: _row(row) for row in found}


def due(connection: Connection, now: datetime) -> dict[str, datetime | None]:
    """Return the sources that are due and nobody has, with their next polls; None means at once."""
    columns = sources.c
    query = select(columns.name, columns.next_poll_at).where(
        columns.disabled_reason == "",
        or_(columns.next_poll_at.is_(None), columns.next_poll_at <= now),
        or_(columns.lease_until.is_(None), columns.lease_until <= now),
    )
    return {row.name: row.next_poll_at for row in connection.execute(query)}


def lease(
    connection: Connection,
    wanted: Sequence[Wanted],
    *,
    owner: str,
    now: datetime,
    duration: timedelta = LEASE,
) -> set[str]:
    """Take sources for a poll, but for those that somebody has, or has polled meanwhile.

    Returns the names of those taken.
    """
    names = [one.name for one in wanted]
    query = select(sources.c.name, sources.c.next_poll_at, sources.c.lease_until)
    found = connection.execute(_locked(connection, query.where(sources.c.name.in_(names))))
    free = {
        row.name: row.next_poll_at
        for row in found
        if row.lease_until is None or row.lease_until <= now
    }
    taken = [one for one in wanted if one.name in free and free[one.name] == one.seen_next_poll_at]
    update_many(
        connection,
        sources,
        ("lease_owner", "lease_until", "next_poll_at", "last_poll_at", "name"),
        [
            (owner, stamp(now + duration), stamp(one.next_poll_at), stamp(now), one.name)
            for one in taken
        ],
        key=1,
    )
    return {one.name for one in taken}


def held(connection: Connection, names: Collection[str], *, owner: str) -> set[str]:
    """Return those sources that are still the owner's; they stay so until the transaction ends."""
    query = select(sources.c.name).where(sources.c.name.in_(names), sources.c.lease_owner == owner)
    return set(connection.scalars(_locked(connection, query)))


def release(connection: Connection, names: Collection[str], *, owner: str, now: datetime) -> None:
    """Give up the leases of an owner whose polls came to nothing: the sources are due again."""
    mine = and_(sources.c.name.in_(names), sources.c.lease_owner == owner)
    given_up = {"lease_owner": None, "lease_until": None, "next_poll_at": now}
    connection.execute(update(sources).where(mine).values(given_up))


def settle(connection: Connection, settled: Mapping[str, Settled], *, now: datetime) -> None:
    """Store what polls left behind on sources that are held, and give the leases back."""
    columns = ("state", "next_poll_at", "lease_owner", "lease_until")
    good: list[Row] = []
    bad: list[Row] = []
    for name, one in settled.items():
        common = (encode(one.state), stamp(one.next_poll_at), None, None)
        if one.succeeded:
            good.append((*common, stamp(now), name))
        else:
            bad.append((*common, one.disabled_reason, name))
    update_many(connection, sources, (*columns, "last_success_at", "name"), good, key=1)
    update_many(connection, sources, (*columns, "disabled_reason", "name"), bad, key=1)


def _locked(connection: Connection, query: Select[Any]) -> Select[Any]:
    """Keep the rows as they are until the end; always in one order, so that nobody deadlocks."""
    if is_sqlite(connection):
        return query
    return query.order_by(sources.c.name).with_for_update()


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


def add_polls(connection: Connection, reports: Sequence[PollReport]) -> list[int]:
    """Store polls and return their row ids."""
    ids = reserve_ids(connection, polls, len(reports))
    rows = [
        (
            row_id,
            one.source,
            one.kind,
            stamp(one.at),
            one.status.value,
            one.records,
            one.new,
            one.revised,
            one.unchanged,
            one.rejected,
            day(one.batch_on),
            one.completeness.value,
            one.error,
            one.error_kind,
            one.notice,
            one.seconds,
        )
        for row_id, one in zip(ids, reports, strict=True)
    ]
    insert_many(connection, polls, _POLL, rows)
    return ids


def last_polls(connection: Connection, names: Sequence[str]) -> dict[str, PollReport]:
    """Return the latest stored poll of each source."""
    latest = select(func.max(polls.c.id)).where(polls.c.source.in_(names)).group_by(polls.c.source)
    found = connection.execute(select(polls).where(polls.c.id.in_(latest))).mappings()
    return {row["source"]: _report(row) for row in found}


def excuse(connection: Connection, names: Collection[str], *, error_kind: str) -> None:
    """Give the latest polls of these sources another kind of error: it was not theirs."""
    latest = select(func.max(polls.c.id)).where(polls.c.source.in_(names)).group_by(polls.c.source)
    connection.execute(update(polls).where(polls.c.id.in_(latest)).values(error_kind=error_kind))


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
