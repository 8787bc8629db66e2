"""Replay what readers said of papers, in time order, through any ranker.

Each session is what a reader would have been ranked just before they spoke: the window that ended
then, with the feedback and signals of before. Papers they liked then are what an order should
have had on top. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from digest.app import App
from digest.model import Feedback, FeedbackKind, Subscription
from digest.pipeline.editions import Desk, window_start
from digest.pipeline.readers import readers_of
from digest.ranking import Candidates, Reader
from digest.ranking.evaluation import Measured, measure
from digest.store import feedback as feedback_store

POSITIVE = frozenset({FeedbackKind.MORE, FeedbackKind.SAVED})
PAUSE = timedelta(hours=4)
"""What is said after a longer silence belongs to another session."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """One sitting of one reader, with the measures of each ranker's order."""

    subscription_id: int
    at: datetime
    candidates: int
    relevant: int
    measured: Mapping[str, Measured]


def sessions(
    app: App,
    connection: Connection,
    subscriptions: Sequence[Subscription],
    rankers: Sequence[str],
) -> Iterator[Session]:
    """Yield each session that can be judged, by reader and time.

    A session whose liked papers are none of its window's (or are named in the profile itself)
    teaches but is not judged. Raises ConfigError where there is no such ranker.
    """
    desk = Desk(app)
    people = [subscription.subscriber.row_id for subscription in subscriptions]
    said = feedback_store.of_subscribers(connection, people)
    for subscription in subscriptions:
        for at, liked in _sittings(said.get(subscription.subscriber.row_id, ())):
            found = _session(desk, connection, subscription, at, liked, rankers)
            if found is not None:
                yield found


def _sittings(said: Iterable[Feedback]) -> Iterator[tuple[datetime, frozenset[int]]]:
    """Yield when each sitting began and the papers liked in it."""
    number = 0
    last: datetime | None = None
    numbered: list[tuple[int, Feedback]] = []
    for one in said:
        if last is not None and one.at - last > PAUSE:
            number += 1
        last = one.at
        numbered.append((number, one))
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        sitting = [one for _, one in group]
        liked = frozenset(one.paper_id for one in sitting if one.kind in POSITIVE)
        if liked:
            yield sitting[0].at, liked


def _session(
    desk: Desk,
    connection: Connection,
    subscription: Subscription,
    at: datetime,
    liked: frozenset[int],
    rankers: Sequence[str],
) -> Session | None:
    end = at.replace(minute=0, second=0, microsecond=0)
    start = window_start(desk.app, subscription, end, None)
    pool = desk.pool(connection, start, end, subscription.profile.sources)
    told = {key for interest in subscription.profile.interests for key in interest.liked}
    relevant = {p.row_id for p in pool.papers if p.row_id in liked and p.key not in told}
    if not relevant:
        return None
    (reader,) = readers_of(connection, [subscription], pool)
    before = replace(
        reader,
        shown=frozenset(),
        seen_since=None,
        feedback=tuple(one for one in reader.feedback if one.at < at),
    )
    return Session(
        subscription_id=subscription.row_id,
        at=at,
        candidates=len(pool.papers),
        relevant=len(relevant),
        measured={
            kind: measure(_order(desk, kind, pool, before, end), relevant) for kind in rankers
        },
    )


def _order(desk: Desk, kind: str, pool: Candidates, reader: Reader, end: datetime) -> list[int]:
    # Quotas and exploration shape a mail; an order is judged by its scores alone.
    plain = replace(reader.profile, exploration=0.0, max_papers=0)
    (choice,) = desk.ranker(kind).rank(
        pool, [replace(reader, profile=plain)], now=end, seed=end.toordinal()
    )
    return [*(pick.paper_id for pick in choice.picks), *choice.other_ids]
