"""Mails that a page is asked for: confirmations, links. Planned here, and sent at once.

Each goes through the outbox like any other, before all editions; where it cannot be sent now,
the next tick or run sends it. How often a mailbox may be written to is ``subscribers.limits``'s.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from sqlalchemy import Connection

from digest.app import App
from digest.errors import DigestError
from digest.model import Purpose, Subscriber
from digest.pipeline import composing, sending
from digest.rendering.notices import NoticeValue
from digest.store import buckets, deliveries, outbox, pending
from digest.subscribers import limits
from digest.subscribers.addresses import address_hmac
from digest.subscribers.tokens import Signer, TokenPurpose

log = logging.getLogger(__name__)

URGENT = (Purpose.CONFIRMATION, Purpose.NOTICE)
_BUCKET = "asked:"
_running, _waiting = Lock(), Lock()


def is_possible(app: App) -> bool:
    """Tell whether links can be mailed at all: they need a sender, and an address of ours."""
    settings = app.config.settings
    return bool(settings.mail.sender and settings.digest.base_url)


def admits(app: App, network: str) -> bool:
    """Take one mail out of what a client's network, and everybody, may ask for in an hour.

    Says nothing of any address. Networks are kept for an hour, as a keyed hash.
    """
    mark = hmac.digest(app.secret_keys[0], b"network v1\0" + network.encode(), "sha256").hex()[:32]
    most = app.config.settings.web.confirmations_per_hour
    with app.writing() as connection:
        now = app.now()
        pending.forget_networks(connection, _BUCKET, before=now - timedelta(hours=1))
        return all(
            buckets.take(
                connection, f"{_BUCKET}{name}", per_second=count / 3600, burst=count, now=now,
                wanted=1,
            )
            for name, count in ((mark, limits.NETWORK_PER_HOUR), ("all", most))
        )  # fmt: skip


def may_mail(app: App, connection: Connection, address: str, purpose: Purpose) -> bool:
    """Tell whether this mailbox may get one more mail that somebody asked for on a page."""
    mark = address_hmac(app.secret_keys, address)
    since = app.now() - limits.LONGEST_SPAN
    return limits.may_mail(deliveries.planned_at(connection, mark, purpose, since=since), app.now())


def link(
    app: App,
    path: str,
    purpose: TokenPurpose,
    subscriber_id: int,
    *,
    subscription_id: int = 0,
    expires_at: datetime | None = None,
) -> str:
    """Return a public address that opens one thing for one subscriber."""
    token = Signer(app.secret_keys).make(
        purpose,
        subscriber_id,
        subscription_id=subscription_id,
        issued_at=app.now() if expires_at else None,
        expires_at=expires_at,
    )
    return f"{app.config.settings.digest.base_url.rstrip('/')}/{path}/{token}"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail to be: which notice, and what stands in it."""

    notice: str
    values: dict[str, NoticeValue]
    purpose: Purpose = Purpose.NOTICE
    expires_at: datetime | None = None


def plan(app: App, connection: Connection, person: Subscriber, letter: Letter) -> None:
    """Put a mail into the outbox; it leaves with the next sending."""
    name = f"{secrets.token_hex(16)}.{letter.notice}"
    planned = outbox.Planned(
        purpose=letter.purpose,
        address=person.address,
        address_hmac=address_hmac(app.secret_keys, person.address),
        message_id=f"<{name}@{composing.sender_domain(app)}>",
        subscriber_id=person.row_id,
        expires_at=letter.expires_at,
        content={"notice": letter.notice, "values": letter.values},
    )
    outbox.plan(connection, [planned], app.now())


def post(app: App) -> None:
    """Send what was asked for on pages, without waiting for the next tick.

    Two calls at most are busy, whatever the number of visitors: one sends, and one waits that
    will find all that came meanwhile.
    """
    if not app.config.settings.transports or not _waiting.acquire(blocking=False):
        return
    with _turn():
        try:
            sending.send_ready(app, compose=composing.for_run(app), purposes=URGENT, is_share=True)
        except DigestError as exc:
            log.error("not sent at once error=%s", exc)


@contextlib.contextmanager
def _turn() -> Iterator[None]:
    with _running:
        _waiting.release()
        yield
