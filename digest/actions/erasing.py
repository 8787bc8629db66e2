"""Erase a subscriber for good: what names them goes, and they are never mailed by mistake again."""

from __future__ import annotations

from digest.app import App
from digest.store import erasing, subscribers, suppressions
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac


def erase(app: App, subscriber_id: int, *, via: str) -> bool:
    """Forget a subscriber; tell whether there was one. A second time changes nothing.

    The address stays suppressed, by its HMAC alone: a profile's file or an imported list that
    still names it brings nobody back.
    """
    with app.writing() as connection:
        person = subscribers.get(connection, subscriber_id)
        if person is None:
            return False
        mark = address_hmac(app.secret_keys, person.address)
        suppressions.add(
            connection, [Suppression(address_hmac=mark, reason="unsubscribed", at=app.now())]
        )
        return erasing.erase(connection, subscriber_id, now=app.now(), via=via)
