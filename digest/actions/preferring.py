"""What a reader says through a mailed link: how the digest should be, and what a paper was like.

Who may ask was settled by the token. What the owner wrote into a file for an address follows the
file, and is shown and not changed here; readers whom the owner added otherwise get a profile of
their own with their first change.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from digest.app import App
from digest.lazily import lazily
from digest.model import (
    Feedback,
    FeedbackKind,
    Paper,
    Profile,
    Purpose,
    SubscriberStatus,
    Subscription,
)
from digest.store import browsing, editions, feedback, libraries, profiles, subscribers
from digest.subscribers import slots
from digest.subscribers.addresses import masked_address
from digest.subscribers.tokens import Signer, TokenPurpose

if TYPE_CHECKING:
    from digest.actions import keeping, posting
    from digest.actions.keeping import Upload
else:
    keeping = lazily("digest.actions.keeping")
    posting = lazily("digest.actions.posting")

LINK_LIFE = timedelta(days=7)
DATA_LINK_LIFE = timedelta(hours=48)


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """A subscription as its reader sees it."""

    subscription_id: int
    address: str
    """Masked: a forwarded mail tells nobody the whole address."""
    profile: Profile
    is_changeable: bool
    is_live: bool
    library_papers: dict[str, int]
    """How many papers each kept library holds, by the name that interests know it by."""
    sources: tuple[str, ...]
    has_community: bool
    """Whether likes of similar readers may count here at all."""
    others: tuple[tuple[int, str], ...]
    """Row ids and titles of the reader's other live subscriptions."""


def preferences(app: App, subscriber_id: int, subscription_id: int) -> Preferences | None:
    """Return what a subscriber's subscription asks for, or None where there is none.

    Without a subscription (0) the reader's first live one is meant.
    """
    with app.reading() as connection:
        theirs = profiles.subscriptions_of(connection, subscriber_id=subscriber_id)
        live = [s for s in theirs if s.status is SubscriberStatus.CONFIRMED]
        named = [s for s in theirs if s.row_id == subscription_id] if subscription_id else live
        if not named:
            return None
        found = named[0]
        return Preferences(
            subscription_id=found.row_id,
            address=masked_address(found.subscriber.address),
            profile=found.profile,
            is_changeable=found.via != profiles.CONFIG or profiles.is_own(connection, found),
            is_live=found in live,
            library_papers=libraries.counts_of(connection, subscriber_id),
            sources=tuple(browsing.source_names(connection)),
            has_community=app.config.settings.ranking.community,
            others=tuple((s.row_id, title_of(s)) for s in live if s.row_id != found.row_id),
        )


def save(
    app: App,
    subscriber_id: int,
    subscription_id: int,
    wanted: Profile,
    *,
    upload: Upload | None = None,
) -> bool:
    """Keep a changed profile and move the next slot; tell whether it was theirs to change.

    An ``upload`` is the library of the interest whose ``library`` is ``keeping.UPLOADED``.
    """
    with app.writing() as connection:
        found = profiles.subscription_of(connection, subscriber_id, subscription_id)
        if found is None:
            return False
        own = profiles.is_own(connection, found)
        if not own and found.via == profiles.CONFIG:
            return False
        if upload is not None:
            wanted = keeping.with_upload(app, connection, subscriber_id, wanted, upload)
        name = found.profile.name if own else f"web-{secrets.token_hex(8)}"
        kept = replace(wanted, name=name)
        row_id, changed = profiles.save(connection, kept, origin=profiles.WEB, now=app.now())
        if not own:
            profiles.give_profile(connection, found.row_id, row_id, via=profiles.WEB)
        _reschedule(app, connection, found, kept)
        keeping.drop_unused_libraries(connection, subscriber_id)
        if changed:
            subscribers.add_consent(connection, subscriber_id, "changed", now=app.now(), via="page")
    return True


def mail_link(app: App, address: str) -> None:
    """Mail a link to the preferences of an address; silently nothing for one without a digest.

    Call it after the visitor was answered: how long it takes depends on the address.
    """
    with app.writing() as connection:
        person = subscribers.find(connection, address)
        if person is None or person.status is not SubscriberStatus.CONFIRMED:
            return
        if not posting.may_mail(app, connection, person.address, Purpose.NOTICE):
            return
        expires = app.now() + LINK_LIFE
        url = posting.link(
            app, "preferences", TokenPurpose.PREFERENCES, person.row_id, expires_at=expires
        )
        letter = posting.Letter(
            notice="preferences",
            values={"preferences_url": url, "expires": "7 days"},
            expires_at=expires,
        )
        posting.plan(app, connection, person, letter)
    posting.post(app)


def mail_feed_link(
    app: App, subscriber_id: int, subscription_id: int, *, is_new: bool = False
) -> None:
    """Mail the address of a private feed, which has no end: whoever has it must own the mailbox.

    ``is_new`` ends the addresses given out before, also where the mailbox had enough mail.
    """
    found = preferences(app, subscriber_id, subscription_id)
    if found is None or not found.is_live:
        return
    with app.writing() as connection:
        person = subscribers.get(connection, subscriber_id)
        if person is None:
            return
        if is_new:
            subscribers.renew_feeds(connection, subscriber_id)
        if not posting.may_mail(app, connection, person.address, Purpose.NOTICE):
            return
        token = Signer(app.secret_keys).make(
            TokenPurpose.FEED,
            subscriber_id,
            subscription_id=found.subscription_id,
            edition_id=subscribers.feed_generation(connection, subscriber_id),
        )
        url = f"{app.config.settings.digest.base_url.rstrip('/')}/feeds/private/{token}.atom"
        posting.plan(
            app, connection, person, posting.Letter(notice="feed", values={"feed_url": url})
        )
    posting.post(app)


def mail_data_links(app: App, subscriber_id: int) -> None:
    """Mail the links that export and erase a reader's data: a forwarded mail must not do."""
    with app.writing() as connection:
        person = subscribers.get(connection, subscriber_id)
        if person is None or not posting.may_mail(app, connection, person.address, Purpose.NOTICE):
            return
        expires = app.now() + DATA_LINK_LIFE
        export_url, erase_url = (
            posting.link(app, path, purpose, subscriber_id, expires_at=expires)
            for path, purpose in (("export", TokenPurpose.EXPORT), ("erase", TokenPurpose.ERASE))
        )
        letter = posting.Letter(
            notice="export",
            values={"export_url": export_url, "erase_url": erase_url, "expires": "48 hours"},
            expires_at=expires,
        )
        posting.plan(app, connection, person, letter)
    posting.post(app)


def rated_paper(app: App, subscriber_id: int, paper_id: int) -> Paper | None:
    """Return the paper that a feedback link names, or None where paper or reader is gone."""
    with app.reading() as connection:
        if subscribers.get(connection, subscriber_id) is None:
            return None
        return browsing.load(connection, [paper_id]).get(paper_id)


def rate(
    app: App, subscriber_id: int, paper_id: int, kind: FeedbackKind, *, edition_id: int = 0
) -> bool:
    """Record a subscriber's word on a paper; tell whether both are known.

    It teaches the interest that the paper was picked for, in the edition of the link or another
    that showed it; where none was, the whole profile.
    """
    with app.writing() as connection:
        if subscribers.get(connection, subscriber_id) is None:
            return False
        if paper_id not in browsing.load(connection, [paper_id]):
            return False
        interest = _picked_for(connection, subscriber_id, paper_id, edition_id)
        said = Feedback(paper_id=paper_id, kind=kind, at=app.now(), interest=interest)
        feedback.record(connection, subscriber_id, said, edition_id=edition_id or None)
    return True


def take_back(app: App, subscriber_id: int, paper_id: int, kind: FeedbackKind) -> None:
    """Forget a subscriber's word on a paper; a second time changes nothing."""
    with app.writing() as connection:
        feedback.forget(connection, subscriber_id, paper_id, kind)


def title_of(subscription: Subscription) -> str:
    """Return what a subscription is called where its reader sees it."""
    return subscription.profile.title or subscription.profile.name


def _picked_for(connection: Connection, subscriber_id: int, paper_id: int, edition_id: int) -> str:
    """Return the interest of the profile that a paper was picked for, or an empty string."""
    linked = editions.load_many(connection, [edition_id]).get(edition_id) if edition_id else None
    for edition in (linked, editions.showing(connection, subscriber_id, paper_id)):
        if edition is None or edition.subscriber_id != subscriber_id:
            continue
        section = next((p.section for p in edition.picks if p.paper_id == paper_id), "")
        found = profiles.subscription_of(connection, subscriber_id, edition.subscription_id)
        if found and any(one.name == section for one in found.profile.interests):
            return section
    return ""


def _reschedule(app: App, connection: Connection, found: Subscription, wanted: Profile) -> None:
    if found.next_slot_at is None or wanted.schedule == found.profile.schedule:
        return
    profiles.set_subscription(
        connection,
        [found.row_id],
        status=found.status,
        next_slot_at=slots.next_slot(wanted.schedule, app.now()),
    )
