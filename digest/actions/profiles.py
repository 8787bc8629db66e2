"""Profiles from files: bring the store in line with them, and show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete

from digest.app import App
from digest.config import ProfileFile
from digest.errors import AddressError, ConfigError, MissingError
from digest.model import PaperKey, Profile, SubscriberStatus
from digest.pipeline import libraries
from digest.plugins import resolve
from digest.store import profiles as profile_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions
from digest.store.profiles import StoredProfile
from digest.store.tables import subscriptions
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac, address_key, channel_of, destination
from digest.text.ids import parse_reference


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
    problems = list(app.config.profile_problems)
    for item in app.config.profiles:  # before the transaction: files may be long
        problems += libraries.problems(item.profile)
    changed = 0
    with app.writing() as connection:
        for item in app.config.profiles:
            if unfit := _unfit(item):
                problems.append(unfit)
                continue
            profile, wrong = _with_keys(item)
            problems += wrong
            row_id, differs = profile_store.save(
                connection, profile, origin=profile_store.CONFIG, now=app.now()
            )
            changed += differs
            problems += _sync_addresses(app, connection, item, profile, row_id, rescheduled=differs)
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
        problems=tuple(problems),
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


def _unfit(item: ProfileFile) -> str:
    """Say what keeps a profile from being ranked at all, or return an empty string."""
    try:
        resolve(item.profile.ranker, "digest.ranking", "ranker")
    except ConfigError as exc:
        return f"{item.path}: ranker: {exc}"
    return ""


def _with_keys(item: ProfileFile) -> tuple[Profile, list[str]]:
    """Turn addresses and bare ids of liked papers into keys."""
    problems: list[str] = []
    interests = []
    for interest in item.profile.interests:
        where = f"{item.path}: interests.{interest.name}"
        liked, wrong = _keys(interest.liked, f"{where}.liked")
        disliked, also_wrong = _keys(interest.disliked, f"{where}.disliked")
        problems += wrong + also_wrong
        interests.append(replace(interest, liked=liked, disliked=disliked))
    return replace(item.profile, interests=tuple(interests)), problems


def _keys(texts: Sequence[str], where: str) -> tuple[tuple[PaperKey, ...], list[str]]:
    found = [(text, parse_reference(text)) for text in texts]
    wrong = [
        f"{where}: expected a key or address of a paper, such as arxiv:2401.01234, not {text!r}"
        for text, reference in found
        if reference is None
    ]
    return tuple(reference.key for _, reference in found if reference), wrong


def _sync_addresses(
    app: App,
    connection: Connection,
    item: ProfileFile,
    profile: Profile,
    profile_id: int,
    *,
    rescheduled: bool,
) -> list[str]:
    now = app.now()
    problems: list[str] = []
    wanted: set[str] = set()
    for text in item.addresses:
        try:
            address = destination(text)
        except AddressError as exc:
            problems.append(f"{item.path}: addresses: {text!r}: {exc}")
            continue
        if (channel := channel_of(address)) and channel not in app.channels:
            problems.append(
                f"{item.path}: addresses: there is no [transports.{channel}] of kind chat"
            )
            continue
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
    return problems


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
