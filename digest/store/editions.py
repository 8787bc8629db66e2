"""Queries about editions: freezing them with their ledger, and reading them back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Row, func, select

from digest.model import Completeness, Edition, Frequency, PickColumns, Picks, SourceLine
from digest.model.quickly import made
from digest.store import ledger
from digest.store._bulk import Row as BulkRow
from digest.store._bulk import among, ask, day, insert_many, reserve_ids, stamp, unstamp
from digest.store.tables import deliveries, editions, polls, profiles, signals

T = TypeVar("T")

CHUNK = 500
"""Rows a statement: SQLite allows 32,766 variables, PostgreSQL 65,535."""


class EditionOutcome(StrEnum):
    """What became of a slot."""

    MAILED = "mailed"
    EMPTY = "empty"  # nothing to say, and the profile wants silence


def freeze(
    connection: Connection, drafts: Sequence[Edition], outcome: EditionOutcome
) -> list[Edition]:
    """Store editions and enter their picks in the once-only ledger; return them with row ids.

    A slot that already has an edition is left as it is, and its draft is not returned. Of two
    planners only one makes an edition: the transaction holds the subscribers (see ``ledger``).
    """
    if not drafts:
        return []
    filled = taken(connection, [(draft.subscription_id, draft.slot_at) for draft in drafts])
    drafts = [draft for draft in drafts if draft.subscription_id not in filled]
    ids = reserve_ids(connection, editions, len(drafts))
    frozen = [_with_id(draft, row_id) for row_id, draft in zip(ids, drafts, strict=True)]
    insert_many(connection, editions, _COLUMNS, [_row(edition, outcome) for edition in frozen])
    ledger.enter(
        connection,
        (
            (edition.subscriber_id, edition.row_id, Picks.of(edition.picks).columns.paper_ids)
            for edition in frozen
        ),
    )
    return frozen


def load_many(connection: Connection, edition_ids: Collection[int]) -> dict[int, Edition]:
    """Return editions by row id; unknown ids are absent."""
    found: dict[int, Edition] = {}
    for chunk in _chunks(list(edition_ids), CHUNK):
        query = select(editions).where(editions.c.id.in_(chunk))
        found |= {row.id: _edition(row) for row in connection.execute(query)}
    return found


def of_subscription(
    connection: Connection, subscription_id: int, *, limit: int = 50
) -> list[Edition]:
    """Return a subscription's editions, newest first."""
    query = (
        select(editions)
        .where(editions.c.subscription_id == subscription_id)
        .order_by(editions.c.slot_at.desc())
        .limit(limit)
    )
    return [_edition(row) for row in connection.execute(query)]


def taken(connection: Connection, slots: Collection[tuple[int, datetime]]) -> set[int]:
    """Return of which subscriptions there is an edition of the slot named with them."""
    wanted = set(slots)
    if not wanted:
        return set()
    query = select(editions.c.subscription_id, editions.c.slot_at).where(
        among(connection, editions.c.subscription_id, [row_id for row_id, _ in wanted]),
        editions.c.slot_at.in_({at for _, at in wanted}),
    )
    return {row[0] for row in connection.execute(query) if (row[0], row[1]) in wanted}


@dataclass(frozen=True, kw_only=True)
class EditionLine:
    """An edition in a list: what it is, not what it holds."""

    row_id: int
    subscriber_id: int
    subscription_id: int
    profile: str
    edition_on: date
    slot_at: datetime
    made_at: datetime
    pick_count: int
    outcome: EditionOutcome
    delivery_state: str
    """Empty where nothing is mailed."""


def listed(
    connection: Connection,
    *,
    subscriber_id: int = 0,
    profile: str = "",
    edition_on: date | None = None,
    before: int = 0,
    limit: int = 100,
) -> list[EditionLine]:
    """Return editions, newest first, of row ids below ``before`` (all where it is 0)."""
    query = (
        select(
            editions.c.id.label("row_id"),
            *(
                editions.c[name]
                for name in (
                    "subscriber_id", "subscription_id", "edition_on", "slot_at", "made_at",
                    "pick_count", "outcome",
                )
            ),
            func.coalesce(profiles.c.name, "").label("profile"),
            func.coalesce(deliveries.c.state, "").label("delivery_state"),
        )
        .outerjoin(profiles, profiles.c.id == editions.c.profile_id)
        .outerjoin(deliveries, deliveries.c.edition_id == editions.c.id)
        .order_by(editions.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    wanted = [
        (subscriber_id, editions.c.subscriber_id == subscriber_id),
        (profile, profiles.c.name == profile),
        (edition_on, editions.c.edition_on == edition_on),
        (before, editions.c.id < before),
    ]
    query = query.where(*(condition for asked, condition in wanted if asked))
    return [
        EditionLine(**dict(row) | {"outcome": EditionOutcome(row["outcome"])})
        for row in connection.execute(query).mappings()
    ]


def last_windows(connection: Connection, subscription_ids: Collection[int]) -> dict[int, datetime]:
    """Return where the window of each subscription's last slot ended; absent without an edition."""
    if not subscription_ids:
        return {}
    rows = ask(connection, _LAST_WINDOWS, subscription_ids)
    return {row_id: unstamp(ended) for row_id, ended in rows if ended is not None}


# One look into the index of slots each, however many editions there were.
_LAST_WINDOWS = """
    SELECT u.id, (
        SELECT e.window_end_at FROM editions e
        WHERE e.subscription_id = u.id ORDER BY e.slot_at DESC LIMIT 1)
    FROM subscriptions u WHERE u.id IN ?
"""


def showing(connection: Connection, subscriber_id: int, paper_id: int) -> Edition | None:
    """Return the edition that showed a paper to a subscriber, or None."""
    row_id = ledger.edition_showing(connection, subscriber_id, paper_id)
    return None if row_id is None else load_many(connection, [row_id]).get(row_id)


def source_lines(
    connection: Connection, names: Sequence[str], since: datetime
) -> tuple[SourceLine, ...]:
    """Return what the polls since an instant say of each source: count, completeness, failure."""
    totals: dict[str, int] = {
        source: int(new or 0)
        for source, new in connection.execute(
            select(polls.c.source, func.sum(polls.c.new))
            .where(polls.c.at > since, polls.c.source.in_(names))
            .group_by(polls.c.source)
        )
    }
    latest = (
        select(polls.c.source, func.max(polls.c.id).label("id"))
        .where(polls.c.status != "skipped", polls.c.source.in_(names))
        .group_by(polls.c.source)
        .subquery()
    )
    rows = {
        row.source: row
        for row in connection.execute(
            select(
                polls.c.source, polls.c.kind, polls.c.status, polls.c.completeness, polls.c.error
            ).join(latest, latest.c.id == polls.c.id)
        )
    }
    return tuple(_source_line(name, totals.get(name, 0), rows.get(name)) for name in names)


BASE_BEFORE, BASE_AFTER = timedelta(hours=12), timedelta(hours=6)
"""A value that was observed so long before or after an instant stands for that instant."""


def signal_changes(
    connection: Connection,
    paper_ids: Collection[int],
    since: datetime,
    *,
    until: datetime | None = None,
) -> dict[int, dict[str, tuple[float, float]]]:
    """Return by paper and signal kind: the value now and its change since about an instant.

    The change is 0 where nothing was observed about then: of an older value nobody knows what
    it had become. With ``until``, as it was at that instant.
    """
    changes: dict[int, dict[str, tuple[float, float]]] = {}
    bases: dict[tuple[int, str], tuple[datetime, float]] = {}
    for chunk in _chunks(list(paper_ids), CHUNK):
        query = (
            select(signals.c.paper_id, signals.c.kind, signals.c.observed_at, signals.c.value)
            .where(signals.c.paper_id.in_(chunk))
            .order_by(signals.c.observed_at)
        )
        if until is not None:
            query = query.where(signals.c.observed_at <= until)
        for paper_id, kind, at, value in connection.execute(query):
            if at <= since or (paper_id, kind) not in bases:
                bases[paper_id, kind] = at, value
            base_at, base = bases[paper_id, kind]
            is_known = since - BASE_BEFORE <= base_at <= since + BASE_AFTER
            change = value - base if is_known else 0.0
            changes.setdefault(paper_id, {})[kind] = value, change
    return changes


def _source_line(name: str, new: int, row: Any) -> SourceLine:
    if row is None:
        return SourceLine(
            source=name, new=new, completeness=Completeness.UNKNOWN, note="not polled yet"
        )
    note = f"failed: {row.error}" if row.status == "failed" else ""
    completeness = Completeness.PARTIAL if note else Completeness(row.completeness)
    return SourceLine(source=name, new=new, completeness=completeness, note=note, kind=row.kind)


def newest_polls(
    connection: Connection, names: Sequence[str], since: datetime
) -> dict[str, datetime]:
    """Return when each source last brought new papers since an instant; others are absent."""
    query = (
        select(polls.c.source, func.max(polls.c.at))
        .where(polls.c.at > since, polls.c.source.in_(names), polls.c.new > 0)
        .group_by(polls.c.source)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _chunks(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


_COLUMNS = (
    "id", "subscription_id", "subscriber_id", "profile_id", "slot_at", "edition_on",
    "window_start_at", "window_end_at", "frequency", "content", "pick_count", "outcome", "made_at",
)  # fmt: skip


def _row(edition: Edition, outcome: EditionOutcome) -> BulkRow:
    return (
        edition.row_id,
        edition.subscription_id,
        edition.subscriber_id,
        edition.profile_id,
        stamp(edition.slot_at),
        day(edition.edition_on),
        stamp(edition.window_start_at),
        stamp(edition.window_end_at),
        edition.frequency.value,
        orjson.dumps(_content(edition)).decode(),
        len(edition.picks),
        outcome.value,
        stamp(edition.made_at),
    )


def _content(edition: Edition) -> dict[str, Any]:
    """Return the frozen part; picks as columns, because there are millions of them."""
    picks = Picks.of(edition.picks)
    return {
        "picks": picks.columns._asdict(),
        "parts": dict(picks.parts),
        "others": list(edition.other_ids),
        "other_count": edition.other_count,
        "sources": [
            [s.source, s.new, s.completeness.value, s.note, s.kind, s.age_hours]
            for s in edition.source_lines
        ],
    } | ({"teams": edition.teams} if edition.teams else {})


def frozen_part(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an edition that its content holds, as `_content` wrote them."""
    return {
        "picks": Picks(PickColumns(**content["picks"]), content["parts"]),
        "other_ids": tuple(content["others"]),
        "other_count": content["other_count"],
        "source_lines": _lines(tuple(map(tuple, content["sources"]))),
        "teams": tuple(content.get("teams", ())),
    }


@lru_cache(maxsize=1024)
def _lines(sources: tuple[tuple[str, int, str, str, str, int], ...]) -> tuple[SourceLine, ...]:
    """Return what is said of the sources: readers of one morning are told the same."""
    return tuple(
        SourceLine(
            source=source,
            new=new,
            completeness=Completeness(verdict),
            note=note,
            kind=kind,
            age_hours=age_hours,
        )
        for source, new, verdict, note, kind, age_hours in sources
    )


def _edition(row: Row[Any]) -> Edition:
    content: Mapping[str, Any] = orjson.loads(row.content)
    return Edition(
        row_id=row.id,
        subscription_id=row.subscription_id,
        subscriber_id=row.subscriber_id,
        profile_id=row.profile_id,
        slot_at=row.slot_at,
        edition_on=row.edition_on,
        window_start_at=row.window_start_at,
        window_end_at=row.window_end_at,
        frequency=Frequency(row.frequency),
        made_at=row.made_at,
        **frozen_part(content),
    )


def _with_id(draft: Edition, row_id: int) -> Edition:
    return made(Edition, **(draft.__dict__ | {"row_id": row_id}))
