"""What the API takes and gives, as documented models; actions' values fill them by attribute."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from digest.model import (
    Edition,
    Observation,
    Paper,
    Profile,
    SubscriberStatus,
)
from digest.store.browsing import Sighting
from digest.store.deliveries import Delivery
from digest.subscribers.lists import BadRow
from digest.text.days import FIRST_DAY, LAST_DAY

T = TypeVar("T")

# No control characters: PostgreSQL refuses NUL, and nothing we store holds any.
Line = Annotated[str, StringConstraints(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
RowNumber = Annotated[int, Path(ge=1, le=2**53, description="Row id.")]
After = Annotated[
    int, Query(ge=0, le=2**53, description="`next_after` of the page before; 0 starts.")
]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items on a page, at most.")]
PageNumber = Annotated[int, Query(ge=1, le=10_000, description="Which page, from 1 on.")]


class Schema(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class PageOf(Schema, Generic[T]):
    """A part of a list."""

    items: list[T]
    next_after: int | None = Field(
        description="Give this as `after` for the next part; null on the last."
    )


class SubscriptionOut(Schema):
    """A profile that somebody subscribed to."""

    subscription_id: int
    profile: str = Field(description="Name of the profile.")
    title: str = Field(description="How its mails call it.")
    status: SubscriberStatus
    next_slot_at: datetime | None = Field(description="When the next edition is due.")


class SubscriberOut(Schema):
    """An address with all its subscriptions."""

    subscriber_id: int
    address: str
    status: SubscriberStatus
    suppression: str = Field(
        description="Why nothing is mailed to the address (unsubscribed, hard, complaint, manual, "
        "bomb); empty where it may be mailed."
    )
    created_at: datetime
    confirmed_at: datetime | None
    subscriptions: list[SubscriptionOut]


class SubscriberIn(Schema):
    """A new subscriber, who told the owner that they want this."""

    address: Line = Field(description="Mail address.", examples=["ada@example.org"])
    profiles: list[Name] = Field(
        min_length=1, max_length=100, description="Names of profiles from files."
    )


class SubscriberChange(Schema):
    """What is to be different; what is not named stays."""

    address: Line | None = Field(None, description="New mail address.")
    profiles: list[Name] | None = Field(
        None,
        max_length=100,
        description="All profiles from files that they shall get; subscriptions to others end.",
    )


class Ended(Schema):
    """What unsubscribing did."""

    subscriptions: int = Field(description="How many ended; 0 where all had before.")


class ImportOut(Schema):
    """What became of a file; rows = added + known + held + duplicates + bad."""

    rows: int = Field(description="Lines that are not empty, without the header.")
    added: int = Field(description="New subscribers.")
    known: int = Field(description="Subscribers that were here before; their status stays.")
    held: int = Field(description="Addresses that left, bounced or complained: left alone.")
    duplicates: int = Field(description="Further rows of an address.")
    bad: list[BadRow] = Field(description="Lines that were not taken, with the reason.")
    subscribed: int = Field(description="New subscriptions.")
    without_profile: int = Field(description="Confirmed rows without a profile.")
    encoding: str
    unused_columns: list[str]
    wish_columns: list[str] = Field(description="Columns that decided who gets mail.")
    confirmed: int = Field(description="Addresses that want mail, by the file.")
    unconfirmed: int = Field(description="Addresses that have not confirmed, by the file.")
    unsubscribed: int = Field(description="Addresses that must not get mail, by the file.")
    is_dry_run: bool


class ProfileOut(Schema):
    """Interests and how their editions are made."""

    row_id: int
    origin: str = Field(description="config: from a file; web: a reader's own.")
    is_active: bool
    profile: Profile


class PaperHit(Schema):
    """A paper that was found."""

    paper: Paper
    announced_on: date | None
    heat: float = Field(description="How much it trends, from 0 to 1.")


class CorrectionOut(Schema):
    """A word that no paper holds, and what was searched for instead."""

    typed: str
    meant: str


class SearchOut(Schema):
    """One page of what a search found."""

    query: str
    entries: list[PaperHit]
    total: int = Field(description="Papers found, on all pages.")
    page: int
    pages: int
    corrections: list[CorrectionOut] = Field(
        description="Words that no paper holds, with what was searched for instead."
    )


class PaperOut(Schema):
    """All that is known of a paper."""

    entry: PaperHit
    observations: list[Observation] = Field(description="Its signals over time.")
    sightings: list[Sighting]


class EditionOut(Schema):
    """An edition with its picks, and the delivery that carries it."""

    edition: Edition
    delivery: Delivery | None


class Moved(Schema):
    """How many deliveries a request moved."""

    moved: int = Field(description="0 where its state did not allow it.")


class SendingOut(Schema):
    """Whether sending is on hold, and what is in the outbox."""

    is_paused: bool
    counts: dict[str, int] = Field(description="Deliveries by state.")


class SendingIn(Schema):
    """Hold all sending, or let it go on."""

    is_paused: bool


class SendIn(Schema):
    """An edition to be made and mailed now."""

    profile: Name = Field(description="Name of a profile.")
    to: Line = Field("", description="Mail a copy to this address only; nothing is recorded.")
    dry_run: bool = Field(False, description="Say what would be sent; change nothing.")
    on: Day | None = Field(None, description="The edition of this day instead of now.")


class SendOut(Schema):
    """What a send did."""

    ok: bool
    lines: list[str] = Field(description="One line an address.")
    editions: int
    picks: int
