"""Papers' popularity over time: dated observations, appended and never changed.

What they are worth is decided in ``ranking``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from digest.model import Observation
from digest.store._bulk import among
from digest.store.database import is_sqlite
from digest.store.tables import signals

REPEAT_AFTER = timedelta(hours=20)
"""A value that did not move is written down again after this long, so that silence and
standstill can be told apart."""


def append(connection: Connection, observations: Mapping[int, Iterable[Observation]]) -> None:
    """Append observations by paper row id; one that is there already is left as it is."""
    rows = [
        {
            "paper_id": paper_id,
            "kind": one.kind,
            "observed_at": one.observed_at,
            "value": one.value,
        }
        for paper_id, several in observations.items()
        for one in several
    ]
    if rows:
        make = sqlite_insert if is_sqlite(connection) else postgresql_insert
        connection.execute(make(signals).on_conflict_do_nothing(), rows)


def observe(connection: Connection, observations: Mapping[int, Iterable[Observation]]) -> None:
    """Append what moved since it was last observed, or was last observed long ago."""
    last = latest(connection, observations.keys())
    append(
        connection,
        {
            paper_id: [one for one in several if _says_more(one, last.get((paper_id, one.kind)))]
            for paper_id, several in observations.items()
        },
    )


def history(
    connection: Connection, paper_ids: Collection[int], since: datetime | None = None
) -> dict[int, tuple[Observation, ...]]:
    """Return the observations of papers, oldest first; papers without any are absent."""
    if not paper_ids:
        return {}
    query = (
        select(signals.c.paper_id, signals.c.kind, signals.c.observed_at, signals.c.value)
        .where(among(connection, signals.c.paper_id, paper_ids))
        .order_by(signals.c.observed_at, signals.c.kind)
    )
    if since is not None:
        query = query.where(signals.c.observed_at >= since)
    found: dict[int, list[Observation]] = defaultdict(list)
    for paper_id, kind, observed_at, value in connection.execute(query):
        found[paper_id].append(Observation(kind=kind, observed_at=observed_at, value=value))
    return {paper_id: tuple(several) for paper_id, several in found.items()}


def latest(
    connection: Connection, paper_ids: Collection[int]
) -> dict[tuple[int, str], Observation]:
    """Return the last observation of each kind, by (paper row id, kind)."""
    if not paper_ids:
        return {}
    newest = (
        select(signals.c.paper_id, signals.c.kind, func.max(signals.c.observed_at).label("at"))
        .where(among(connection, signals.c.paper_id, paper_ids))
        .group_by(signals.c.paper_id, signals.c.kind)
        .subquery()
    )
    query = select(signals).join(
        newest,
        (signals.c.paper_id == newest.c.paper_id)
        & (signals.c.kind == newest.c.kind)
        & (signals.c.observed_at == newest.c.at),
    )
    return {
        (row.paper_id, row.kind): Observation(
            kind=row.kind, observed_at=row.observed_at, value=row.value
        )
        for row in connection.execute(query)
    }


def _says_more(one: Observation, last: Observation | None) -> bool:
    if last is None:
        return True
    moved = one.value != last.value
    return one.observed_at > last.observed_at and (
        moved or one.observed_at - last.observed_at >= REPEAT_AFTER
    )
