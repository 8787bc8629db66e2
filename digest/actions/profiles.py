"""Profiles from files: bring the store in line with them, and show them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete

from digest.actions.checking import check_profile
from digest.app import App
from digest.errors import MissingError, UsageError
from digest.model import Profile, SubscriberStatus, Subscription
from digest.store import profiles as profile_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions
from digest.store.profiles import StoredProfile
from digest.store.tables import subscriptions
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac, address_key


@dataclass(frozen=True, kw_only=True)
class SyncReport:
    """What bringing the store in line with the profile files changed."""

    profiles: int = 0
    changed: int = 0
    removed: int = 0
    problems: tuple[str, ...] = ()
    """One line for each mistake in a file or address; everything else is served."""


def sync(app: App) -> SyncReport:
    """Bring stored profiles and subscriptions in line with the profile files.

    A file with a mistake leaves what the store has of its profile as it was: the reader is
    served by the last good version. Whoever unsubscribed stays unsubscribed.
    """
    # Before the transaction: libraries may be long files.
    sources = app.config.settings.sources
    checked = [check_profile(item, app.channels, sources) for item in app.config.profiles]
    changed = 0
    with app.writing() as connection:
        for item in (found for found in checked if found.is_fit):
            row_id, differs = profile_store.save(
                connection, item.profile, origin=profile_store.CONFIG, now=app.now()
            )
            changed += differs
            _sync_addresses(
                app, connection, item.profile, item.addresses, row_id, rescheduled=differs
            )
        removed = 0
        if not app.config.profile_problems:
            names = [item.profile.name for item in app.config.profiles]
            removed = profile_store.deactivate_missing(
                connection, names, origin=profile_store.CONFIG
            )
    return SyncReport(
        profiles=len(app.config.profiles),
        changed=changed,
        removed=removed,
        problems=(
            *app.config.profile_problems,
            *(line for item in checked for line in item.problems),
        ),
    )


def listing(app: App) -> list[StoredProfile]:
    """Return the active profiles, by name."""
    with app.reading() as connection:
        return profile_store.all_profiles(connection)


def get(app: App, name: str) -> StoredProfile:
    """Return a profile from the files by name; raise MissingError naming those there are."""
    with app.reading() as connection:
        found = profile_store.find(connection, name)
        if found is not None and found.is_active:
            return found
        names = [item.profile.name for item in profile_store.all_profiles(connection)]
    there = ", ".join(names) or "none: `digest init` writes one"
    raise MissingError(f"there is no profile called {name!r} (there are: {there})")


def subscribed_as(connection: Connection, address: str) -> list[Subscription]:
    """Return an address's subscriptions, whatever their status; raise UsageError without any."""
    person = subscriber_store.find(connection, address)
    found = (
        profile_store.subscriptions_of(connection, subscriber_id=person.row_id) if person else []
    )
    if not found:
        raise UsageError(f"nobody subscribed as {address}")
    return found


def _sync_addresses(
    app: App,
    connection: Connection,
    profile: Profile,
    addresses: Iterable[str],
    profile_id: int,
    *,
    rescheduled: bool,
) -> None:
    now = app.now()
    wanted: set[str] = set()
    for address in addresses:
        if _is_forgotten(app, connection, address):
            continue
        wanted.add(address_key(address))
        subscriber_id = subscriber_store.ensure(
            connection,
            address,
            status=SubscriberStatus.CONFIRMED,
            now=now,
            via="config",
            channels=True,
        )
        profile_store.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=slots.first_slot(profile.schedule, now),
            now=now,
        )
    current = profile_store.subscriptions_of(connection, profile_id=profile_id)
    live = [s for s in current if s.status is SubscriberStatus.CONFIRMED]
    gone = [s.row_id for s in live if address_key(s.subscriber.address) not in wanted]
    _drop(connection, profile_store.file_made(connection, gone))
    if rescheduled:
        moved = [s.row_id for s in live if s.next_slot_at and s.next_slot_at > now]
        profile_store.set_subscription(
            connection,
            moved,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=slots.next_slot(profile.schedule, now),
        )


def _is_forgotten(app: App, connection: Connection, address: str) -> bool:
    """Tell whether a reader was erased: a file that still names them brings no row back."""
    if subscriber_store.find(connection, address) is not None:
        return False
    mark = address_hmac(app.secret_keys, address)
    return mark in suppressions.lookup(connection, [mark])


def _drop(connection: Connection, subscription_ids: Collection[int]) -> None:
    """Forget subscriptions whose address left the file; the ledger stays with the subscriber."""
    if subscription_ids:
        connection.execute(delete(subscriptions).where(subscriptions.c.id.in_(subscription_ids)))
