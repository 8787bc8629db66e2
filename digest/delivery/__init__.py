"""Stage 5: messages to the next hop. One module per transport; decisions are pure.

To add a transport, add ``digest/delivery/<kind>.py`` with a function

    transport(name: str, options: Mapping[str, Any]) -> Transport

``kind = "<kind>"`` in a ``[transports.NAME]`` table finds it, and so do the contract tests.
``policy`` and ``bounces`` are not transports; modules whose names begin with ``_`` are not either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from digest.model import Message

__all__ = ["Outcome", "OutcomeKind", "Phase", "Session", "Transport", "is_channel"]


class Phase(StrEnum):
    """How far one SMTP conversation came; other transports use connect, dot and done."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    DONE = "done"


class OutcomeKind(StrEnum):
    """What became of one attempt."""

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    WITHDRAWN = "withdrawn"  # the marker said no: suppressed or cancelled meanwhile


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The end of one attempt, as the next hop told it."""

    kind: OutcomeKind
    phase: Phase
    code: int | None = None
    enhanced_code: str = ""
    reply: str = ""
    queue_id: str = ""
    retry_at: datetime | None = None
    suppress: str = ""
    """Reason to suppress the address (``hard``), empty otherwise."""
    blames_relay: bool = False
    """The relay or domain is to blame: not charged to the recipient."""
    cause: str = ""
    """A word of ``policy.Cause``."""
    min_wait: timedelta | None = None
    """Not before that long, where the reply asks for more than the usual schedule."""
    soft_bounce: bool = False
    pauses_domain: bool = False
    stops_relay: bool = False
    """Waiting does not help: a person has to look at the relay."""


class Session(Protocol):
    """One open way to the next hop, used by one thread."""

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Hand over one message.

        ``before_dot`` is called when acceptance can still be avoided and commits the
        ``transmitting`` marker; where it returns False the message is withdrawn.
        Raises DeliveryError where the next hop itself is unusable and nothing was sent.
        """
        ...

    def close(self) -> None:
        """Say good-bye; never raises, never changes an outcome."""
        ...


class Transport(Protocol):
    """Opens sessions to one next hop."""

    name: str
    kind: str

    def open(self) -> Session:
        """Connect and log in. Raises DeliveryError."""
        ...


def is_channel(transport: Transport) -> bool:
    """Tell whether a transport carries only what is addressed to it by name (``chat:NAME``).

    Such a transport never takes over for a relay: a reader's mail is not for a channel's eyes.
    """
    return bool(getattr(transport, "is_channel", False))
