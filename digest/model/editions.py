"""What is chosen, and the message it becomes: picks, editions, deliveries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, overload

from digest.model.papers import Completeness, PaperKey
from digest.model.quickly import made
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


class PickColumns(NamedTuple):
    """The fields of many picks, each a column; all are of one length."""

    paper_ids: Sequence[int] = ()
    keys: Sequence[PaperKey] = ()
    scores: Sequence[float] = ()
    interest_scores: Sequence[float] = ()
    trend_scores: Sequence[float] = ()
    sections: Sequence[str] = ()
    reasons: Sequence[str] = ()
    are_new: Sequence[bool] = ()


class Picks(Sequence[Pick]):
    """Picks as columns: a run has millions of them, and looks at few by themselves.

    A `Pick` is made when one is asked for. ``parts`` has a column by name of part, 0 where it
    says nothing of a pick.
    """

    __slots__ = ("columns", "parts")

    def __init__(
        self,
        columns: PickColumns = PickColumns(),  # noqa: B008 (it is frozen)
        parts: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> None:
        self.columns = columns
        self.parts = parts

    @classmethod
    def of(cls, picks: Iterable[Pick]) -> Picks:
        """Return these picks as columns; the same where they are."""
        if isinstance(picks, Picks):
            return picks
        rows = tuple(picks)
        names = dict.fromkeys(name for pick in rows for name in pick.parts)
        columns = PickColumns(
            paper_ids=[pick.paper_id for pick in rows],
            keys=[pick.key for pick in rows],
            scores=[pick.score for pick in rows],
            interest_scores=[pick.interest_score for pick in rows],
            trend_scores=[pick.trend_score for pick in rows],
            sections=[pick.section for pick in rows],
            reasons=[pick.reason for pick in rows],
            are_new=[pick.is_new for pick in rows],
        )
        return cls(columns, {name: [pick.parts.get(name, 0.0) for pick in rows] for name in names})

    def __len__(self) -> int:
        return len(self.columns.paper_ids)

    @overload
    def __getitem__(self, place: int) -> Pick: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Pick, ...]: ...
    def __getitem__(self, place: int | slice) -> Pick | tuple[Pick, ...]:
        if isinstance(place, slice):
            return tuple(self[n] for n in range(*place.indices(len(self))))
        columns = self.columns
        return made(
            Pick,
            paper_id=columns.paper_ids[place],
            key=columns.keys[place],
            score=columns.scores[place],
            interest_score=columns.interest_scores[place],
            trend_score=columns.trend_scores[place],
            section=columns.sections[place],
            reason=columns.reasons[place],
            parts={name: told for name, column in self.parts.items() if (told := column[place])},
            is_new=columns.are_new[place],
        )

    def __iter__(self) -> Iterator[Pick]:
        return (self[place] for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Picks, tuple)) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # as picks have none: their parts are a mapping

    def __repr__(self) -> str:
        return f"Picks{tuple(self)!r}"


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
    """For the owner: the error as it was met; readers are told only that there was one."""
    kind: str = ""
    """The source's kind."""
    age_hours: int = 0
    """How long before the edition its newest papers came; 0 where that is not known."""


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
    picks: Sequence[Pick] = ()
    """Best first; `Picks` where a ranker of ours or the store made them."""
    other_ids: tuple[int, ...] = ()
    """Row ids of the other new papers, best first, for the list of all titles."""
    other_count: int = 0
    source_lines: tuple[SourceLine, ...] = ()
    made_at: datetime
    teams: tuple[str, ...] = ()
    """By pick, its ranker where two are compared (an empty one for both); else nothing at all."""


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
    is_wire_safe: bool = False
    """``content`` is ASCII, no line of it begins with a dot: nobody needs to look again."""
    html: str = ""
    text: str = ""
