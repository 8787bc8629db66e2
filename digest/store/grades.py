"""Grades of papers for profiles by a language model, and how much it was asked on each day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime

from sqlalchemy import Connection, delete, select, update

from digest.model import Grade
from digest.store._bulk import among
from digest.store.tables import grades, judge_usage
from digest.store.upserts import insert_ignore


def load(
    connection: Connection, fingerprints: Collection[str], paper_ids: Collection[int]
) -> dict[str, dict[int, Grade]]:
    """Return the grades of these papers, by profile fingerprint and row id."""
    loaded: dict[str, dict[int, Grade]] = {}
    if not fingerprints or not paper_ids:
        return loaded
    query = select(grades.c.fingerprint, grades.c.paper_id, grades.c.value, grades.c.why).where(
        among(connection, grades.c.fingerprint, fingerprints),
        among(connection, grades.c.paper_id, paper_ids),
    )
    for fingerprint, paper_id, value, why in connection.execute(query):
        loaded.setdefault(fingerprint, {})[paper_id] = Grade(value=value, why=why)
    return loaded


def keep(
    connection: Connection, fingerprint: str, made: Mapping[int, Grade], *, now: datetime
) -> None:
    """Store grades by row id; those that are there already stay."""
    rows = [
        {
            "fingerprint": fingerprint,
            "paper_id": paper_id,
            "value": grade.value,
            "why": grade.why,
            "graded_at": now,
        }
        for paper_id, grade in made.items()
    ]
    insert_ignore(connection, grades, rows)


def forget(connection: Connection, before: datetime) -> int:
    """Delete the grades and the usage from before an instant; return how many grades."""
    connection.execute(delete(judge_usage).where(judge_usage.c.day < before.date()))
    return connection.execute(delete(grades).where(grades.c.graded_at < before)).rowcount


def used(connection: Connection, day: date) -> tuple[int, int]:
    """Return how many requests and tokens a day has used."""
    query = select(judge_usage.c.requests, judge_usage.c.tokens).where(judge_usage.c.day == day)
    row = connection.execute(query).first()
    return (row.requests, row.tokens) if row else (0, 0)


def reserve(
    connection: Connection, day: date, tokens: int, *, most_requests: int, most_tokens: int
) -> bool:
    """Count one request of about so many tokens, if a day's budget has room for it."""
    insert_ignore(connection, judge_usage, [{"day": day, "requests": 0, "tokens": 0}])
    return bool(
        connection.execute(
            update(judge_usage)
            .where(
                judge_usage.c.day == day,
                judge_usage.c.requests < most_requests,
                judge_usage.c.tokens + tokens <= most_tokens,
            )
            .values(requests=judge_usage.c.requests + 1, tokens=judge_usage.c.tokens + tokens)
        ).rowcount
    )


def correct(connection: Connection, day: date, tokens: int) -> None:
    """Add to a day's tokens what was used beyond the estimate, or take off what was not."""
    if tokens:
        connection.execute(
            update(judge_usage)
            .where(judge_usage.c.day == day)
            .values(tokens=judge_usage.c.tokens + tokens)
        )
