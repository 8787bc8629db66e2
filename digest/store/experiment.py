"""The comparison of two rankers in readers' mails: which ones, since when, and what marks say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, select

from digest.model import FeedbackKind, Picks
from digest.store import editions, installation, ledger
from digest.store.tables import feedback

_NAME = "experiment"

CHUNK = 500
"""Editions read at once."""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Two rankers that fill readers' editions in turn."""

    rankers: tuple[str, str]
    started_at: datetime


def running(connection: Connection) -> Experiment | None:
    """Return the comparison that runs, or None."""
    kept = installation.get(connection, _NAME)
    if not kept:
        return None
    found = orjson.loads(kept)
    first, second = found["rankers"]
    return Experiment(
        rankers=(first, second), started_at=datetime.fromisoformat(found["started_at"])
    )


def start(connection: Connection, wanted: Experiment) -> None:
    """Keep a comparison: editions made from now on are shared by its rankers."""
    fields = {"rankers": wanted.rankers, "started_at": wanted.started_at.isoformat()}
    installation.put(connection, _NAME, orjson.dumps(fields).decode())


def stop(connection: Connection) -> None:
    """End the comparison that runs; editions made already stay as they are."""
    installation.put(connection, _NAME, "")


@dataclass(frozen=True, kw_only=True)
class MarkedEdition:
    """An edition of the comparison that its reader marked papers of."""

    subscriber_id: int
    teams: dict[int, str]
    """The ranker of each pick, by the row id that its paper has today."""
    marks: dict[int, set[FeedbackKind]]


def marked_editions(connection: Connection, since: Experiment) -> Iterator[MarkedEdition]:
    """Yield the editions of a comparison that were marked."""
    query = select(
        feedback.c.subscriber_id, feedback.c.paper_id, feedback.c.kind, feedback.c.edition_id
    ).where(feedback.c.at >= since.started_at)
    marks: dict[int, dict[int, set[FeedbackKind]]] = {}
    for person, paper_id, kind, named in connection.execute(query).all():
        # A mark on a page names no edition: it is of the one that showed the paper.
        edition_id = named or ledger.edition_showing(connection, person, paper_id)
        if edition_id is not None:
            of_edition = marks.setdefault(edition_id, {})
            of_edition.setdefault(paper_id, set()).add(FeedbackKind(kind))
    ids = sorted(marks)
    for place in range(0, len(ids), CHUNK):
        stored = editions.load_many(connection, ids[place : place + CHUNK])
        found = {
            row_id: edition
            for row_id, edition in sorted(stored.items())
            if edition.teams and edition.made_at >= since.started_at
        }
        picked = {row_id: Picks.of(found[row_id].picks).columns.paper_ids for row_id in found}
        now = ledger.merged(connection, set().union(*picked.values()))
        for row_id, edition in found.items():
            teams = zip(picked[row_id], edition.teams, strict=True)
            yield MarkedEdition(
                subscriber_id=edition.subscriber_id,
                teams={now.get(paper_id, paper_id): team for paper_id, team in teams},
                marks=marks[row_id],
            )
