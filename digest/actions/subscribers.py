"""Subscribers as the owner sees them: list, show, add, change, unsubscribe.

Erasing is ``erasing``, whole lists are ``subscriber_lists``; what readers do by themselves is
``unsubscribing`` and ``preferring``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from digest.actions import profiles, unsubscribing
from digest.actions.paging import Page, page_of
from digest.app import App
from digest.errors import ConflictError, MissingError
from digest.model import Subscriber, SubscriberStatus, Subscription
from digest.store import deliveries, suppressions
from digest.store import profiles as profile_store
from digest.store import subscribers as subscriber_store
from digest.store.profiles import StoredProfile
from digest.store.subscribers import Consent
from digest.subscribers.addresses import address_hmac, address_key, normalise

OWNER = "owner"
"""``via`` of what the owner does to a subscriber."""


@dataclass(frozen=True, kw_only=True)
class SubscriberLine:
    """One subscription of one address."""

    subscriber_id: int
    address: str
    status: SubscriberStatus
    profile: str
    subscription: SubscriberStatus
    next_slot_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PersonSubscription:
    """One profile that a person subscribed to."""

    subscription_id: int
    profile: str
    title: str
    status: SubscriberStatus
    next_slot_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Person:
    """One address with all its subscriptions."""

    subscriber_id: int
    address: str
    status: SubscriberStatus
    suppression: str
    """Why the address is not mailed; empty where it is."""
    created_at: datetime
    confirmed_at: datetime | None
    subscriptions: tuple[PersonSubscription, ...]


def listing(app: App, *, address: str = "") -> list[SubscriberLine]:
    """Return every subscription, or those of one address."""
    with app.reading() as connection:
        person = _find(connection, address) if address else None
        found = profile_store.subscriptions_of(
            connection, subscriber_id=person.row_id if person else None
        )
    return [
        SubscriberLine(
            subscriber_id=s.subscriber.row_id,
            address=s.subscriber.address,
            status=s.subscriber.status,
            profile=s.profile.name,
            subscription=s.status,
            next_slot_at=s.next_slot_at,
        )
        for s in found
    ]


def page(
    app: App,
    *,
    status: SubscriberStatus | None = None,
    search: str = "",
    profile: str = "",
    after: int = 0,
    limit: int = 100,
) -> Page[Person]:
    """Return a page of people, in the order in which they came."""
    with app.reading() as connection:
        found = subscriber_store.listed(
            connection, status=status, search=search, profile=profile, after=after, limit=limit + 1
        )
        part = page_of(found, limit, lambda s: s.row_id)
        return Page(items=_people(app, connection, part.items), next_after=part.next_after)


def show(app: App, subscriber_id: int) -> Person:
    """Return one person. Raises MissingError."""
    with app.reading() as connection:
        return _people(app, connection, [_get(connection, subscriber_id)])[0]


def consents(app: App, subscriber_id: int) -> Sequence[Consent]:
    """Return the proof of what a person asked for, oldest first."""
    with app.reading() as connection:
        return subscriber_store.consents_of(connection, subscriber_id)


def add(app: App, address: str, profile_names: Sequence[str]) -> list[SubscriberLine]:
    """Subscribe an address to profiles from files, as the owner's word.

    Raises AddressError; MissingError for an unknown profile; ConflictError where the address
    left or may not be mailed: only its reader can come back, by opting in.
    """
    profiles.sync(app)
    wanted = [profiles.get(app, name) for name in profile_names]
    normal = normalise(address)
    with app.writing() as connection:
        _refuse_suppressed(app, connection, normal)
        subscriber_id = subscriber_store.ensure(
            connection, normal, status=SubscriberStatus.CONFIRMED, now=app.now(), via=OWNER
        )
        _subscribe(app, connection, subscriber_id, wanted)
    return listing(app, address=normal)


def change(
    app: App,
    subscriber_id: int,
    *,
    address: str | None = None,
    profile_names: Sequence[str] | None = None,
) -> Person:
    """Change a person's address, or which profiles from files they get; their own profiles stay.

    Raises MissingError, AddressError; ConflictError where the address is taken or may not be
    mailed, or the person left a profile that is asked for.
    """
    wanted: list[StoredProfile] | None = None
    if profile_names is not None:
        profiles.sync(app)
        wanted = [profiles.get(app, name) for name in profile_names]
    with app.writing() as connection:
        person = _get(connection, subscriber_id)
        if address is not None and normalise(address) != person.address:
            _move(app, connection, person, normalise(address))
        if wanted is not None:
            _resubscribe(app, connection, person, wanted)
    return show(app, subscriber_id)


def unsubscribe(app: App, subscriber_id: int) -> int:
    """End all of a person's subscriptions, at once; return how many ended. Raises MissingError."""
    with app.reading() as connection:
        _get(connection, subscriber_id)
    return unsubscribing.leave(app, subscriber_id, via=OWNER).subscriptions


def remove(app: App, address: str) -> int:
    """Unsubscribe an address from everything; return how many ended. Raises MissingError."""
    with app.reading() as connection:
        person = _find(connection, address)
    return unsubscribe(app, person.row_id)


def identify(app: App, address: str) -> int:
    """Return the row id of the subscriber with this address. Raises MissingError."""
    with app.reading() as connection:
        return _find(connection, address).row_id


def _find(connection: Connection, address: str) -> Subscriber:
    person = subscriber_store.find(connection, address)
    if person is None:
        raise MissingError(f"nobody subscribed as {address}")
    return person


def _get(connection: Connection, subscriber_id: int) -> Subscriber:
    person = subscriber_store.get(connection, subscriber_id)
    if person is None:
        raise MissingError(f"there is no subscriber {subscriber_id}")
    return person


def _people(app: App, connection: Connection, found: Sequence[Subscriber]) -> tuple[Person, ...]:
    theirs: dict[int, list[Subscription]] = defaultdict(list)
    for subscription in profile_store.subscriptions_of(
        connection, subscriber_ids=[person.row_id for person in found]
    ):
        theirs[subscription.subscriber.row_id].append(subscription)
    marks = {p.row_id: address_hmac(app.secret_keys, p.address) for p in found}
    held = suppressions.lookup(connection, list(marks.values()))
    return tuple(
        Person(
            subscriber_id=person.row_id,
            address=person.address,
            status=person.status,
            suppression=held[mark].reason if (mark := marks[person.row_id]) in held else "",
            created_at=person.created_at,
            confirmed_at=person.confirmed_at,
            subscriptions=tuple(
                PersonSubscription(
                    subscription_id=s.row_id,
                    profile=s.profile.name,
                    title=s.profile.title or s.profile.name,
                    status=s.status,
                    next_slot_at=s.next_slot_at,
                )
                for s in theirs[person.row_id]
            ),
        )
        for person in found
    )


def _refuse_suppressed(app: App, connection: Connection, address: str) -> None:
    mark = address_hmac(app.secret_keys, address)
    if held := suppressions.lookup(connection, [mark]).get(mark):
        raise ConflictError(
            f"the address is suppressed ({held.reason}): its reader may subscribe again, "
            "nobody else for them"
        )


def _subscribe(
    app: App, connection: Connection, subscriber_id: int, wanted: Sequence[StoredProfile]
) -> None:
    left = _left(connection, subscriber_id)
    for profile in wanted:
        if profile.row_id in left:
            raise ConflictError(f"the reader left {profile.profile.name!r} themselves")
        row_id = profile_store.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile.row_id,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=app.now(),
            now=app.now(),
            via=OWNER,
        )
        profile_store.adopt(connection, [row_id], via=OWNER)


def _left(connection: Connection, subscriber_id: int) -> set[int]:
    found = profile_store.subscriptions_of(connection, subscriber_id=subscriber_id)
    return {s.profile_id for s in found if s.status is SubscriberStatus.UNSUBSCRIBED}


def _resubscribe(
    app: App, connection: Connection, person: Subscriber, wanted: Sequence[StoredProfile]
) -> None:
    _subscribe(app, connection, person.row_id, wanted)
    of_files = {
        p.row_id for p in profile_store.all_profiles(connection, origin=profile_store.CONFIG)
    }
    kept = {profile.row_id for profile in wanted}
    ended = [
        s.row_id
        for s in profile_store.subscriptions_of(connection, subscriber_id=person.row_id)
        if s.profile_id in of_files - kept and s.status is not SubscriberStatus.UNSUBSCRIBED
    ]
    profile_store.set_subscription(
        connection, ended, status=SubscriberStatus.UNSUBSCRIBED, next_slot_at=None
    )
    deliveries.cancel_of_subscription(connection, ended)
    _consent(app, connection, person.row_id, profiles=[p.profile.name for p in wanted])


def _move(app: App, connection: Connection, person: Subscriber, address: str) -> None:
    other = subscriber_store.find(connection, address)
    if other is not None and other.row_id != person.row_id:
        raise ConflictError(f"the address belongs to subscriber {other.row_id} already")
    _refuse_suppressed(app, connection, address)
    subscriber_store.change_address(connection, person.row_id, address)
    if address_key(address) != address_key(person.address):
        # What waits was planned for the old mailbox, and is known to suppressions by it.
        deliveries.cancel_of_subscriber(connection, person.row_id)
    _consent(app, connection, person.row_id, address="changed")


def _consent(app: App, connection: Connection, subscriber_id: int, **detail: object) -> None:
    subscriber_store.add_consent(
        connection, subscriber_id, "changed", now=app.now(), via=OWNER, detail=detail
    )
