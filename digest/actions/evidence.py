"""Whom a report is about, and whether it is to be believed.

A Message-ID stands in every reply and forwarded copy, and anybody can write a report that quotes
it. So a report counts at once only where it has something that strangers do not:

    signed      the signed envelope sender of the delivery (VERP) stands in it
    vouched     our own mail server wrote it, or vouches that the refused address's domain did

Where envelope senders are signed nothing else counts at all. Where they are not, and nobody
vouches, it waits until a report about another mail to the same reader says the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sqlalchemy import Connection

from digest.app import App
from digest.delivery.bounces import REFUSALS, Bounce, BounceKind, Returned
from digest.mails import is_within
from digest.store import bounces
from digest.store.bounces import Refused
from digest.subscribers.addresses import domain_of

REPORTED = REFUSALS | {BounceKind.DELAYED, BounceKind.COMPLAINT}
LATE = timedelta(days=14)
"""Who refuses or complains does so within this: an old mail that was passed on says nothing."""
MOST_IDS = 20
"""Message-IDs and envelope senders of ours that are looked up for one mail."""
CONFIRMS = timedelta(days=100)
"""A second report confirms one that is not older: monthly digests have time for two."""
_SAME = {
    BounceKind.COMPLAINT: ("complaint",),
    BounceKind.HARD: ("hard", "soft"),
    BounceKind.SOFT: ("hard", "soft"),
}


@dataclass(frozen=True, kw_only=True)
class Known:
    """One mail or event, understood, and the delivery it is about."""

    key: str
    bounce: Bounce
    refused: Refused | None
    is_trusted: bool = True
    """False where anybody could have written it."""


def identify(app: App, connection: Connection, returned: Returned, bounce: Bounce) -> Known:
    """Return which delivery a mail is about, and whether it counts alone."""
    signed, quoted = _signed(app, connection, returned, bounce), None
    if signed is None and app.return_paths is None and bounce.kind in REPORTED:
        quoted = _quoted(app, connection, returned, bounce)
    is_trusted = quoted is None or _is_vouched(app, bounce, quoted)
    return Known(key=returned.key, bounce=bounce, refused=signed or quoted, is_trusted=is_trusted)


def is_confirmed(app: App, connection: Connection, one: Known) -> bool:
    """Tell whether a report may count: it is trusted, or not the only one of its kind."""
    if one.is_trusted or one.refused is None:
        return True
    kinds = _SAME.get(one.bounce.kind, ())
    return bounces.was_reported(connection, one.refused, kinds, app.now() - CONFIRMS)


def _signed(app: App, connection: Connection, returned: Returned, bounce: Bounce) -> Refused | None:
    quiet = {BounceKind.OTHER, BounceKind.UNSUBSCRIBE, BounceKind.UNREADABLE}
    if app.return_paths is None or bounce.kind in quiet:
        return None
    ids = app.return_paths.read(returned.content.decode("latin-1"))
    return next(iter(bounces.by_id(connection, ids[:MOST_IDS]).values()), None)


def _quoted(app: App, connection: Connection, returned: Returned, bounce: Bounce) -> Refused | None:
    since = app.now() - LATE
    ids = list(_message_ids(app, returned.content.decode("latin-1")))
    for refused in bounces.by_message_id(connection, ids):
        is_theirs = refused.address.lower() in (bounce.final or bounce.recipients)
        is_recent = refused.sent_at is not None and refused.sent_at >= since
        # A forwarded copy carries the Message-ID too: the report has to name the same address.
        if is_recent and (is_theirs or bounce.kind is BounceKind.COMPLAINT):
            return refused
    return None


def _is_vouched(app: App, bounce: Bounce, refused: Refused) -> bool:
    server = app.config.settings.mail.bounces.trusted_server.lower()
    if not server or not bounce.vouched:
        return False
    theirs = domain_of(refused.address).lower()
    return (
        bounce.vouched == server
        or is_within(bounce.vouched, theirs)
        or ("." in bounce.vouched and is_within(theirs, bounce.vouched))
    )


def _message_ids(app: App, text: str) -> Iterator[str]:
    domain = domain_of(app.config.settings.mail.sender) or "localhost"
    pattern = re.compile(rf"<[!-;=?A-~]{{8,200}}@{re.escape(domain)}>")
    for found in islice(pattern.finditer(text), MOST_IDS):
        yield found[0]
