"""What stored papers at large are like, for rankers: what words mean here, what is talked of.

Read from the store once in a planning run. Decides nothing: ``digest.ranking.background`` and
``digest.ranking.promise`` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.model import Paper
from digest.ranking.background import Background, learn
from digest.ranking.promise import Promise, learn_promise
from digest.store import papers
from digest.store import signals as signal_store

REACH = timedelta(days=400)
MOST_PAPERS = 3000
"""So many of the latest papers teach; from a tenth of them on, anything is learnt."""

SETTLED = timedelta(days=4)
"""The votes of papers that were found so long ago are nearly all there."""

VOTES = "hf_upvotes"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What the stored papers teach; None where they are too few."""

    background: Background | None = None
    promise: Promise | None = None


def learnt(connection: Connection, end: datetime) -> Learnt:
    """Learn from the papers that were stored before an instant."""
    known = papers.listed(connection, window_start=end - REACH, window_end=end, limit=MOST_PAPERS)
    if len(known) < MOST_PAPERS // 10:
        return Learnt()
    background = learn(known)
    return Learnt(background=background, promise=_promise(connection, background, known, end))


def _promise(
    connection: Connection, background: Background, known: tuple[Paper, ...], end: datetime
) -> Promise | None:
    old = [paper for paper in known if paper.first_seen_at < end - SETTLED]
    latest = signal_store.latest(connection, [paper.row_id for paper in old])
    voted = [paper for paper in old if (paper.row_id, VOTES) in latest]
    return learn_promise(
        background,
        voted,
        [latest[paper.row_id, VOTES].value for paper in voted],
        [paper.first_seen_at.date() for paper in voted],
    )
