"""Subscribers for tests of pages, and a picture of every row in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builders import NOON, a_profile
from sqlalchemy import select

from digest.app import App
from digest.model import SubscriberStatus
from digest.store import profiles, subscribers
from digest.store.tables import metadata

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


def ada(web: Any, name: str = "ada", origin: str = profiles.WEB, **changes: Any) -> Person:
    with web.app.writing() as connection:
        subscriber_id = subscribers.ensure(
            connection, "ada@example.org", status=SubscriberStatus.CONFIRMED, now=NOON, via="test"
        )
        profile_id, _ = profiles.save(
            connection, a_profile(name, **changes), origin=origin, now=NOON
        )
        subscription_id = profiles.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=NOON,
            now=NOON,
        )
    return Person(subscriber_id, subscription_id, profile_id)


def snapshot(app: App) -> dict[str, list[Any]]:
    """Return every row of every table."""
    with app.reading() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(select(table)).all()))
            for table in metadata.sorted_tables
        }
