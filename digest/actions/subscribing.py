"""Subscribe by page: ask, confirm from the mailbox, or say that it was somebody else.

    ask       keep the wish as a waiting subscription, mail a link     nothing is sent yet
    confirm   make it live, or let it replace the digest there is      the first edition is due
    refuse    drop it, and never write to an address that is no reader's

Every address is treated alike up to the mail: what a visitor sees tells nothing about it. Who
may ask at all (rates, honeypot) is the page's to know.
"""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from sqlalchemy import Connection

from digest.actions import keeping, posting
from digest.actions.keeping import Upload
from digest.actions.posting import Letter
from digest.actions.preferring import title_of
from digest.app import App
from digest.model import Profile, Purpose, Subscriber, SubscriberStatus, Subscription
from digest.rendering.notices import NoticeValue
from digest.store import deliveries, pending, profiles, subscribers, suppressions
from digest.store.profiles import WEB
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac
from digest.subscribers.cadence import cadence
from digest.subscribers.consent import CONSENT_VERSION
from digest.subscribers.tokens import TokenPurpose

log = logging.getLogger(__name__)

LINK_LIFE = timedelta(hours=48)
WAITING_LIFE = timedelta(days=30)
"""A wish that nobody confirmed is forgotten, with the address, after this."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a visitor asked for: editions of a profile to an address (normalised)."""

    address: str
    profile: Profile
    upload: Upload | None = None
    """The library of the interest whose ``library`` is ``keeping.UPLOADED``."""
    agent: str = ""
    """What the browser calls itself: part of the proof of consent."""


class Outcome(StrEnum):
    """What a confirmation did."""

    CONFIRMED = "confirmed"
    ALREADY = "already"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A wish as the confirm page shows it."""

    profile: Profile
    replaces: str = ""
    """Title of the digest that this one takes the place of; empty where there is none."""


def ask(app: App, wish: Wish) -> None:
    """Keep a wish and mail a confirmation link; silently nothing where the mailbox had enough.

    Where ``web.double_opt_in`` is off an address never seen before is confirmed at once. Call it
    after the visitor was answered: how long it takes depends on the address.
    """
    with app.writing() as connection:
        pending.drop_stale(connection, before=app.now() - WAITING_LIFE)
        person = subscribers.ensure_locked(connection, wish.address, now=app.now())
        if not posting.may_mail(app, connection, wish.address, Purpose.CONFIRMATION):
            log.info("confirmation withheld subscriber=%d cause=limit", person.row_id)
            return
        is_trusted = _may_skip_confirmation(app, connection, person)
        subscribers.add_consent(
            connection, person.row_id, "requested", now=app.now(), via="page",
            text_version=CONSENT_VERSION, detail={"form": "/subscribe", "agent": wish.agent[:200]},
        )  # fmt: skip
        waiting = _keep(app, connection, person, wish)
        if is_trusted:
            _activate(app, connection, waiting, agent=wish.agent)
        else:
            _mail_link(app, connection, person, waiting)
    posting.post(app)


def waiting(app: App, subscriber_id: int, subscription_id: int) -> Waiting | None:
    """Return the wish that a link names, or None where nothing waits there any more."""
    with app.reading() as connection:
        found = _waiting(connection, subscriber_id, subscription_id)
        if found is None:
            return None
        present = _present(connection, found)
    title = title_of(present) if present else ""
    return Waiting(profile=found.profile, replaces=title)


def confirm(app: App, subscriber_id: int, subscription_id: int, *, agent: str = "") -> Outcome:
    """Make a waiting subscription live; its first edition is due at once.

    A link acts once: after leaving it opens nothing. A reader who has a digest of this kind gets
    its interests and times replaced, so that the links in mails they have go on working.
    """
    keeping.fetch_orcid(app, subscriber_id, subscription_id)
    with app.writing() as connection:
        found = _waiting(connection, subscriber_id, subscription_id)
        if found is None:
            return _why_not(connection, subscriber_id, subscription_id)
        if not _may_return(app, connection, found.subscriber):
            return Outcome.GONE
        _activate(app, connection, found, agent=agent)
    return Outcome.CONFIRMED


def refuse(app: App, subscriber_id: int, subscription_id: int) -> None:
    """Take "this was not me": the wish goes, and an address that is no reader's is not mailed."""
    with app.writing() as connection:
        person = subscribers.get(connection, subscriber_id)
        if person is None:
            return
        is_reader = person.status is SubscriberStatus.CONFIRMED
        theirs = pending.of_subscriber(connection, subscriber_id)
        dropped = pending.drop(connection, [i for i in theirs if i == subscription_id]
                               if is_reader else theirs)  # fmt: skip
        if dropped:
            subscribers.add_consent(
                connection, subscriber_id, "refused", now=app.now(), via="page",
            )  # fmt: skip
        if not is_reader:
            mark = address_hmac(app.secret_keys, person.address)
            entry = suppressions.Suppression(address_hmac=mark, reason="bomb", at=app.now())
            suppressions.add(connection, [entry])
            deliveries.cancel_of_subscriber(connection, subscriber_id)


def _may_skip_confirmation(app: App, connection: Connection, person: Subscriber) -> bool:
    """Single opt-in is for newcomers: nobody revives or changes another's digest unasked."""
    if app.config.settings.web.double_opt_in or person.status is not SubscriberStatus.UNCONFIRMED:
        return False
    mark = address_hmac(app.secret_keys, person.address)
    return not (
        suppressions.lookup(connection, [mark])
        or profiles.subscriptions_of(connection, subscriber_id=person.row_id)
    )


def _may_return(app: App, connection: Connection, person: Subscriber) -> bool:
    mark = address_hmac(app.secret_keys, person.address)
    known = suppressions.lookup(connection, [mark]).get(mark)
    return known is None or known.reason in suppressions.LIFTED_BY_OPT_IN


def _keep(app: App, connection: Connection, person: Subscriber, wish: Wish) -> Subscription:
    profile = replace(wish.profile, name=f"web-{secrets.token_hex(8)}")
    if wish.upload is not None:
        profile = keeping.with_upload(app, connection, person.row_id, profile, wish.upload)
    profile_id, _ = profiles.save(connection, profile, origin=WEB, now=app.now())
    row_id = profiles.subscribe(
        connection,
        subscriber_id=person.row_id,
        profile_id=profile_id,
        status=SubscriberStatus.UNCONFIRMED,
        next_slot_at=None,
        now=app.now(),
        via=WEB,
    )
    (made,) = profiles.subscriptions_of(connection, subscription_ids=[row_id])
    return made


def _mail_link(app: App, connection: Connection, person: Subscriber, wish: Subscription) -> None:
    expires = app.now() + LINK_LIFE
    confirm_url, not_me_url = (
        posting.link(
            app, path, purpose, person.row_id, subscription_id=wish.row_id, expires_at=expires
        )
        for path, purpose in (("confirm", TokenPurpose.CONFIRM), ("refuse", TokenPurpose.REFUSE))
    )
    values: dict[str, NoticeValue] = {
        "confirm_url": confirm_url,
        "not_me_url": not_me_url,
        "cadence": cadence(wish.profile.schedule),
        "expires": "48 hours",
    }
    letter = Letter(
        notice="confirmation", values=values, purpose=Purpose.CONFIRMATION, expires_at=expires
    )
    posting.plan(app, connection, person, letter)


def _waiting(
    connection: Connection, subscriber_id: int, subscription_id: int
) -> Subscription | None:
    found = profiles.subscription_of(connection, subscriber_id, subscription_id)
    is_waiting = found is not None and found.status is SubscriberStatus.UNCONFIRMED
    return found if is_waiting else None


def _why_not(connection: Connection, subscriber_id: int, subscription_id: int) -> Outcome:
    found = profiles.subscription_of(connection, subscriber_id, subscription_id)
    is_live = found is not None and found.status is SubscriberStatus.CONFIRMED
    return Outcome.ALREADY if is_live else Outcome.GONE


def _present(connection: Connection, wish: Subscription) -> Subscription | None:
    """Return the live subscription by page that a confirmed wish takes the place of."""
    theirs = profiles.subscriptions_of(connection, subscriber_id=wish.subscriber.row_id)
    return next(
        (s for s in theirs if s.via == WEB and s.status is SubscriberStatus.CONFIRMED), None
    )


def _activate(app: App, connection: Connection, wish: Subscription, *, agent: str) -> None:
    person, now = wish.subscriber, app.now()
    present = _present(connection, wish)
    if present is None:
        profiles.set_subscription(
            connection, [wish.row_id], status=SubscriberStatus.CONFIRMED, next_slot_at=now
        )
    else:
        kept = replace(wish.profile, name=present.profile.name)
        profiles.save(connection, kept, origin=WEB, now=now)
        profiles.set_subscription(
            connection, [present.row_id], status=SubscriberStatus.CONFIRMED,
            next_slot_at=slots.next_slot(kept.schedule, now),
        )  # fmt: skip
    pending.drop(connection, pending.of_subscriber(connection, person.row_id))
    was_gone = person.status is SubscriberStatus.UNSUBSCRIBED
    subscribers.set_status(connection, person.row_id, SubscriberStatus.CONFIRMED, now=now)
    suppressions.lift(connection, address_hmac(app.secret_keys, person.address))
    keeping.drop_unused_libraries(connection, person.row_id)
    subscribers.add_consent(
        connection,
        person.row_id,
        "resubscribed" if was_gone else "confirmed",
        now=now,
        via="page",
        text_version=CONSENT_VERSION,
        detail={"subscription": (present or wish).row_id, "agent": agent[:200]},
    )
