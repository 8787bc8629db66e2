"""An installation with a mailbox of refusals, its readers, and the mails that come back to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import NOON, a_profile
from sqlalchemy import select, update

from digest.actions.outbox import explain_mail
from digest.app import App, open_app
from digest.config import load_config
from digest.model import Purpose, SubscriberStatus
from digest.store import outbox, profiles, subscribers
from digest.store import tables as t
from digest.store.outbox import Planned
from digest.subscribers.addresses import address_hmac

SAMPLES = Path(__file__).parents[1] / "golden" / "returned"
PLACEHOLDER = b"b+2s-k7q3m5zt2ahw4xcd@bounces.example.org"
QUOTED = b"<5f0c2e9a7b1d4c36a1b2c3d4e5f60718.20260414@example.org>"


@contextmanager
def opened(
    tmp_path: Path, clock: dict[str, Any], server: Any = None, **wanted: Any
) -> Iterator[App]:
    """Open an installation whose mailbox is this IMAP server's; ``wanted`` is [mail.bounces]."""
    if server is not None:
        wanted |= {
            "imap_host": "127.0.0.1",
            "imap_port": server.port,
            "imap_security": "none",
            "imap_user": "bounces",
            "imap_password": "secret",
        }
    config = load_config(
        overrides={
            "digest": {"data_dir": str(tmp_path / "data")},
            "mail": {
                "sender": "digest@example.org",
                "bounces": {"domain": "bounces.example.org"} | wanted,
            },
        }
    )
    with open_app(config) as app:
        object.__setattr__(app, "clock", lambda: clock["now"])
        yield app


def a_reader(app, address="ada@uni.example"):
    with app.writing() as connection:
        subscriber_id = subscribers.ensure(
            connection, address, status=SubscriberStatus.CONFIRMED, now=NOON, via="page"
        )
        profile_id, _ = profiles.save(connection, a_profile(), origin="web", now=NOON)
        profiles.subscribe(
            connection,
            subscriber_id=subscriber_id,
            profile_id=profile_id,
            status=SubscriberStatus.CONFIRMED,
            next_slot_at=NOON,
            now=NOON,
        )
    return subscriber_id


def a_sent_mail(app, subscriber_id, address="ada@uni.example", *, message_id=None, sent_at=NOON):
    with app.writing() as connection:
        number = len(connection.execute(select(t.deliveries.c.id)).all()) + 1
        planned = Planned(
            purpose=Purpose.NOTICE,
            address=address,
            address_hmac=address_hmac(app.secret_keys, address),
            subscriber_id=subscriber_id,
            message_id=message_id or f"<m{number}@example.org>",
        )
        outbox.plan(connection, [planned], NOON)
        connection.execute(
            update(t.deliveries)
            .where(t.deliveries.c.message_id == planned.message_id)
            .values(state="sent", sent_at=sent_at)
        )
        return connection.scalar(
            select(t.deliveries.c.id).where(t.deliveries.c.message_id == planned.message_id)
        )


def sample(name, app=None, delivery_id=None):
    content = (SAMPLES / f"{name}.eml").read_bytes()
    path = app.return_paths.make(delivery_id).encode() if app else b"nobody@bounces.example.org"
    return content.replace(PLACEHOLDER, path)


def suppressed(app, address="ada@uni.example"):
    return explain_mail(app, address).suppression
