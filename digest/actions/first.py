"""The first digest of a new installation: ask the sources, then mail what they say at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from digest.actions import lookups, polling, sending
from digest.actions.sending import SendResult
from digest.app import App
from digest.model import PollReport


@dataclass(frozen=True, kw_only=True)
class First:
    """What came of it."""

    polls: tuple[PollReport, ...]
    sent: SendResult

    @property
    def is_ok(self) -> bool:
        """Tell whether there is a mail with papers in it on its way."""
        return self.sent.ok and self.sent.picks > 0


def send_first(
    app: App, name: str, *, on_progress: Callable[[PollReport], None] | None = None
) -> First:
    """Poll every source and mail a profile's edition. Raises UsageError without an address."""
    polls = polling.poll(app, on_progress=on_progress)
    lookups.look_up(app)
    return First(polls=polls, sent=sending.send(app, name))
