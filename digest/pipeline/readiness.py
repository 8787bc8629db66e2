"""Look, before anything is frozen, whether what is planned can be mailed at all.

A paper in an edition that can never become a mail is lost to its reader, so a mistake of the
configuration is told before the ledger knows the paper. No relay is asked whether it answers.
"""

from __future__ import annotations

from digest.app import App
from digest.errors import AddressError, ConfigError, RenderError, UsageError
from digest.pipeline import composing
from digest.rendering.trial import trial_editions
from digest.subscribers.addresses import normalise


def guard(app: App) -> None:
    """Refuse to go on where every mail would fail; look at sender, templates and subject.

    Raises UsageError where there is no transport, ConfigError for what is wrong otherwise.
    """
    if not (app.transports or app.channels):
        raise UsageError("there is no [transports.NAME]: nothing can be sent")
    sender = composing.identity(app)
    try:
        normalise(sender.address)
    except AddressError as exc:
        raise ConfigError(f"mail.sender: {exc}") from exc
    try:
        app.composer.check_subject(sender.name)
    except RenderError as exc:
        raise ConfigError(str(exc)) from exc
    if app.config.settings.mail.templates_dir is None:  # the shipped ones have tests
        return
    for given in trial_editions(sender):
        try:
            app.composer.compose_checked(given)
        except RenderError as exc:
            raise ConfigError(f"mail.templates_dir: {exc}") from exc
