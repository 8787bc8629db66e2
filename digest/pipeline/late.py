"""Late bloomers: papers from before a window that took off in it, candidates once more.

Read once for each window, whoever reads it. What took off is ``digest.ranking.trending``'s to
say; who was shown a paper before, the ledger's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.model import Observation, Paper
from digest.ranking.trending import TOOK_OFF, late_heats
from digest.store import papers
from digest.store import signals as signal_store

REACH = timedelta(days=30)
"""So long before a window a paper may have come out."""

MOST = 50
"""Late bloomers of one window, and the fastest growing of each kind of signal looked at."""


@dataclass(frozen=True, kw_only=True)
class Bloomers:
    """Older papers that took off, best first, and their signals by paper row id."""

    papers: tuple[Paper, ...] = ()
    observations: Mapping[int, tuple[Observation, ...]] = field(default_factory=dict)


def bloomers(
    connection: Connection,
    usual: Sequence[Paper],
    history: Mapping[int, tuple[Observation, ...]],
    *,
    start: datetime,
    end: datetime,
    sources: tuple[str, ...],
) -> Bloomers:
    """Return what took off in [start, end] of the papers of the 30 days before.

    ``usual`` are the window's own papers and ``history`` their signals: they say what growth
    is more than usual.
    """
    older = papers.grown(
        connection,
        seen_from=start - REACH,
        window_start=start,
        window_end=end + timedelta(microseconds=1),
        sources=sources,
        most_of_kind=MOST,
    )
    if not older:
        return Bloomers()
    seen = signal_store.history(connection, [p.row_id for p in older], since=start - REACH)
    heats = late_heats(older, usual, {**history, **seen}, start, end)
    rising = [(heat.score, p) for heat, p in zip(heats, older, strict=True)]
    rising = [(score, paper) for score, paper in rising if score >= TOOK_OFF]
    rising.sort(key=lambda pair: (-pair[0], pair[1].key))
    found = tuple(paper for _, paper in rising[:MOST])
    return Bloomers(papers=found, observations={p.row_id: seen[p.row_id] for p in found})
