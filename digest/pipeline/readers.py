"""What the store knows of readers when they are ranked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import Connection

from digest.model import Feedback, Paper, PaperKey, Profile, Subscription
from digest.pipeline import libraries
from digest.ranking import Candidates, Reader
from digest.store import feedback as feedback_store
from digest.store import ledger, papers
from digest.store import libraries as library_store

NOBODYS: frozenset[int] = frozenset()


def readers_of(
    connection: Connection,
    group: Sequence[Subscription],
    pool: Candidates,
    last: Mapping[int, datetime] = MappingProxyType({}),
    taken: Mapping[int, set[int]] = MappingProxyType({}),
    at_hand: Mapping[str, bytes] = MappingProxyType({}),
) -> list[Reader]:
    """Return all that is known of subscribers who share a window, in order.

    ``last`` holds where each subscription's last window ended, ``taken`` what this run already
    gave to a subscriber, ``at_hand`` libraries that nobody keeps yet.
    """
    people = [subscription.subscriber.row_id for subscription in group]
    shown = ledger.shown_to(connection, people, [p.row_id for p in pool.papers])
    feedback = feedback_store.of_subscribers(connection, people)
    stored = libraries.stored_names(s.profile for s in group)
    kept = dict(at_hand) | library_store.load(connection, stored)
    lessons = {s.profile_id: libraries.taught(s.profile, kept) for s in group}
    taught = {key: paper for _, owned in lessons.values() for key, paper in owned.items()}
    # What the store knows of a paper is more than what a library says of it.
    wanted = [profile for profile, _ in lessons.values()]
    known = taught | _known_papers(connection, wanted, feedback)
    return [
        Reader(
            subscription_id=subscription.row_id,
            profile=lessons[subscription.profile_id][0],
            shown=shown.get(person, NOBODYS).union(taken.get(person, ())),
            feedback=feedback.get(person, ()),
            known_papers=known,
            seen_since=last.get(subscription.row_id),
        )
        for subscription, person in zip(group, people, strict=True)
    ]


def _known_papers(
    connection: Connection,
    wanted: Sequence[Profile],
    feedback: Mapping[int, tuple[Feedback, ...]],
) -> dict[PaperKey, Paper]:
    keys = {
        key
        for profile in wanted
        for interest in profile.interests
        for key in (*interest.liked, *interest.disliked)
    }
    rated = {f.paper_id for said in feedback.values() for f in said}
    known = papers.by_key(connection, keys) if keys else {}
    by_id = papers.load(connection, rated) if rated else {}
    return known | {paper.key: paper for paper in by_id.values()}
