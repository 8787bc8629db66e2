"""Look the installation over: each finding says how it is and what to do.

Connects and logs in to every relay but mails nothing, asks a language model where one is set up,
and changes nothing but the store's schema.
"""

from __future__ import annotations

from digest.actions.doctor import domain, machine, mail, model, private
from digest.actions.doctor.findings import Finding, Level
from digest.app import App

__all__ = ["Finding", "Level", "examine"]


def examine(app: App, *, online: bool = True, name_server: str = "") -> tuple[Finding, ...]:
    """Look at everything; expected failures are findings, never raised.

    Without ``online`` nobody is asked about the sender's domain and the public pages.
    """
    outside = domain.look(app, name_server) if online else ()
    return (*machine.look(app), private.look(app), *mail.look(app), *model.look(app), *outside)
