"""What is chosen, and the message it becomes: picks, editions, deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from digest.model.papers import Completeness, PaperKey
from digest.model.readers import Frequency


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A chosen paper: where it stands, its score in [0, 1], and why.

    ``parts`` are the score's real parts by name, for `explain`; ``reason`` is the sentence
    made of them.
    """

    paper_id: int
    key: PaperKey
    score: float
    interest_score: float
    trend_score: float
    section: str
    """Name of the interest, or ``trending``, ``exploration``, ``carried-over``, ``update``."""
    reason: str
    parts: Mapping[str, float] = field(default_factory=dict)
    is_new: bool = True


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Why a paper was not picked: ``seen``, ``muted``, ``must``, ``floor``, ``cap``, ...

    ``interest`` names the interest that comes nearest; ``parts`` are as a pick's.
    """

    paper_id: int
    key: PaperKey
    cause: str
    score: float | None = None
    interest_score: float = 0.0
    trend_score: float = 0.0
    interest: str = ""
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceLine:
    """What an edition says of one source: its count and whether the day is complete."""

    source: str
    new: int
    completeness: Completeness
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One subscription's picks for one slot, frozen when made."""

    row_id: int
    subscription_id: int
    subscriber_id: int
    profile_id: int
    slot_at: datetime
    edition_on: date
    """The slot's date in the reader's time zone: the date the mail carries."""
    window_start_at: datetime
    window_end_at: datetime
    frequency: Frequency = Frequency.DAILY
    picks: tuple[Pick, ...] = ()
    other_ids: tuple[int, ...] = ()
    """Row ids of the other new papers, best first, for the list of all titles."""
    other_count: int = 0
    source_lines: tuple[SourceLine, ...] = ()
    made_at: datetime


class DeliveryState(StrEnum):
    """Where one message to one address stands (mail outbox)."""

    READY = "ready"
    CLAIMED = "claimed"
    TRANSMITTING = "transmitting"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    UNCERTAIN = "uncertain"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Purpose(StrEnum):
    """Why a message is sent; lower ``priority`` goes first."""

    CONFIRMATION = "confirmation"
    NOTICE = "notice"  # preference links, exports, owner's alarms
    MANUAL = "manual"  # digest send
    EDITION = "edition"

    @property
    def priority(self) -> int:
        """Return the order in the outbox: confirmations never wait behind a run."""
        return {"confirmation": 0, "notice": 10, "manual": 20, "edition": 50}[self.value]


@dataclass(frozen=True, kw_only=True)
class Message:
    """A composed mail, ready for the wire.

    ``content`` is the whole RFC 5322 message with CRLF line ends, DKIM-signed if configured,
    not dot-stuffed. ``html`` and ``text`` are the same bodies before encoding, for preview.
    """

    message_id: str
    sender: str
    """Envelope sender (VERP where configured)."""
    recipient: str
    subject: str
    content: bytes
    has_no_dots: bool = False
    """No line of ``content`` begins with a dot: nobody needs to look for one again."""
    html: str = ""
    text: str = ""
