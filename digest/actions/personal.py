"""What a mailed link opens for one subscriber: an edition, the saved list, the private feed.

Read only; who may see it was settled by the token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select

from digest.actions.reading import Entry, entries_of
from digest.app import App
from digest.model import Edition, FeedbackKind, SubscriberStatus, Subscription
from digest.store import browsing, editions, profiles, subscribers
from digest.store.tables import feedback


@dataclass(frozen=True, kw_only=True)
class PersonalList:
    """Papers that belong to one subscriber."""

    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, kw_only=True)
class EditionPage:
    """An edition as a page, with the papers it picked and the other titles."""

    edition: Edition
    title: str
    picks: tuple[Entry, ...]
    others: tuple[Entry, ...]


def private_feed(
    app: App, subscriber_id: int, subscription_id: int, generation: int, *, limit: int
) -> PersonalList | None:
    """Return what a live subscription's latest editions picked, newest first.

    None too where the reader has renewed the addresses of their feeds since ``generation``.
    """
    with app.reading() as connection:
        if generation != subscribers.feed_generation(connection, subscriber_id):
            return None
        found = profiles.subscriptions_of(connection, subscription_ids=[subscription_id])
        if not found or found[0].subscriber.row_id != subscriber_id or not is_live(found[0]):
            return None
        picks = [
            pick
            for edition in editions.of_subscription(connection, subscription_id, limit=30)
            for pick in edition.picks
        ][:limit]
        papers = browsing.load(connection, [pick.paper_id for pick in picks])
        chosen = [pick for pick in picks if pick.paper_id in papers]
        made = entries_of(app, connection, [papers[pick.paper_id] for pick in chosen], {})
    return PersonalList(
        title=found[0].profile.title or found[0].profile.name,
        entries=tuple(
            replace(entry, reason=pick.reason) for entry, pick in zip(made, chosen, strict=True)
        ),
    )


def read_edition(app: App, edition_id: int, subscriber_id: int) -> EditionPage | None:
    """Return an edition of this subscriber, or None."""
    with app.reading() as connection:
        edition = editions.load_many(connection, [edition_id]).get(edition_id)
        if edition is None or edition.subscriber_id != subscriber_id:
            return None
        found = profiles.subscriptions_of(connection, subscription_ids=[edition.subscription_id])
        profile = found[0].profile if found else None
        named = [pick.paper_id for pick in edition.picks] + list(edition.other_ids)
        papers = browsing.load(connection, named)
        made = entries_of(app, connection, list(papers.values()), {})
    by_id = {entry.paper.row_id: entry for entry in made}
    return EditionPage(
        edition=edition,
        title=(profile.title or profile.name) if profile else "",
        picks=tuple(
            replace(by_id[pick.paper_id], reason=pick.reason, is_new=pick.is_new)
            for pick in edition.picks
            if pick.paper_id in by_id
        ),
        others=tuple(by_id[row_id] for row_id in edition.other_ids if row_id in by_id),
    )


def saved_papers(app: App, subscriber_id: int) -> tuple[Entry, ...]:
    """Return what a subscriber saved, newest first."""
    with app.reading() as connection:
        rows = connection.scalars(
            select(feedback.c.paper_id)
            .where(
                feedback.c.subscriber_id == subscriber_id,
                feedback.c.kind == FeedbackKind.SAVED.value,
            )
            .order_by(feedback.c.at.desc(), feedback.c.id.desc())
        ).all()
        papers = browsing.load(connection, rows)
        return tuple(
            entries_of(app, connection, [papers[row_id] for row_id in rows if row_id in papers], {})
        )


def is_live(subscription: Subscription) -> bool:
    """Tell whether editions are made for it."""
    return (
        subscription.status is SubscriberStatus.CONFIRMED
        and subscription.subscriber.status is SubscriberStatus.CONFIRMED
    )
