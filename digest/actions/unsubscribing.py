"""Leave: one subscription or all of them, at once, and as often as asked.

Who may ask was settled by the token. What is already written to the wire cannot be called back;
everything before the final dot is stopped in the same transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from digest.actions.preferring import title_of
from digest.app import App
from digest.model import Subscriber, SubscriberStatus, Subscription
from digest.store import deliveries, profiles, subscribers, suppressions
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac, masked_address

ONE_CLICK = "one-click"
"""``via`` of a consent event: a mail program asked for its reader (RFC 8058)."""
PAGE = "page"


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What the page shows before anything is changed."""

    address: str
    """Masked: a forwarded mail tells nobody the whole address."""
    title: str
    """Of the subscription that the link names; empty where it names all or none is left."""
    is_live: bool
    others: tuple[str, ...] = ()
    """Titles of the reader's other live subscriptions."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """What leaving did: nothing at all where it was done before."""

    subscriptions: int = 0
    cancelled: int = 0
    is_all: bool = False


def leaving(app: App, subscriber_id: int, subscription_id: int = 0) -> Leaving:
    """Return what leaving would end; a reader who is erased has nothing left to leave."""
    with app.reading() as connection:
        person = subscribers.get(connection, subscriber_id)
        if person is None:
            return Leaving(address="", title="", is_live=False)
        live = _live(connection, person)
    named = [s for s in live if s.row_id == subscription_id]
    return Leaving(
        address=masked_address(person.address),
        title=title_of(named[0]) if named else "",
        is_live=bool(named) if subscription_id else bool(live),
        others=tuple(title_of(s) for s in live if s.row_id != subscription_id),
    )


def leave(app: App, subscriber_id: int, subscription_id: int = 0, *, via: str) -> Left:
    """End one subscription, or all where ``subscription_id`` is 0; a second time changes nothing.

    With the last subscription the subscriber leaves too: the address is suppressed until its
    owner opts in again. Effective when this returns: waiting deliveries are cancelled, a claimed
    one stops at its marker.
    """
    with app.writing() as connection:
        return leave_within(app, connection, subscriber_id, subscription_id, via=via)


def leave_within(
    app: App, connection: Connection, subscriber_id: int, subscription_id: int = 0, *, via: str
) -> Left:
    """Do what `leave` does, as part of a transaction."""
    person = subscribers.get(connection, subscriber_id)
    if person is None:
        return Left()
    live = _live(connection, person)
    ended = [s for s in live if subscription_id in {0, s.row_id}]
    is_all = subscription_id == 0 or len(ended) == len(live)
    cancelled = 0
    if ended:
        ids = [s.row_id for s in ended]
        profiles.set_subscription(
            connection, ids, status=SubscriberStatus.UNSUBSCRIBED, next_slot_at=None
        )
        cancelled = deliveries.cancel_of_subscription(connection, ids)
    was_in = person.status is not SubscriberStatus.UNSUBSCRIBED
    if is_all:
        cancelled += _leave_wholly(app, connection, person)
    if ended or (is_all and was_in):
        subscribers.add_consent(
            connection,
            person.row_id,
            "unsubscribed",
            now=app.now(),
            via=via,
            detail={"subscriptions": [s.row_id for s in ended], "all": is_all},
        )
    return Left(subscriptions=len(ended), cancelled=cancelled, is_all=is_all)


def _leave_wholly(app: App, connection: Connection, person: Subscriber) -> int:
    subscribers.set_status(connection, person.row_id, SubscriberStatus.UNSUBSCRIBED, now=app.now())
    subscribers.renew_feeds(connection, person.row_id)
    _suppress(app, connection, person, reason="unsubscribed")
    return deliveries.cancel_of_subscriber(connection, person.row_id)


def _suppress(app: App, connection: Connection, person: Subscriber, *, reason: str) -> bool:
    mark = address_hmac(app.secret_keys, person.address)
    known = suppressions.lookup(connection, [mark]).get(mark)
    if known is not None and known.reason == reason:
        return False
    suppressions.add(connection, [Suppression(address_hmac=mark, reason=reason, at=app.now())])
    return True


def _live(connection: Connection, person: Subscriber) -> list[Subscription]:
    found = profiles.subscriptions_of(connection, subscriber_id=person.row_id)
    return [s for s in found if s.status is not SubscriberStatus.UNSUBSCRIBED]
