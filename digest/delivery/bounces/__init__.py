"""What comes back: refusals, complaints and other answers, read from a mailbox and judged.

``reading`` makes a `Bounce` of one mail, ``causes`` decides what its codes and words mean, both
pure; ``maildir`` and ``imap`` open the mailbox. Whom it is about, and what follows, is
``actions.bounces``'s. Nothing here deletes a mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["REFUSALS", "Bounce", "BounceKind", "Mailbox", "Mark", "Returned"]


class BounceKind(StrEnum):
    """What a mail that came back says."""

    HARD = "hard"
    """The address does not exist."""
    SOFT = "soft"
    """Not now: full, disabled, out of reach for days."""
    POLICY = "policy"
    """Refused for what or where it is from, never because of who it is to."""
    DELAYED = "delayed"
    """A relay is still trying."""
    COMPLAINT = "complaint"
    """A provider passes on that its user called it spam, or wants no more."""
    AUTO_REPLY = "auto-reply"
    """Away, received, please confirm: no refusal."""
    UNSUBSCRIBE = "unsubscribe"
    """A reader asks to be left alone, by mail."""
    OTHER = "other"
    """Anything else: a person's letter, spam, a notice of success."""
    UNREADABLE = "unreadable"
    """It could not be read, or only at too high a cost: put aside for a person."""


REFUSALS = frozenset({BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY})


@dataclass(frozen=True, kw_only=True)
class Bounce:
    """One mail that came back, as it was understood."""

    kind: BounceKind
    status: str = ""
    """Enhanced status code (RFC 3463) such as ``5.1.1``, where one was given."""
    reason: str = ""
    """What the other side says, on one line, without addresses."""
    recipients: tuple[str, ...] = ()
    """Addresses that were refused, lower case; empty where the mail names none."""
    final: tuple[str, ...] = ()
    """Those that the refusing server tried itself. The others may be the sender's own words
    (``Original-Recipient`` is), and a stranger can be the sender of what is refused."""
    vouched: str = ""
    """Domain that wrote the report, on the word of ``mail.bounces.trusted_server``; that server's
    own name where it did; empty where anybody may have."""
    token: str = ""
    """Of an unsubscribe request: the signed token in its subject."""


class Mark(StrEnum):
    """How a mail is left in the mailbox."""

    SEEN = "seen"
    FLAGGED = "flagged"
    """It is a report, but nobody here is known by it: for a person to look at."""
    LEFT = "left"
    """None of our business: untouched."""


@dataclass(frozen=True, kw_only=True)
class Returned:
    """One mail of the mailbox; ``key`` is what the mailbox calls it, for ever."""

    key: str
    content: bytes
    problem: str = ""
    """Why there is no content: the mailbox does not give it out."""


class Mailbox(Protocol):
    """A mailbox that is open."""

    name: str
    """Tells this mailbox from others; not secret."""

    def unread(self, cursor: str, limit: int) -> Iterator[tuple[Returned, str]]:
        """Yield mails that came after ``cursor``, oldest first, each with the cursor after it.

        Raises DeliveryError where the mailbox cannot be read.
        """
        ...

    def settle(self, key: str, mark: Mark) -> None:
        """Mark a mail that was taken in.

        Called after the store has it; a mail that comes again is known by its key.
        """
        ...

    def close(self) -> None:
        """Leave; never raises."""
        ...
