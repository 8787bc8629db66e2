"""Queries about feedback: what subscribers said of papers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from digest.model import Feedback, FeedbackKind, SubscriberStatus
from digest.store.database import is_sqlite
from digest.store.tables import feedback, papers, profiles, subscribers, subscriptions

CHUNK = 1000

_OPPOSITE = {FeedbackKind.MORE: FeedbackKind.LESS, FeedbackKind.LESS: FeedbackKind.MORE}


def record(
    connection: Connection,
    subscriber_id: int,
    said: Feedback,
    *,
    edition_id: int | None = None,
) -> None:
    """Keep what a subscriber said of a paper; a later word replaces an earlier opposite one."""
    if opposite := _OPPOSITE.get(said.kind):
        forget(connection, subscriber_id, said.paper_id, opposite)
    insert = sqlite.insert if is_sqlite(connection) else postgresql.insert
    statement = insert(feedback).values(
        subscriber_id=subscriber_id,
        paper_id=said.paper_id,
        kind=said.kind.value,
        at=said.at,
        interest=said.interest,
        edition_id=edition_id,
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id", "paper_id", "kind"],
            set_={"at": said.at, "interest": said.interest},
        )
    )


def shared_likes(
    connection: Connection, *, since: datetime, before: datetime, limit: int
) -> list[tuple[int, int]]:
    """Return pairs of reader and paper that may count for others, oldest first.

    Of readers who are confirmed, and whose confirmed subscriptions all have a profile with
    ``community``: one that says no is a no. At most the ``limit`` latest. A like of a paper that
    was merged is one of the paper that took it in.
    """
    allows = profiles.c.document["community"].as_boolean()
    willing = (
        select(subscriptions.c.subscriber_id)
        .join(profiles, profiles.c.id == subscriptions.c.profile_id)
        .join(subscribers, subscribers.c.id == subscriptions.c.subscriber_id)
        .where(
            subscriptions.c.status == SubscriberStatus.CONFIRMED,
            subscribers.c.status == SubscriberStatus.CONFIRMED,
        )
        .group_by(subscriptions.c.subscriber_id)
        .having(func.min(case((allows, 1), else_=0)) == 1)
    )
    query = (
        select(
            feedback.c.subscriber_id,
            func.coalesce(papers.c.merged_into, papers.c.id).label("paper_id"),
        )
        .join(papers, papers.c.id == feedback.c.paper_id)
        .where(
            feedback.c.kind.in_([FeedbackKind.MORE, FeedbackKind.SAVED]),
            feedback.c.at >= since,
            feedback.c.at < before,
            feedback.c.subscriber_id.in_(willing),
        )
        .order_by(feedback.c.at.desc(), feedback.c.id.desc())
        .limit(limit)
    )
    return [(row.subscriber_id, row.paper_id) for row in connection.execute(query)][::-1]


def forget(connection: Connection, subscriber_id: int, paper_id: int, kind: FeedbackKind) -> bool:
    """Take a word back; return whether there was one."""
    return (
        connection.execute(
            delete(feedback).where(
                feedback.c.subscriber_id == subscriber_id,
                feedback.c.paper_id == paper_id,
                feedback.c.kind == kind.value,
            )
        ).rowcount
        > 0
    )


def of_subscribers(
    connection: Connection, subscriber_ids: Collection[int], *, before: datetime | None = None
) -> dict[int, tuple[Feedback, ...]]:
    """Return each subscriber's feedback, oldest first; absent for those who said nothing."""
    found: dict[int, list[Feedback]] = {}
    ids = list(subscriber_ids)
    for start in range(0, len(ids), CHUNK):
        query = (
            select(feedback)
            .where(feedback.c.subscriber_id.in_(ids[start : start + CHUNK]))
            .order_by(feedback.c.at, feedback.c.id)
        )
        if before is not None:
            query = query.where(feedback.c.at < before)
        for row in connection.execute(query):
            found.setdefault(row.subscriber_id, []).append(
                Feedback(
                    paper_id=row.paper_id,
                    kind=FeedbackKind(row.kind),
                    at=row.at,
                    interest=row.interest,
                )
            )
    return {subscriber: tuple(said) for subscriber, said in found.items()}
