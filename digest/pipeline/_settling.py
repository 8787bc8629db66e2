"""What visits found, stored in groups: papers, raw answers, polls, and the sources' state last.

One transaction holds a whole group, so each source's papers and state come together or not at
all. Where a group cannot be stored each of its visits is stored alone, so that one bad thing stays
one. What an outcome means for the next visit is decided in ``digest.sources._state``.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from digest.errors import SourceError, StoreError
from digest.model import Completeness, PollReport, PollStatus
from digest.pipeline._visit import Gathered, Run, Visit, announces, receives
from digest.pipeline.network import WAITING
from digest.sources import Batch, _notices, _rhythm
from digest.sources import _completeness as days
from digest.sources import _state as states
from digest.sources._http import HttpError, redact
from digest.sources._rhythm import Rhythm
from digest.store import alerts, bodies, submissions
from digest.store import sources as rows
from digest.store.ingest import IngestCounts, ingest_all

log = logging.getLogger(__name__)

NO_COUNTS = IngestCounts()


@dataclass(frozen=True)
class Done:
    """A visit that is over, and what it gathered."""

    visit: Visit
    gathered: Gathered

    @property
    def name(self) -> str:
        """Return the source's name."""
        return self.visit.source.name


def store(run: Run, group: Sequence[Done]) -> list[PollReport]:
    """Store a group and return a report for each of its visits, in order; never raises."""
    try:
        return _store(run, group)
    except Exception as exc:
        said = str(exc) if isinstance(exc, StoreError) else ""
        if len(group) > 1 and not said:
            log.info("stored one by one sources=%s error=%s", len(group), type(exc).__name__)
            return [report for one in group for report in store(run, [one])]
        if said:  # nobody's papers can be stored: no use in trying the others one by one
            log.error("ingest failed sources=%d error=%s", len(group), json.dumps(said))
            return _given_back(run, group, said)
        log.exception("ingest failed source=%s", group[0].name)
        return [_store_failure(run, group[0], exc)]


def _given_back(run: Run, group: Sequence[Done], trouble: str) -> list[PollReport]:
    """Let the next run ask these sources again, where so little can still be written."""
    with contextlib.suppress(StoreError), run.app.writing() as connection:
        rows.release(connection, [one.name for one in group], owner=run.owner, now=run.app.now())
    failed = [replace(one, gathered=_failed(one, trouble, "store")) for one in group]
    return [_unsettled(one) for one in failed]


def _store_failure(run: Run, done: Done, exc: Exception) -> PollReport:
    kind = "store" if isinstance(exc, SQLAlchemyError) else "bug"
    failed = _failed(done, type(exc).__name__, kind)
    try:
        return _store(run, [Done(done.visit, failed)])[0]
    except StoreError as broken:
        log.error("failure not stored source=%s error=%s", done.name, broken)
        return _unsettled(Done(done.visit, failed))
    except Exception:
        log.exception("failure not stored source=%s", done.name)
        return _unsettled(Done(done.visit, failed))


def _failed(done: Done, why: str, kind: str) -> Gathered:
    error = SourceError(done.name, f"what it gave could not be stored ({why})", kind=kind)
    return Gathered(kept=done.gathered.kept, error=error)


def _store(run: Run, group: Sequence[Done]) -> list[PollReport]:
    now = run.app.now()
    with run.app.writing() as connection:
        held = rows.held(connection, [one.name for one in group], owner=run.owner)
        mine = [one for one in group if one.name in held]
        said = {one.name: facts for one in mine if (facts := one.gathered.said)}
        counts = ingest_all(connection, said, now=now) if said else {}
        for one in mine:
            if waiting := one.visit.waiting:
                refused = [found for batch in one.gathered.batches for found in batch.rejected]
                problems = {found.native_id: found.reason for found in refused}
                submissions.settle(connection, one.name, waiting, problems)
        verdicts = {one.name: _verdict(one, counts.get(one.name, NO_COUNTS)) for one in mine}
        reports = {
            one.name: _report(one, counts.get(one.name, NO_COUNTS), verdicts[one.name])
            for one in mine
        }
        poll_ids = rows.add_polls(connection, list(reports.values()))
        kept = {n: one.gathered.kept for n, one in zip(poll_ids, mine, strict=True)}
        bodies.keep(connection, kept, now=now)
        for name, verdict in verdicts.items():
            _alert(connection, name, verdict, now)
        settled = {one.name: _settled(one, verdicts[one.name]) for one in mine}
        rows.settle(connection, settled, now=now)
    for name, verdict in verdicts.items():
        if verdict.tell:
            log.warning("source=%s %s", name, verdict.tell)
    return [reports.get(one.name) or _unstored(one) for one in group]


def _unstored(done: Done) -> PollReport:
    """Return the report of a visit whose source was not ours any more, or never was."""
    return _unsettled(done) if done.gathered.error else done.visit.somebody_else()


def _unsettled(done: Done) -> PollReport:
    return _report(done, NO_COUNTS, _verdict(done, NO_COUNTS))


def _settled(done: Done, verdict: states.Verdict) -> rows.Settled:
    return rows.Settled(
        state=states.to_document(verdict.state),
        next_poll_at=verdict.next_poll_at,
        succeeded=done.gathered.error is None,
        disabled_reason=verdict.disabled_reason,
    )


def _alert(connection: Connection, name: str, verdict: states.Verdict, now: datetime) -> None:
    """Put trouble, and its end, where the owner is told of it."""
    if verdict.is_recovery:
        alerts.right(connection, subject_of(name), now=now)
    elif verdict.tell and verdict.state.errors:
        alerts.wrong(connection, subject_of(name), f"{name} {verdict.tell}", now=now)
    for kind, text in verdict.begun.items():
        alerts.wrong(connection, f"{kind}:{name}", f"{name}: {text}", now=now)
    for kind in verdict.over:
        alerts.right(connection, f"{kind}:{name}", now=now)


def subject_of(name: str) -> str:
    """Return the subject under which the owner is told of a source that fails."""
    return f"source:{name}"


def _verdict(done: Done, counts: IngestCounts) -> states.Verdict:
    visit, gathered, now = done.visit, done.gathered, done.visit.now
    chance = random.random()  # noqa: S311 - jitter
    error = gathered.error
    if error is None:
        watermark = visit.state.watermark
        if gathered.batches:
            watermark = visit.source.next_watermark(watermark, gathered.batches, now=now)
        rhythm = _rhythm_after(done, counts)
        learned = states.Learned(
            program=visit.program,
            # What could not be stored must come again: no validators, no "not modified".
            validators={} if counts.rejected else gathered.learned,
            watermark=watermark,
            moves=gathered.moves,
            marks=gathered.marks,
            has_gap=gathered.gap is not None,
            rhythm=rhythm,
            changed=_notices.after_good_poll(
                visit.state.notices,
                completeness=_completeness(done) if _has_word(gathered) else None,
                why=_why_unfinished(done),
                silence=_rhythm.silence(rhythm, on=now.astimezone(UTC).date()),
                now=now,
            ),
        )
        return states.after_success(visit.state, learned, now=now, every=visit.every, random=chance)
    if isinstance(error, HttpError) and error.kind == WAITING and error.retry_at:
        return states.Verdict(state=visit.state, next_poll_at=error.retry_at)
    return states.after_failure(visit.state, error, now=now, random=chance)


def _rhythm_after(done: Done, counts: IngestCounts) -> Rhythm:
    """Return how often the source has something new; what has a calendar is judged by that."""
    visit = done.visit
    if announces(visit.source) or receives(visit.source):
        return Rhythm()
    return _rhythm.after_poll(
        visit.state.rhythm, counts.sighted, on=visit.now.astimezone(UTC).date()
    )


def _completeness(done: Done) -> Completeness:
    gathered = done.gathered
    if gathered.gap is not None or (gathered.error is not None and gathered.said):
        return Completeness.PARTIAL
    if gathered.marks:
        return days.worst(mark.verdict for mark in gathered.marks.values())
    return days.of_days(gathered.batches, today=done.visit.now.astimezone(UTC).date())


def _has_word(gathered: Gathered) -> bool:
    """Tell whether anything came that can be whole or not; "not modified" says nothing new."""
    return bool(gathered.batches or gathered.marks or gathered.gap)


def _why_unfinished(done: Done) -> str:
    gathered = done.gathered
    if gathered.gap is not None:
        return redact(gathered.gap.reason)
    today = done.visit.now.astimezone(UTC).date()
    return days.why_unfinished(gathered.marks, gathered.batches, today=today)


def _report(done: Done, counts: IngestCounts, verdict: states.Verdict) -> PollReport:
    gathered, error = done.gathered, done.gathered.error
    batches = gathered.batches
    status = PollStatus.OK if gathered.kept else PollStatus.UNCHANGED
    if error is not None:
        status = PollStatus.SKIPPED if error.kind == WAITING else PollStatus.FAILED
    error = error or gathered.gap
    parsed_away = sum(len(batch.rejected) for batch in (*batches, *gathered.filled))
    return done.visit.report(
        status,
        records=len(gathered.facts) + len(gathered.filled_facts),
        new=counts.new,
        revised=counts.revised,
        unchanged=counts.unchanged,
        rejected=counts.rejected + parsed_away,
        batch_on=_latest(batches),
        completeness=_completeness(done),
        error=redact(error.reason) if error else "",
        error_kind=error.kind if error else "",
        notice="; ".join(one.text for one in verdict.state.notices.values()),
    )


def _latest(batches: Sequence[Batch]) -> date | None:
    return max((batch.batch_on for batch in batches if batch.batch_on), default=None)
