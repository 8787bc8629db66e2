"""Keep a copy of a store from sending what the original sends too.

An installation is known by its signing secret, which its machines share and its copies, if they
are to be installations of their own, do not. A copy with the same secret is not told apart; what
is old in it is kept back by the age limit of mails and slots.
"""

from __future__ import annotations

import hmac

from digest.app import App
from digest.errors import ConflictError
from digest.store import deliveries


def guard(app: App) -> None:
    """Let the first sender have the store; raise ConflictError for one with another secret.

    A secret that was replaced counts as long as it is among the old ones.
    """
    marks = [_mark(key) for key in app.secret_keys]
    with app.reading() as connection:
        known = deliveries.sender(connection)
    if known == marks[0]:
        return
    if known is not None and known not in marks:
        raise ConflictError(
            "the store is sent from by an installation with another digest.secret: this is a copy "
            "of it, or the secret was changed. Nothing was sent. Put the former secret into "
            "digest.old_secrets; or, if only this one is to send from now on: "
            "digest deliveries resume --accept-clone"
        )
    adopt(app)


def adopt(app: App) -> None:
    """Let this installation be the one that sends from the store."""
    with app.writing() as connection:
        deliveries.set_sender(connection, _mark(app.secret_keys[0]))


def _mark(secret: bytes) -> str:
    return hmac.digest(secret, b"digest installation v1", "sha256").hex()[:32]
