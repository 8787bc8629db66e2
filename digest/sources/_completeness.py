"""Whether a source's day is whole, judged from what came before it. Pure.

An announcement source (arXiv) serves one batch a day and says little of it: yesterday's batch
under today's date, a few stragglers, or a cut page look like any other answer. What each label
(category) gave on the days before is remembered here as a mark, and the new batch is held
against it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from digest.model import AnnounceType, Completeness, Record
from digest.sources import Batch, Stated
from digest.sources import _calendar as calendar

SKETCH = 128
"""Sizes of the remembered sample of ids: of batches smaller than that, it is all of them."""
STALE_OVERLAP = 0.9
COUNTS = 8
FEWEST_COUNTS = 4
FEW = 0.35
"""A batch below this part of the smallest of the last ones is not the whole day: real days
differ by a factor of four (Tuesdays are twice the others)."""
FEWEST_NEW = 5
FEWEST_JUDGED = 20
"""Of smaller batches the size says nothing."""
TINY = 3
DONE = frozenset({Completeness.CONFIRMED, Completeness.QUIET, Completeness.BACKFILLED})
UNFINISHED = frozenset({Completeness.PARTIAL, Completeness.STALE, Completeness.TRUNCATED})
MOST_MISSED_DAYS = 30
MOST_NAMED = 5
LATE_ENTRIES = 2
LATE_SHARE = 0.05
"""A listing may be ahead of the feed by this many, or this part: both are made while we ask."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What one label last gave."""

    batch_on: date
    done_on: date | None = None
    """Every feed day up to this one is known to be whole."""
    verdict: Completeness = Completeness.UNKNOWN
    count: int = 0
    highest: str = ""
    """The highest new-style id among papers announced as new; empty if they are too few."""
    sketch: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    """Sizes of the last whole batches, newest last."""
    stated: int = 0
    """How many papers a second place named for this batch; 0 where none was asked."""
    missing: int = 0
    """Of these, those that the batch does not hold."""


def judge(batch: Batch, mark: Mark | None, *, now: datetime, stated: Stated | None = None) -> Mark:
    """Return the mark of a label after this batch, with the verdict on it.

    ``stated`` is what a second place says of the day; of another day it says nothing.
    """
    today = calendar.local_day(now)
    if not batch.records:
        if mark is not None and _is_tiny(mark) and batch.batch_on == calendar.due_feed(now):
            quiet = replace(mark, verdict=Completeness.QUIET, batch_on=batch.batch_on)
            return _done(quiet, batch.batch_on)
        return _after_nothing(mark, today, now=now)
    batch_on = batch.batch_on or today
    verdict = batch.completeness
    found = Mark(
        batch_on=batch_on,
        count=len(batch.records),
        highest=highest_id(batch.records),
        sketch=sketch_of(record.key for record in batch.records),
        done_on=mark.done_on if mark else None,
        counts=mark.counts if mark else (),
    )
    if verdict not in {Completeness.TRUNCATED, Completeness.PARTIAL}:
        verdict = _verdict(found, mark, now=now)
    if verdict is Completeness.CONFIRMED and stated is not None and stated.on == batch_on:
        missing = stated.keys - {record.key for record in batch.records}
        found = replace(found, stated=len(stated.keys), missing=len(missing))
        verdict = _against_stated(len(missing), len(stated.keys))
    elif mark is not None and mark.batch_on == batch_on and mark.count == found.count:
        found = replace(found, stated=mark.stated, missing=mark.missing)
    if verdict is Completeness.STALE and mark is not None:
        # Keep the memory of what the old batch held; its new date means nothing.
        return replace(mark, verdict=verdict, batch_on=min(mark.batch_on, batch_on))
    if verdict is Completeness.CONFIRMED:
        is_another_day = mark is None or mark.batch_on != batch_on or not mark.counts
        counts = (*found.counts, found.count) if is_another_day else found.counts
        found = replace(found, counts=counts[-COUNTS:])
        found = _done(found, batch_on)
    return replace(found, verdict=verdict)


def may_be_checked(mark: Mark, known: Mark | None) -> bool:
    """Tell a batch that looks whole and was not held against a second place yet."""
    is_same = known is not None and known.batch_on == mark.batch_on and known.verdict in DONE
    return mark.verdict is Completeness.CONFIRMED and not (is_same and mark.stated)


def evidence(marks: Mapping[str, Mark]) -> str:
    """Return what second places said, in words: ``cs.CL 60 of 60, cs.LG 143 of 143``."""
    return ", ".join(
        f"{label} {mark.stated - mark.missing} of {mark.stated}"
        for label, mark in sorted(marks.items())
        if mark.stated
    )


def carry(mark: Mark, *, now: datetime) -> Mark:
    """Return the mark of a label whose answer has not changed: fine until the next batch is due."""
    if mark.verdict in DONE and calendar.due_feed(now) > mark.batch_on:
        return _after_nothing(mark, calendar.local_day(now), now=now)
    return mark


def missed(marks: Mapping[str, Mark], *, now: datetime) -> tuple[date, ...]:
    """Return the feed days that some label has no whole batch of and will not get from its feed.

    Today's counts once it is late; a label that was never whole has missed nothing yet.
    """
    due = calendar.due_feed(now)
    found: set[date] = set()
    for mark in marks.values():
        if mark.done_on is None:
            continue
        found.update(calendar.feed_days_between(mark.done_on, due))
        is_whole = mark.done_on >= due or (mark.batch_on == due and mark.verdict in DONE)
        if not is_whole and (calendar.local_day(now) > due or calendar.is_late(now)):
            found.add(due)
    return tuple(sorted(found))[-MOST_MISSED_DAYS:]


def after_harvest(
    marks: Mapping[str, Mark], missing: Sequence[date], batches: Sequence[Batch], *, now: datetime
) -> dict[str, Mark]:
    """Return the marks after missed days were asked for by another way.

    A day that is not over counts only if the harvest holds ids beyond those known: arXiv may be
    late itself, and what it has not announced yet cannot have been got back.
    """
    today = calendar.local_day(now)
    found = highest_id([record for batch in batches for record in batch.records])
    known = max((mark.highest for mark in marks.values()), default="")
    if today not in missing or not known or found > known:
        return backfilled(marks, missing)
    past = [on for on in missing if on != today]
    filled = backfilled(marks, past) if past else dict(marks)
    return {
        label: mark if marks[label].verdict in DONE else replace(mark, verdict=marks[label].verdict)
        for label, mark in filled.items()
    }


def backfilled(marks: Mapping[str, Mark], days: Sequence[date]) -> dict[str, Mark]:
    """Return the marks after these days were got back by another way."""
    last = max(days)
    filled = {}
    for label, mark in marks.items():
        done = _done(mark, last, over_gaps=True)
        if mark.verdict in DONE and calendar.is_feed_day(mark.batch_on):
            done = _done(done, mark.batch_on)
        is_whole_now = mark.verdict in DONE or mark.batch_on <= last
        filled[label] = replace(
            done, verdict=Completeness.BACKFILLED if is_whole_now else mark.verdict
        )
    return filled


def worst(found: Iterable[Completeness]) -> Completeness:
    """Return the least certain of several verdicts."""
    return min(found, key=_WORST_FIRST.index, default=Completeness.UNKNOWN)


def of_days(batches: Sequence[Batch], *, today: date) -> Completeness:
    """Return the verdict over dated lists: a day that is not over yet is rightly unfinished."""
    return worst(batch.completeness for batch in _closed(batches, today))


def why_unfinished(marks: Mapping[str, Mark], batches: Sequence[Batch], *, today: date) -> str:
    """Say what is not whole: ``cs.LG is partial: 30 of 60``."""
    if marks:
        found = [
            f"{label} {_how(mark)}"
            for label, mark in sorted(marks.items())
            if mark.verdict in UNFINISHED
        ]
    else:
        found = [
            f"{batch.batch_on or 'the answer'} is {batch.completeness.value}: "
            f"{len(batch.records)}{f' of {batch.announced}' if batch.announced else ''} papers"
            for batch in _closed(batches, today)
            if batch.completeness in UNFINISHED
        ]
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return ", ".join(found[:MOST_NAMED]) + more


def _how(mark: Mark) -> str:
    if mark.verdict is Completeness.STALE:
        return f"is stale: nothing newer than {mark.done_on or mark.batch_on}"
    if mark.missing:
        return f"is {mark.verdict.value}: {mark.stated - mark.missing} of {mark.stated}"
    return f"is {mark.verdict.value}: {mark.count} papers on {mark.batch_on}"


def _closed(batches: Sequence[Batch], today: date) -> list[Batch]:
    return [
        batch
        for batch in batches
        if batch.batch_on is None
        or batch.batch_on < today
        or batch.completeness is not Completeness.PARTIAL
    ]


def highest_id(records: Sequence[Record]) -> str:
    """Return the highest arXiv id of the new style among the new papers (they compare as text)."""
    found = [
        record.key.partition(":")[2]
        for record in records
        if record.announce_type is AnnounceType.NEW
        and record.key.startswith("arxiv:")
        and "/" not in record.key
    ]
    # A few papers may all have been held back by moderation: their ids are old, the batch is not.
    return max(found) if len(found) >= FEWEST_NEW else ""


def sketch_of(keys: Iterable[str]) -> tuple[int, ...]:
    """Return the smallest hashes of some keys: equal sets have equal ones (a bottom-k sketch)."""
    hashes = {int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) for key in keys}
    return tuple(sorted(hashes)[:SKETCH])


def overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the estimated part (Jaccard) that two sketched sets share."""
    both = sorted(set(one) | set(other))[:SKETCH]
    shared = set(one) & set(other)
    return sum(1 for value in both if value in shared) / len(both) if both else 0.0


def to_document(mark: Mark) -> dict[str, Any]:
    """Return a mark as a JSON value."""
    return {
        "batch_on": mark.batch_on.isoformat(),
        "done_on": mark.done_on.isoformat() if mark.done_on else None,
        "verdict": mark.verdict.value,
        "count": mark.count,
        "highest": mark.highest,
        "sketch": list(mark.sketch),
        "counts": list(mark.counts),
        "stated": mark.stated,
        "missing": mark.missing,
    }


def from_document(document: Mapping[str, Any]) -> Mark:
    """Read a mark back."""
    done_on = document.get("done_on")
    return Mark(
        batch_on=date.fromisoformat(document["batch_on"]),
        done_on=date.fromisoformat(done_on) if done_on else None,
        verdict=Completeness(document.get("verdict", "unknown")),
        count=document.get("count", 0),
        highest=document.get("highest", ""),
        sketch=tuple(document.get("sketch", ())),
        counts=tuple(document.get("counts", ())),
        stated=document.get("stated", 0),
        missing=document.get("missing", 0),
    )


_WORST_FIRST = (
    Completeness.PARTIAL,
    Completeness.TRUNCATED,
    Completeness.STALE,
    Completeness.UNKNOWN,
    Completeness.BACKFILLED,
    Completeness.CONFIRMED,
    Completeness.QUIET,
)


def _verdict(found: Mark, mark: Mark | None, *, now: datetime) -> Completeness:
    if found.batch_on < calendar.due_feed(now) and not _explained(found.batch_on, now):
        return Completeness.STALE
    if mark is not None and found.batch_on > mark.batch_on:
        if overlap(found.sketch, mark.sketch) >= STALE_OVERLAP:
            return Completeness.STALE
        if found.highest and mark.highest and found.highest <= mark.highest:
            return Completeness.STALE
    counts = found.counts
    is_judged = len(counts) >= FEWEST_COUNTS and min(counts) >= FEWEST_JUDGED
    if is_judged and found.count < FEW * min(counts):
        return Completeness.PARTIAL
    return Completeness.CONFIRMED


def _against_stated(missing: int, stated: int) -> Completeness:
    if missing <= max(LATE_ENTRIES, LATE_SHARE * stated):
        return Completeness.CONFIRMED
    return Completeness.STALE if missing >= STALE_OVERLAP * stated else Completeness.PARTIAL


def _is_tiny(mark: Mark) -> bool:
    """Tell a category that is now and then empty on an ordinary day."""
    return bool(mark.counts) and min(mark.counts) <= TINY


def _explained(batch_on: date, now: datetime) -> bool:
    """Tell whether holidays explain that nothing newer than this batch is there."""
    due = calendar.due_feed(now)
    later = (*calendar.feed_days_between(batch_on, due), due)
    return all(calendar.may_be_quiet(on) for on in later)


def _after_nothing(mark: Mark | None, today: date, *, now: datetime) -> Mark:
    if calendar.may_be_quiet(today) and (
        calendar.is_feed_day(today) or mark is None or mark.batch_on >= calendar.due_feed(now)
    ):
        quiet = replace(mark or Mark(batch_on=today), verdict=Completeness.QUIET)
        return _done(quiet, today) if calendar.is_feed_day(today) else quiet
    found = mark or Mark(batch_on=calendar.due_feed(now))
    # What never gave anything may be a small category: nothing is stale that was never fresh.
    is_strange = found.done_on is None and not found.counts
    return replace(found, verdict=Completeness.UNKNOWN if is_strange else Completeness.STALE)


def _done(mark: Mark, on: date, *, over_gaps: bool = False) -> Mark:
    """Move `done_on` forward to a day, but not over days that nobody has seen."""
    if mark.done_on is not None and not over_gaps and calendar.feed_days_between(mark.done_on, on):
        return mark
    return replace(mark, done_on=max(on, mark.done_on or on))
