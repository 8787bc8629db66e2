"""Stage 4: an edition becomes a message. Pure, given the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from digest.model import Edition, Paper, Profile

__all__ = ["EditionInput", "Look", "PersonalLinks", "SenderIdentity"]


@dataclass(frozen=True, kw_only=True)
class PersonalLinks:
    """Addresses made for one delivery; empty where the installation has no public address."""

    unsubscribe: str = ""
    """One-click HTTPS address (RFC 8058); GET shows a page, POST acts."""
    unsubscribe_mailto: str = ""
    preferences: str = ""
    view: str = ""
    """This edition as a page."""
    feedback_base: str = ""
    """``{feedback_base}/{more|less|saved}/{paper row id}`` shows a page with one button."""
    papers_base: str = ""
    """``{papers_base}/{key}`` is a paper's page."""


@dataclass(frozen=True, kw_only=True)
class SenderIdentity:
    """Who sends: the headers that are the same in every message of an installation."""

    address: str
    name: str
    list_id: str
    """``label.domain`` without brackets."""
    installation: str
    reply_to: str = ""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a mail shows of a profile, where no more of it was read."""

    name: str
    title: str
    locale: str
    abstracts: Literal["none", "short", "full"]
    all_titles: bool


@dataclass(frozen=True, kw_only=True)
class EditionInput:
    """All that a message is made of: the same input gives the same bytes."""

    edition: Edition
    profile: Profile | Look
    papers: Mapping[int, Paper]
    """Every paper that the edition names, by row id.

    Readers share this mapping and the next one: what they say of a paper never changes, papers
    that are not there yet may be added.
    """
    deltas: Mapping[int, Mapping[str, tuple[float, float]]] = field(default_factory=dict)
    """By row id and signal kind: value now, change since yesterday."""
    summaries: Mapping[int, str] = field(default_factory=dict)
    """By row id: a one-sentence summary from elsewhere, for papers whose source has none."""
    recipient: str
    sender: SenderIdentity
    envelope_sender: str = ""
    """Who refusals go to (VERP); the sender's address if empty."""
    links: PersonalLinks
    message_id: str
    composed_at: datetime
    """The Date header: the first composition's instant, the same on every retry."""
