"""Papers that people named by address or id: what waits, and what became of it.

What a reference means is known to the inbox source; here are only rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection, case, select, update

from digest.model import PaperKey
from digest.store._bulk import among
from digest.store._memory import owners
from digest.store.tables import papers, submissions
from digest.store.upserts import insert_ignore

MOST_ATTEMPTS = 12
"""Polls after which nobody is asked any more; their back-off makes that a day at least."""


class SubmissionState(StrEnum):
    """What became of a submission."""

    WAITING = "waiting"
    FOUND = "found"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Submission:
    """One paper that somebody named."""

    key: PaperKey
    reference: str
    """As it was given."""
    at: datetime
    state: SubmissionState
    attempts: int = 0
    problem: str = ""
    """Why the last attempt found no paper; empty where nobody knows it."""
    paper_key: PaperKey = ""
    title: str = ""


def add(
    connection: Connection,
    source: str,
    references: Mapping[PaperKey, str],
    *,
    now: datetime,
    subscriber_id: int | None = None,
) -> None:
    """Let papers wait to be read; those that failed are tried again, others stay as they are."""
    insert_ignore(
        connection,
        submissions,
        [
            {
                "source": source,
                "key": key,
                "reference": reference,
                "at": now,
                "subscriber_id": subscriber_id,
            }
            for key, reference in references.items()
        ],
    )
    connection.execute(
        update(submissions)
        .where(
            submissions.c.source == source,
            submissions.c.key.in_(list(references)),
            submissions.c.state == SubmissionState.FAILED,
        )
        .values(state=SubmissionState.WAITING, attempts=0)
    )


def waiting(connection: Connection, source: str, *, limit: int) -> dict[PaperKey, str]:
    """Return what is to be read, key to reference; those tried least come first."""
    query = (
        select(submissions.c.key, submissions.c.reference)
        .where(submissions.c.source == source, submissions.c.state == SubmissionState.WAITING)
        .order_by(submissions.c.attempts, submissions.c.id)
        .limit(limit)
    )
    return {row.key: row.reference for row in connection.execute(query)}


def settle(
    connection: Connection,
    source: str,
    asked: Collection[PaperKey],
    problems: Mapping[PaperKey, str] = MappingProxyType({}),
) -> None:
    """Note which of those that were asked for are papers now, and count the attempt of others."""
    if not asked:
        return
    found = owners(connection, asked)
    ours = submissions.c.source == source
    for key, paper_id in found.items():
        connection.execute(
            update(submissions)
            .where(ours, submissions.c.key == key)
            .values(state=SubmissionState.FOUND, paper_id=paper_id, problem="")
        )
    missing = [key for key in asked if key not in found]
    if not missing:
        return
    attempts = submissions.c.attempts + 1
    connection.execute(
        update(submissions)
        .where(ours, among(connection, submissions.c.key, missing))
        .values(
            attempts=attempts,
            problem="",
            state=case(
                (attempts >= MOST_ATTEMPTS, SubmissionState.FAILED.value),
                else_=SubmissionState.WAITING.value,
            ),
        )
    )
    for key in missing:
        if key in problems:
            connection.execute(
                update(submissions)
                .where(ours, submissions.c.key == key)
                .values(problem=problems[key])
            )


def load(
    connection: Connection,
    source: str,
    keys: Sequence[PaperKey] = (),
    *,
    subscriber_id: int | None = None,
    limit: int = 1000,
) -> tuple[Submission, ...]:
    """Return submissions of these keys, or the newest ones, of all or of one subscriber."""
    query = (
        select(submissions, papers.c.key.label("paper_key"), papers.c.title)
        .join(papers, papers.c.id == submissions.c.paper_id, isouter=True)
        .where(submissions.c.source == source)
        .order_by(submissions.c.at.desc(), submissions.c.id.desc())
        .limit(limit)
    )
    if keys:
        query = query.where(submissions.c.key.in_(list(keys)))
    if subscriber_id is not None:
        query = query.where(submissions.c.subscriber_id == subscriber_id)
    return tuple(
        Submission(
            key=row.key,
            reference=row.reference,
            at=row.at,
            state=SubmissionState(row.state),
            attempts=row.attempts,
            problem=row.problem,
            paper_key=row.paper_key or "",
            title=row.title or "",
        )
        for row in connection.execute(query)
    )
