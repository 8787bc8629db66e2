"""What stored papers at large are like, for rankers: what words mean here, what is talked of.

Read from the store once in a planning run. Decides nothing: ``digest.ranking.background`` and
``digest.ranking.promise`` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import Connection

from digest.model import Paper
from digest.ranking import Encoder
from digest.ranking.background import Background, learn
from digest.ranking.community import Community, liked_together
from digest.ranking.meaning import Sentences, learn_sentences
from digest.ranking.promise import FEWEST, Promise, learn_promise
from digest.store import feedback, papers
from digest.store import signals as signal_store

REACH = timedelta(days=400)
MOST_PAPERS = 3000
"""So many of the latest papers teach; from a tenth of them on, anything is learnt."""

MOST_LIKES = 500_000
"""So many of the latest likes are compared."""

SETTLED = timedelta(days=4)
"""The votes of papers that were found so long ago are nearly all there."""

VOTES = "hf_upvotes"


@dataclass(frozen=True, kw_only=True)
class Learnt:
    """What the stored papers teach; None where they are too few."""

    background: Background | None = None
    promise: Promise | None = None
    sentences: Sentences | None = None


def learnt(connection: Connection, end: datetime, encoder: Encoder | None = None) -> Learnt:
    """Learn from the papers that were stored before an instant."""
    known = papers.listed(connection, window_start=end - REACH, window_end=end, limit=MOST_PAPERS)
    if len(known) < MOST_PAPERS // 10:
        return Learnt()
    background = learn(known)
    return Learnt(
        background=background,
        promise=_promise(connection, background, known, end),
        sentences=_sentences(encoder, known) if encoder else None,
    )


def community(connection: Connection, end: datetime, *, fewest: int) -> Community | None:
    """Learn what at least so many readers liked together before an instant; None for nothing.

    Only of readers all of whose profiles say that their likes may count for others.
    """
    likes = feedback.shared_likes(connection, since=end - REACH, before=end, limit=MOST_LIKES)
    together = liked_together(likes, fewest=fewest)
    if together is None:
        return None
    found = papers.load(connection, together.paper_ids)
    return Community(
        papers=tuple(found[row_id] for row_id in together.paper_ids), alike=together.alike
    )


def _sentences(encoder: Encoder, known: tuple[Paper, ...]) -> Sentences | None:
    """Return the model's space; None where too few of the papers have a vector."""
    rows = encoder.papers(known)
    held = np.flatnonzero(rows.any(axis=1)).tolist()
    return learn_sentences(encoder, [known[n] for n in held]) if len(held) >= FEWEST else None


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
