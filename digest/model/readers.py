"""Who reads: profiles and their interests, subscribers, feedback."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Literal

from digest.model.papers import PaperKey


class TermMode(StrEnum):
    """What a term does: adds to the score, is required, or forbids."""

    SHOULD = "should"
    MUST = "must"
    MUST_NOT = "must-not"


TermField = Literal["title", "abstract", "authors", "categories", "keywords", "comment", "venue"]


@dataclass(frozen=True, kw_only=True)
class Term:
    """A word or phrase of an interest; ``fields`` empty means title, abstract and keywords."""

    text: str
    weight: float = 1.0
    mode: TermMode = TermMode.SHOULD
    fields: tuple[TermField, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Interest:
    """One named interest of a profile; each is scored on its own."""

    name: str
    terms: tuple[Term, ...] = ()
    authors: tuple[str, ...] = ()
    """Names, or ids such as ``orcid:0000-...``."""
    institutions: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    liked: tuple[PaperKey, ...] = ()
    disliked: tuple[PaperKey, ...] = ()
    text: str = ""
    """Free text: what the reader works on, in their own words."""
    library: str = ""
    """A BibTeX, RIS or Zotero export beside the profile file, read when the profile is loaded."""
    quota: int | None = None
    """At most so many picks of one edition come from this interest."""


class OnEmpty(StrEnum):
    """What to do on a day without picks: mail nothing, or a short note."""

    SKIP = "skip"
    NOTE = "note"


class Frequency(StrEnum):
    """How often an edition is due; weekly editions look back seven days."""

    DAILY = "daily"
    WEEKLY = "weekly"


ALL_WEEKDAYS = (0, 1, 2, 3, 4, 5, 6)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When editions are due, in the reader's own time zone. Monday is 0."""

    send_time: time = time(7, 30)
    time_zone: str = "UTC"
    weekdays: tuple[int, ...] = ALL_WEEKDAYS
    frequency: Frequency = Frequency.DAILY
    paused_until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Grade:
    """What a judge says of a paper for a profile: 0 (not wanted) to 3 (a must), and why."""

    value: int
    why: str = ""
    """At most half a sentence of plain text; empty where there is none that can be shown."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Named interests of a reader and how their editions are made."""

    name: str
    interests: tuple[Interest, ...] = ()
    mutes: tuple[str, ...] = ()
    """Terms that are never shown again, in any interest."""
    sources: tuple[str, ...] = ()
    """Only papers announced by these sources; empty means all."""
    schedule: Schedule = field(default_factory=Schedule)
    ranker: str = "default"
    trending_weight: float = 0.3
    """0 ranks by interest alone, 1 by trend alone."""
    min_score: float = 0.15
    max_papers: int = 10
    exploration: float = 0.1
    """Share of picks taken from outside the interests."""
    on_empty: OnEmpty = OnEmpty.NOTE
    all_titles: bool = True
    """List every other new title after the picks."""
    community: bool = False
    """Let readers with similar likes help each other; nobody learns who likes what."""
    judge: bool = False
    """Let a language model grade the best papers, where the owner has set one up."""
    updates: bool = False
    """Also tell of new versions and publications of papers shown before."""
    abstracts: Literal["none", "short", "full"] = "short"
    locale: str = "en"
    title: str = ""
    """Shown in the mail; the name where empty."""

    @property
    def rated(self) -> frozenset[PaperKey]:
        """Return the papers that any interest likes or dislikes."""
        return frozenset(key for one in self.interests for key in (*one.liked, *one.disliked))


class SubscriberStatus(StrEnum):
    """Where an address stands."""

    UNCONFIRMED = "unconfirmed"
    CONFIRMED = "confirmed"
    UNSUBSCRIBED = "unsubscribed"


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """An address that asked for editions."""

    row_id: int
    address: str
    status: SubscriberStatus
    created_at: datetime
    confirmed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscriber's claim on one profile: what an edition is made for."""

    row_id: int
    subscriber: Subscriber
    profile_id: int
    profile: Profile
    status: SubscriberStatus
    next_slot_at: datetime | None
    via: str = "config"
    """Who made it: ``config`` (a profile's file), ``owner``, ``import``, ``web``, ..."""


class FeedbackKind(StrEnum):
    """What a subscriber said of a paper."""

    MORE = "more"
    LESS = "less"
    SAVED = "saved"
    SEEN = "seen"


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """One word of a subscriber on one paper."""

    paper_id: int
    kind: FeedbackKind
    at: datetime
    interest: str = ""
