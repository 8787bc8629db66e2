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
from typing import Protocol, runtime_checkable

from digest.errors import DeliveryError
from digest.model import Message

__all__ = [
    "Outcome", "OutcomeKind", "Phase", "Session", "Step", "Transport", "Turn", "Way", "is_channel",
]  # fmt: skip


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


class Turn(StrEnum):
    """What a message on its way waits for, where that is not an outcome."""

    READY = "ready"  # its text is wanted: the marker comes now
    UNTOUCHED = "untouched"  # the way ended before it was begun: that was no attempt


Step = tuple[Message, Outcome | Turn | DeliveryError]
"""What happened to a message on its way; an error is the next hop's: nothing was sent."""


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


@runtime_checkable
class Way(Protocol):
    """A way that many can be used of in one thread: no method waits, but ``close``.

    A message may be begun while the reply to the dot of the one before is awaited.
    """

    wants_write: bool
    deadline: float
    """On the monotonic clock: after it, call ``expire``."""

    @property
    def is_free(self) -> bool:
        """Tell whether ``begin`` may be called."""
        ...

    @property
    def is_spent(self) -> bool:
        """Tell whether it takes no further message: close it when it is idle."""
        ...

    def fileno(self) -> int:
        """Return what to wait on for reading (and writing, where ``wants_write``)."""
        ...

    def begin(self, message: Message) -> Outcome | None:
        """Begin a message; return an outcome where that is refused without asking."""
        ...

    def go(self) -> None:
        """Let the READY message's text go out: its marker is durable."""
        ...

    def withdraw(self) -> list[Step]:
        """Take the READY message back; the way is spent by that."""
        ...

    def advance(self) -> list[Step]:
        """Write and read what can be written and read now."""
        ...

    def flush(self) -> list[Step]:
        """Write what can be written now."""
        ...

    def expire(self) -> list[Step]:
        """Give up waiting for a reply."""
        ...

    def close(self) -> None:
        """Say good-bye and wait for the answer a little; never raises."""
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
