"""Raw answers, compressed, stored once however often they come: what `digest replay` reads."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, exists, func, select

from digest.store._bulk import Row, insert_many, stamp
from digest.store.tables import bodies, poll_bodies, polls
from digest.store.upserts import insert_ignore

_POLL_BODY = ("poll_id", "position", "sha256", "url", "content_type", "label", "fetched_at")


@dataclass(frozen=True, kw_only=True)
class KeptBody:
    """One whole answer, as `digest.sources.Body` has it, without its other headers."""

    url: str
    content: bytes
    content_type: str = ""
    label: str = ""
    fetched_at: datetime

    def packed(self) -> PackedBody:
        """Return it as it is stored."""
        return PackedBody(
            sha256=hashlib.sha256(self.content).hexdigest(),
            content=zlib.compress(self.content),
            row=(self.url, self.content_type, self.label, stamp(self.fetched_at)),
        )


@dataclass(frozen=True, kw_only=True)
class PackedBody:
    """An answer that is compressed already, by whoever has the time."""

    sha256: str
    content: bytes
    row: Row
    """What of it stands beside the poll."""


def keep(
    connection: Connection, answers: Mapping[int, Sequence[PackedBody]], *, now: datetime
) -> None:
    """Store the answers of polls (by the polls' row ids) in their order."""
    packed = {answer.sha256: answer.content for found in answers.values() for answer in found}
    insert_ignore(
        connection,
        bodies,
        [
            {"sha256": sha256, "content": content, "stored_at": now}
            for sha256, content in packed.items()
        ],
    )
    rows: list[Row] = [
        (poll_id, position, answer.sha256, *answer.row)
        for poll_id, found in answers.items()
        for position, answer in enumerate(found)
    ]
    insert_many(connection, poll_bodies, _POLL_BODY, rows)


def of_poll(connection: Connection, poll_id: int) -> tuple[KeptBody, ...]:
    """Return the answers of one poll in their order (those that are still kept)."""
    found = connection.execute(
        select(
            poll_bodies.c.url,
            poll_bodies.c.content_type,
            poll_bodies.c.label,
            poll_bodies.c.fetched_at,
            bodies.c.content,
        )
        .join(bodies, bodies.c.sha256 == poll_bodies.c.sha256)
        .where(poll_bodies.c.poll_id == poll_id)
        .order_by(poll_bodies.c.position)
    )
    return tuple(
        KeptBody(
            url=row.url,
            content=zlib.decompress(row.content),
            content_type=row.content_type,
            fetched_at=row.fetched_at,
            label=row.label,
        )
        for row in found
    )


@dataclass(frozen=True, kw_only=True)
class KeptPoll:
    """One poll whose answers are kept, with what came of it then."""

    row_id: int
    source: str
    at: datetime
    new: int
    revised: int


def polls_since(connection: Connection, since: datetime) -> tuple[KeptPoll, ...]:
    """Return the polls whose answers are kept, oldest first."""
    kept = exists().where(poll_bodies.c.poll_id == polls.c.id)
    found = connection.execute(
        select(polls.c.id.label("row_id"), polls.c.source, polls.c.at, polls.c.new, polls.c.revised)
        .where(polls.c.at >= since, kept)
        .order_by(polls.c.at, polls.c.id)
    ).mappings()
    return tuple(KeptPoll(**row) for row in found)


def count_old(connection: Connection, *, before: datetime) -> int:
    """Count the answers that `prune` would delete."""
    used = exists().where(
        poll_bodies.c.sha256 == bodies.c.sha256,
        poll_bodies.c.poll_id == polls.c.id,
        polls.c.at >= before,
    )
    query = select(func.count()).select_from(bodies).where(bodies.c.stored_at < before, ~used)
    return connection.scalar(query) or 0


def prune(connection: Connection, *, before: datetime) -> int:
    """Delete answers that no poll since then has given; return how many."""
    old = select(polls.c.id).where(polls.c.at < before)
    connection.execute(delete(poll_bodies).where(poll_bodies.c.poll_id.in_(old)))
    used = exists().where(poll_bodies.c.sha256 == bodies.c.sha256)
    return connection.execute(delete(bodies).where(bodies.c.stored_at < before, ~used)).rowcount
