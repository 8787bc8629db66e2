"""Claims that nobody works on: given back at once where the sender is known to be dead.

A sender elsewhere is known by its leases alone; those that it does not prolong are named until
they end.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

from digest.app import App
from digest.pipeline import _owners
from digest.store import recovery
from digest.store.database import is_sqlite
from digest.text.counting import counted

log = logging.getLogger(__name__)


def has_dead_senders(app: App) -> bool:
    """Tell, without asking the store, whether a sender on this machine died at its work."""
    return bool(_owners.dead_owners(app.config.data_dir))


def settle(app: App) -> recovery.Recovered:
    """Recover what dead senders left behind, revive deferrals, end what is too old."""
    data_dir = app.config.data_dir
    dead = _owners.dead_owners(data_dir)
    now = app.now()
    with app.writing() as connection:
        found = recovery.recover(
            connection,
            now=now,
            dead_owners=dead,
            resend=app.config.settings.mail.uncertain == "resend",
        )
        recovery.revive(connection, now)
        found = replace(found, expired=recovery.expire(connection, now))
    _owners.forget(data_dir, dead)
    if found.released or found.uncertain or found.expired:
        log.info(
            "recovered released=%d uncertain=%d expired=%d",
            found.released,
            found.uncertain,
            found.expired,
        )
    return found


def stranded(app: App) -> tuple[str, ...]:
    """Return a sentence for the mails of each sender that ended or hangs, and holds them still."""
    now = app.now()
    lease = timedelta(seconds=app.config.settings.mail.lease_s)
    with app.reading() as connection:
        held = recovery.held(connection)
    alive = _owners.live_owners(app.config.data_dir) if held else frozenset()
    found = []
    for claim in held:
        # A server's store may have senders on other machines: they prolong their leases in time.
        is_alive = claim.owner in alive or not is_sqlite(app.engine)
        if not is_alive or claim.lease_until - now < lease / 2:
            found.append(
                f"{counted(claim.count, 'mail')} held by a sender that ended or hangs: free again "
                f"by {claim.lease_until:%H:%M:%S} UTC, and sent by `digest run` after that"
            )
    return tuple(found)
