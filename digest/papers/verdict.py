"""Say, once a paper is composed, what a batch did to it: news, a revision, nothing to tell.

Only compares values; what the batch holds for the paper was gathered in ``diff``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from digest.papers.diff import Change
from digest.papers.identity import is_preprint, is_published
from digest.papers.merge import Composed
from digest.text.keys import title_key


class Status(StrEnum):
    """What a poll did to one paper."""

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """The stored paper, as far as a verdict compares it."""

    version: int | None
    withdrawn: bool
    fingerprint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What is to be said of a changed paper."""

    status: Status
    becomes_news: bool = False
    is_revision: bool = False
    """Its text changed, or its version."""
    events: tuple[str, ...] = ()


def conclude(change: Change, before: Before | None, composed: Composed) -> Verdict:
    """Say what happened to a paper: is it news, is it a revision, which events tell of it."""
    may_be_news = change.is_news and not composed.withdrawn and not change.known.is_quiet
    if before is None:
        return first_sight(
            may_be_news=may_be_news,
            is_withdrawn=composed.withdrawn,
            is_quiet=change.known.is_quiet,
        )
    events = _events(change, before, composed)
    if may_be_news and change.known.new_at is None:
        return Verdict(status=Status.NEW, becomes_news=True, events=("new", *events))
    revised = change.is_rewritten and composed.fingerprint != before.fingerprint
    if revised or events:
        is_revision = revised or "new-version" in events
        return Verdict(status=Status.REVISED, is_revision=is_revision, events=events)
    return Verdict(status=Status.UNCHANGED)


def first_sight(*, may_be_news: bool, is_withdrawn: bool, is_quiet: bool = False) -> Verdict:
    """Say what a paper never seen before is."""
    if may_be_news:
        return _NEWS
    if is_withdrawn:
        return _WITHDRAWN
    return _PUBLISHED if is_quiet else LATE


_NEWS = Verdict(status=Status.NEW, becomes_news=True, events=("new",))
_WITHDRAWN = Verdict(status=Status.REVISED, events=("withdrawn",))
_PUBLISHED = Verdict(status=Status.REVISED, events=("published",))
LATE = Verdict(status=Status.REVISED, events=("first-seen-late",))
"""All that announced it were replacements."""


def _events(change: Change, before: Before, composed: Composed) -> tuple[str, ...]:
    events = []
    newer = None not in (before.version, composed.version) and (
        (composed.version or 0) > (before.version or 0)
    )
    if newer:
        events.append("new-version")
    if newer or change.is_rewritten:
        before_key = change.known.traits.title_key
        if composed.title != change.known.title and title_key(composed.title) != before_key:
            events.append("retitled")
    if composed.withdrawn and not before.withdrawn:
        events.append("withdrawn")
    if (
        is_preprint(change.ids_before)
        and not is_published(change.ids_before)
        and is_published(change.known.ids)
    ):
        events.append("published")
    return tuple(events)
