"""Subscribers for tests of pages, and a picture of every row in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builders import NOON, a_profile, an_edition
from sqlalchemy import select

from digest.app import App
from digest.model import Purpose, SubscriberStatus
from digest.store import editions, outbox, profiles, subscribers
from digest.store.editions import EditionOutcome
from digest.store.tables import deliveries, metadata
from digest.subscribers.addresses import address_hmac

HEADERS: tuple[dict[str, str], ...] = (
    {"user-agent": "", "accept": ""},
    {"origin": "https://evil.example", "referer": "https://evil.example/x"},
    {"cookie": "owner=forged", "sec-fetch-site": "cross-site"},
    {"x-forwarded-proto": "http", "x-forwarded-host": "other.example"},
)


@dataclass(frozen=True)
class Person:
    subscriber_id: int
    subscription_id: int
    profile_id: int


def ada(
    web: Any,
    name: str = "ada",
    origin: str = profiles.WEB,
    *,
    address: str = "ada@example.org",
    waits: bool = False,
    **changes: Any,
) -> Person:
    status = SubscriberStatus.UNCONFIRMED if waits else SubscriberStatus.CONFIRMED
    with web.app.writing() as connection:
        subscriber_id = subscribers.ensure(connection, address, status=status, now=NOON, via="test")
        profile_id, _ = profiles.save(
            connection, a_profile(name, **changes), origin=origin, now=NOON
        )
        subscription_id = profiles.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=status,
            next_slot_at=None if waits else NOON,
            now=NOON,
            via=origin,
        )
    return Person(subscriber_id, subscription_id, profile_id)


def snapshot(app: App) -> dict[str, list[Any]]:
    """Return every row of every table."""
    with app.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in metadata.sorted_tables
        }


def plan_delivery(web: Any, person: Person) -> int:
    """Give a subscription an edition and a delivery that waits; return the delivery's row id."""
    with web.app.writing() as connection:
        draft = an_edition(
            subscription_id=person.subscription_id,
            subscriber_id=person.subscriber_id,
            profile_id=person.profile_id,
            picks=(),
        )
        [edition] = editions.freeze(connection, [draft], EditionOutcome.MAILED)
        edition_id = edition.row_id
        outbox.plan(
            connection,
            [outbox.Planned(
                purpose=Purpose.EDITION, address="ada@example.org", message_id="<1@x>",
                address_hmac=address_hmac(web.app.secret_keys, "ada@example.org"),
                edition_id=edition_id, subscriber_id=person.subscriber_id,
            )],
            NOON,
        )  # fmt: skip
        return connection.scalar(
            select(deliveries.c.id).where(deliveries.c.edition_id == edition_id)
        )
