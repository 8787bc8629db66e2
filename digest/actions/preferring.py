"""What a reader says through a mailed link: how the digest should be, and what a paper was like.

Who may ask was settled by the token. Profiles that the owner keeps in files follow those files:
they are shown and not changed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from digest.app import App
from digest.model import Feedback, FeedbackKind, Paper, Profile, Subscription
from digest.store import browsing, feedback, profiles, subscribers
from digest.subscribers import slots

SAYABLE = (FeedbackKind.MORE, FeedbackKind.LESS, FeedbackKind.SAVED)


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """A subscription's profile, and whether its reader may change it."""

    profile: Profile
    is_changeable: bool


def preferences(app: App, subscriber_id: int, subscription_id: int) -> Preferences | None:
    """Return what a subscriber's subscription asks for, or None where there is none."""
    with app.reading() as connection:
        found = _subscription(connection, subscriber_id, subscription_id)
        if found is None:
            return None
        return Preferences(profile=found.profile, is_changeable=_is_own(connection, found))


def save(app: App, subscriber_id: int, subscription_id: int, profile: Profile) -> bool:
    """Keep a changed profile and move the next slot; tell whether it was theirs to change."""
    with app.writing() as connection:
        found = _subscription(connection, subscriber_id, subscription_id)
        if found is None or not _is_own(connection, found):
            return False
        kept = replace(profile, name=found.profile.name)
        _, changed = profiles.save(connection, kept, origin=profiles.WEB, now=app.now())
        if found.next_slot_at is not None and kept.schedule != found.profile.schedule:
            profiles.set_subscription(
                connection,
                [found.row_id],
                status=found.status,
                next_slot_at=slots.next_slot(kept.schedule, app.now()),
            )
        if changed:
            subscribers.add_consent(connection, subscriber_id, "changed", now=app.now(), via="page")
    return True


def rated_paper(app: App, subscriber_id: int, paper_id: int) -> Paper | None:
    """Return the paper that a feedback link names, or None where paper or reader is gone."""
    with app.reading() as connection:
        if subscribers.get(connection, subscriber_id) is None:
            return None
        return browsing.load(connection, [paper_id]).get(paper_id)


def rate(
    app: App, subscriber_id: int, paper_id: int, kind: FeedbackKind, *, edition_id: int = 0
) -> bool:
    """Record a subscriber's word on a paper; tell whether both are known."""
    with app.writing() as connection:
        if subscribers.get(connection, subscriber_id) is None:
            return False
        if paper_id not in browsing.load(connection, [paper_id]):
            return False
        said = Feedback(paper_id=paper_id, kind=kind, at=app.now())
        feedback.record(connection, subscriber_id, said, edition_id=edition_id or None)
    return True


def _subscription(
    connection: Connection, subscriber_id: int, subscription_id: int
) -> Subscription | None:
    found = profiles.subscriptions_of(connection, subscription_ids=[subscription_id])
    return found[0] if found and found[0].subscriber.row_id == subscriber_id else None


def _is_own(connection: Connection, subscription: Subscription) -> bool:
    stored = profiles.find(connection, subscription.profile.name, origin=profiles.WEB)
    return stored is not None and stored.row_id == subscription.profile_id
