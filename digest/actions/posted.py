"""Take in what a mail service posts of refusals and complaints, as if it had come back by mail.

A hard or soft refusal belongs to the delivery that it names, else to the latest one to that
address; a complaint has to name its mail, for it may be about somebody else's.
"""

from __future__ import annotations

import hmac
import logging
from datetime import timedelta

from sqlalchemy import Connection

from digest.actions import bounces
from digest.actions.evidence import Known
from digest.actions.settling import BounceReport
from digest.app import App
from digest.config import reveal
from digest.delivery.bounces import BounceKind
from digest.delivery.bounces.posted import Posted, read
from digest.errors import AddressError
from digest.store import bounces as store
from digest.store.bounces import Refused
from digest.subscribers.addresses import address_hmac, address_key
from digest.text.clean import clean

log = logging.getLogger(__name__)

LATE = timedelta(days=30)
"""A refusal without a name is about no mail older than this."""


def may_post(app: App, secret: str) -> bool:
    """Tell whether this is the secret of ``mail.bounces.webhook_secret``."""
    wanted = reveal(app.config.settings.mail.bounces.webhook_secret)
    return bool(wanted) and hmac.compare_digest(secret.encode(), wanted.encode())


def take(app: App, content: bytes) -> BounceReport:
    """Settle what a post tells.

    Raises ValueError where it cannot be read, TooMuchError where it holds too much.
    """
    events = read(content)
    posted = [event for event in events if isinstance(event, Posted)]
    for event in events:
        if not isinstance(event, Posted):
            # Not opened here: what is posted must not make this machine ask any address.
            log.warning("webhook wants to be confirmed, open once: %s", clean(event.url)[:1000])
    with app.reading() as connection:
        found = [
            Known(key=event.key, bounce=event.bounce, refused=_delivery(app, connection, event))
            for event in posted
        ]
    return bounces.settled(app, found)


def _delivery(app: App, connection: Connection, event: Posted) -> Refused | None:
    if app.return_paths is not None and event.sender:
        by_sender = store.by_id(connection, app.return_paths.read(event.sender))
        if by_sender:
            return next(iter(by_sender.values()))
    try:
        address = event.bounce.recipients[0]
        mailbox = store.Mailbox(
            key=address_key(address), hmac=address_hmac(app.secret_keys, address)
        )
    except AddressError:  # nobody here has such a one, and the post tells of others
        return None
    found, is_named = store.to_address(connection, mailbox, event.references, app.now() - LATE)
    return found if is_named or event.bounce.kind is not BounceKind.COMPLAINT else None
