"""What is remembered of a source between polls, and what a poll's outcome makes of it.

Pure: `now` and the random number are arguments. Nothing here fetches, stores or waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from digest.errors import SourceError
from digest.sources import _calendar as calendar
from digest.sources import _completeness as completeness
from digest.sources import _notices, _rhythm
from digest.sources._completeness import Mark
from digest.sources._http import HttpError, Validators
from digest.sources._notices import Changed, Notice
from digest.sources._rhythm import Rhythm

FIRST_BACKOFF = timedelta(minutes=1)
LONGEST_BACKOFF = timedelta(hours=6)
LONGEST_WAIT = timedelta(hours=24)
SLOW_BACKOFF = timedelta(hours=12)
JITTER = 0.1
SOON = timedelta(hours=1)
SPREAD = timedelta(minutes=10)
TELL_AFTER_ERRORS = 3
NOT_FOUND_PATIENCE = timedelta(days=7)
PROMOTE_AFTER = 3
MOST_VALIDATORS = 200
PROMOTE_AGE = timedelta(hours=48)
OFFLINE_RETRY = timedelta(minutes=5)
OFFLINE = "offline"
"""Kind of an error that was the machine's, not the source's."""
AT_ONCE = frozenset({"http-401", "http-403", "challenge", "gone", "refused-address", "bad-address"})
"""Kinds that waiting will not cure: the owner is told the first time."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """An address that redirects permanently, as often as we have seen it do so."""

    to: str
    count: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """One source's memory; written whole, in the transaction of the ingest, after everything."""

    program: str = ""
    """Version of the program and options that made the validators: another one asks anew."""
    validators: Mapping[str, Validators] = field(default_factory=dict)
    watermark: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, Move] = field(default_factory=dict)
    promoted: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    """What each category of an announcement source last gave."""
    errors: int = 0
    failing_since: datetime | None = None
    error: str = ""
    error_kind: str = ""
    told: bool = False
    """Whether the owner knows of the present trouble."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    notices: Mapping[str, Notice] = field(default_factory=dict)
    """What is to be known of it though it answers well, by kind."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What a good poll leaves to be remembered."""

    program: str
    validators: Mapping[str, Validators] = field(default_factory=dict)
    watermark: Mapping[str, Any] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    has_gap: bool = False
    """Whether days were missed that could not be got back yet."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    changed: Changed = field(default_factory=Changed)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a poll's outcome means for the source."""

    state: SourceState
    next_poll_at: datetime
    disabled_reason: str = ""
    tell: str = ""
    """A sentence for the owner, once per trouble and once when it is over; mostly empty."""
    is_recovery: bool = False
    begun: Mapping[str, str] = field(default_factory=dict)
    """Sentences for the owner about a source that answers well, by kind of notice."""
    over: tuple[str, ...] = ()


def backoff(errors: int, *, random: float, first: timedelta = FIRST_BACKOFF) -> timedelta:
    """Return how long to wait after this many errors in a row.

    Full jitter (AWS Architecture Blog, 2015): sources that failed together do not come back
    together. Half of the wait is certain, so that a lucky number is not a hammer.
    """
    doublings = min(max(errors - 1, 0), 20)
    longest = min(first * float(1 << doublings), LONGEST_BACKOFF)
    return longest * (0.5 + random / 2)


def next_regular_poll(now: datetime, every: timedelta, *, random: float) -> datetime:
    """Return the next poll of a healthy source, spread a little."""
    return now + every * (1 + JITTER * (random - 0.5))


def _next_good_poll(
    learned: Learned, *, now: datetime, every: timedelta, random: float
) -> datetime:
    """Return the next poll: for announcements by the calendar, and soon until they are whole."""
    if not learned.marks:
        return next_regular_poll(now, every, random=random)
    verdicts = {mark.verdict for mark in learned.marks.values()}
    is_complete = not learned.has_gap and verdicts <= completeness.DONE
    slot = calendar.next_slot(now, is_complete=is_complete) + SPREAD * random
    if is_complete:
        return slot
    return min(slot, next_regular_poll(now, min(every, SOON), random=random))


def before_poll(state: SourceState, *, now: datetime, every: timedelta, random: float) -> datetime:
    """Return the next poll as if this one fails: stored before the request goes out.

    A program that dies in each poll and is restarted at once must not hammer its sources.
    """
    return now + max(backoff(state.errors + 1, random=random), min(every, FIRST_BACKOFF))


def after_success(
    state: SourceState, learned: Learned, *, now: datetime, every: timedelta, random: float
) -> Verdict:
    """Return the memory after everything of a poll was ingested."""
    moves, promoted = promote(state.moves, state.promoted, learned.moves, now=now)
    state_after = SourceState(
        program=learned.program,
        # Of addresses that were not asked this time nothing is kept: pages and dates would pile up.
        validators=dict(list(learned.validators.items())[-MOST_VALIDATORS:]),
        watermark=learned.watermark,
        moves=moves,
        promoted=promoted,
        marks=learned.marks,
        rhythm=learned.rhythm,
        notices=learned.changed.notices,
    )
    moved = [f"{old} is now {new}" for old, new in promoted.items() if old not in state.promoted]
    tell = f"has moved for good: {moved[0]}" if moved else ""
    if state.told:
        tell = f"works again after {state.errors} failed polls"
    return Verdict(
        state=state_after,
        next_poll_at=_next_good_poll(learned, now=now, every=every, random=random),
        tell=tell,
        is_recovery=state.told,
        begun=learned.changed.begun,
        over=learned.changed.over,
    )


def after_failure(
    state: SourceState, error: SourceError, *, now: datetime, random: float
) -> Verdict:
    """Return the memory after a failed poll: validators and watermark stay as they were."""
    errors = state.errors + 1
    since = state.failing_since or now
    gone = error.kind == "gone"
    tell_now = not state.told and (
        error.kind in AT_ONCE
        or (error.kind == "http-404" and now - since >= NOT_FOUND_PATIENCE)
        or (error.kind != "http-404" and errors >= TELL_AFTER_ERRORS)
    )
    wait = backoff(errors, random=random)
    if error.kind in AT_ONCE:
        wait = max(wait, SLOW_BACKOFF * (0.5 + random / 2))
    at = now + wait
    if isinstance(error, HttpError) and error.retry_at is not None:
        at = min(max(at, error.retry_at), now + LONGEST_WAIT)
    return Verdict(
        state=replace(
            state,
            errors=errors,
            failing_since=since,
            error=error.reason,
            error_kind=error.kind,
            told=state.told or tell_now,
        ),
        next_poll_at=at,
        disabled_reason=error.reason if gone else "",
        tell=f"has failed since {since:%Y-%m-%d %H:%M} UTC: {error.reason}" if tell_now else "",
    )


def promote(
    moves: Mapping[str, Move],
    promoted: Mapping[str, str],
    seen: Mapping[str, str],
    *,
    now: datetime,
) -> tuple[dict[str, Move], dict[str, str]]:
    """Return the moves still watched and the addresses that have moved for good.

    A redirect is believed after three polls over two days that agree: hotels, captive portals
    and maintenance pages answer 301, too.
    """
    kept, done = dict(moves), dict(promoted)
    for url, to in seen.items():
        before = kept.pop(url, None)
        if not to:
            continue
        same = before is not None and before.to == to
        move = Move(
            to=to,
            count=(before.count if before and same else 0) + 1,
            since=before.since if before and same else now,
        )
        if move.count >= PROMOTE_AFTER and now - move.since >= PROMOTE_AGE:
            done[url] = to
        else:
            kept[url] = move
    # An address that was promoted and then moved on: follow the chain from its start.
    for url, to in list(done.items()):
        if to in done and done[to] != url:
            done[url] = done[to]
    return kept, done


def is_offline(kinds_of_errors: list[str], polled: int) -> bool:
    """Tell a machine without a network from failing sources: nothing at all could be reached.

    One source alone proves it only by the resolver, since its own host may be down.
    """
    if not kinds_of_errors or len(kinds_of_errors) < polled:
        return False
    needed = {"dns"} if polled == 1 else {"dns", "connect", "unreachable"}
    return set(kinds_of_errors) <= needed


def to_document(state: SourceState) -> dict[str, Any]:
    """Return the state as a JSON value."""
    return {
        "program": state.program,
        "validators": {
            url: {
                "etag": known.etag,
                "last_modified": known.last_modified,
                "sha256": known.sha256,
                "full_at": known.full_at.isoformat(),
            }
            for url, known in state.validators.items()
        },
        "watermark": dict(state.watermark),
        "moves": {
            url: {"to": move.to, "count": move.count, "since": move.since.isoformat()}
            for url, move in state.moves.items()
        },
        "promoted": dict(state.promoted),
        "marks": {label: completeness.to_document(mark) for label, mark in state.marks.items()},
        "errors": state.errors,
        "failing_since": state.failing_since.isoformat() if state.failing_since else None,
        "error": state.error,
        "error_kind": state.error_kind,
        "told": state.told,
        "rhythm": _rhythm.to_document(state.rhythm),
        "notices": _notices.to_document(state.notices),
    }


def from_document(document: Mapping[str, Any]) -> SourceState:
    """Read a state back; of an empty or older document what there is of it."""
    since = document.get("failing_since")
    return SourceState(
        program=document.get("program", ""),
        validators={
            url: Validators(
                etag=known.get("etag", ""),
                last_modified=known.get("last_modified", ""),
                sha256=known.get("sha256", ""),
                full_at=_instant(known["full_at"]),
            )
            for url, known in document.get("validators", {}).items()
        },
        watermark=document.get("watermark", {}),
        moves={
            url: Move(to=move["to"], count=move["count"], since=_instant(move["since"]))
            for url, move in document.get("moves", {}).items()
        },
        promoted=document.get("promoted", {}),
        marks={
            label: completeness.from_document(mark)
            for label, mark in document.get("marks", {}).items()
        },
        errors=document.get("errors", 0),
        failing_since=_instant(since) if since else None,
        error=document.get("error", ""),
        error_kind=document.get("error_kind", ""),
        told=document.get("told", False),
        rhythm=_rhythm.from_document(document.get("rhythm", {})),
        notices=_notices.from_document(document.get("notices", {})),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
