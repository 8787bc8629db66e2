"""One visit to one source: lease, fetch, parse, judge, and all of it stored in one transaction.

What the outcome means for the next visit is decided in ``digest.sources._state``, whether a day
is whole in ``digest.sources._completeness``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from sqlalchemy.exc import SQLAlchemyError

from digest import __version__
from digest.app import App
from digest.config.sections import SourceSection
from digest.errors import SourceError
from digest.model import Completeness, PaperKey, PollReport, PollStatus, Record
from digest.pipeline.network import WAITING, Network
from digest.sources import Batch, Body, Fetcher, Receives, Source
from digest.sources import _completeness as days
from digest.sources import _state as states
from digest.sources._completeness import Mark
from digest.sources._http import HttpError, PollFetcher, redact
from digest.sources._parsing import ParserPool, Recipe
from digest.store import bodies as raw_bodies
from digest.store import sources as rows
from digest.store import submissions
from digest.store.ingest import IngestCounts, ingest

log = logging.getLogger(__name__)

FIXED_APIS = frozenset(
    {
        "arxiv",
        "biorxiv",
        "crossref",
        "huggingface",
        "openalex",
        "openreview",
        "pubmed",
        "semanticscholar",
    }
)
"""Kinds that ask one known service over https: nobody else writes what their parsers read."""
SMALL = 16_384
MOST_WAITING = 200
"""Papers named by people that one poll of an inbox asks for."""
NO_COUNTS = IngestCounts(new=0, revised=0, unchanged=0, rejected=0)


@runtime_checkable
class Announcing(Protocol):
    """A source with a batch a day that can give back the days that were missed."""

    def backfill(self, fetcher: Fetcher, *, since: date, until: date) -> Iterator[Body]:
        """Yield what was announced from ``since`` to ``until``, both included."""
        ...


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all polls of one run share."""

    app: App
    network: Network
    parsers: ParserPool
    force: bool
    bulk: bool
    owner: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(8)}")


class _LeaseLostError(Exception):
    """Somebody else has taken or removed the source meanwhile: nothing of ours is kept."""


@dataclass
class _Gathered:
    """What the fetch and the parse gave before they ended, well or not."""

    bodies: list[Body] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    error: SourceError | None = None
    marks: dict[str, Mark] = field(default_factory=dict)
    filled: list[Batch] = field(default_factory=list)
    """What was got back of missed days, by another way than the source's daily one."""
    gap: SourceError | None = None


@dataclass
class Visit:
    """One visit to one source."""

    run: Run
    source: Source
    section: SourceSection
    row: rows.SourceRow
    state: states.SourceState = field(init=False)
    started: float = field(default_factory=time.monotonic)
    waiting: tuple[PaperKey, ...] = ()
    """What people named and this visit asks for."""

    def __post_init__(self) -> None:
        self.state = states.from_document(self.row.state)

    @property
    def now(self) -> datetime:
        return self.run.app.now()

    @property
    def every(self) -> timedelta:
        return timedelta(minutes=self.section.every_minutes)

    @property
    def program(self) -> str:
        """Say what made the validators: a new release or new options read everything anew."""
        options = json.dumps(self.section.options, sort_keys=True, default=str)
        return f"{__version__}:{hashlib.sha256(options.encode()).hexdigest()[:16]}"

    def report(self, status: PollStatus, **values: object) -> PollReport:
        values.setdefault("seconds", round(time.monotonic() - self.started, 3))
        found = PollReport(
            source=self.source.name, kind=self.section.kind, status=status, at=self.now
        )
        return replace(found, **values)  # type: ignore[arg-type]

    def go(self) -> PollReport:
        """Visit the source and store what came of it."""
        self.started = time.monotonic()
        if why := self._why_not():
            return self.report(PollStatus.SKIPPED, error=why[0], error_kind=why[1])
        if not self._lease():
            return self._somebody_else()
        fetcher = self.run.network.fetcher(
            self.source.name,
            provider=self.source.provider,
            allow_private=self.section.allow_private,
            state=self.state if self.state.program == self.program else self._without_validators(),
            force=self.run.force,
        )
        gathered = self._gather(fetcher)
        try:
            return self._store(gathered, fetcher)
        except _LeaseLostError:
            return self._somebody_else()
        except Exception as exc:
            log.exception("ingest failed source=%s", self.source.name)
            reason = f"what it gave could not be stored ({type(exc).__name__})"
            kind = "store" if isinstance(exc, SQLAlchemyError) else "bug"
            error = SourceError(self.source.name, reason, kind=kind)
            return self._store(_Gathered(bodies=gathered.bodies, error=error), fetcher)

    def _why_not(self) -> tuple[str, str] | None:
        row, state = self.row, self.state
        if row.disabled_reason:
            hint = f"`digest sources enable {row.name}` polls it again"
            return f"disabled: {row.disabled_reason}; {hint}", "disabled"
        if self.run.force or row.next_poll_at is None or row.next_poll_at <= self.now:
            return None
        at = f"{row.next_poll_at:%Y-%m-%d %H:%M} UTC"
        if state.errors:
            return f"waits until {at} after {state.errors} errors: {state.error}", "backing-off"
        return f"not due before {at}", "not-due"

    def _lease(self) -> bool:
        with self.run.app.writing() as connection:
            return rows.lease(
                connection,
                self.row.name,
                owner=self.run.owner,
                now=self.now,
                next_poll_at=states.before_poll(
                    self.state,
                    now=self.now,
                    every=self.every,
                    random=random.random(),  # noqa: S311
                ),
                seen_next_poll_at=self.row.next_poll_at,
                duration=timedelta(seconds=self.run.app.config.settings.http.poll_timeout_s),
            )

    def _somebody_else(self) -> PollReport:
        reason = "is being polled by another process"
        return self.report(PollStatus.SKIPPED, error=reason, error_kind="leased")

    def _without_validators(self) -> states.SourceState:
        return replace(self.state, validators={})

    def _gather(self, fetcher: PollFetcher) -> _Gathered:
        gathered = _Gathered()
        try:
            watermark = self._watermark()
            for body in self.source.fetch(fetcher, watermark=watermark, now=self.now):
                gathered.bodies.append(body)
                try:
                    gathered.batches.append(self._parse(body))
                except SourceError as exc:  # the bodies after this one may be whole
                    gathered.error = gathered.error or exc
        except SourceError as exc:
            gathered.error = exc
        except Exception as exc:
            log.exception("bug in source=%s", self.source.name)
            reason = f"broke: {type(exc).__name__}: {exc}"
            gathered.error = SourceError(self.source.name, reason, kind="bug")
        if gathered.error is None and isinstance(self.source, Announcing):
            self._judge(gathered)
            self._fill_gaps(self.source, fetcher, gathered)
        return gathered

    def _watermark(self) -> Mapping[str, Any]:
        if not isinstance(self.source, Receives):
            return self.state.watermark
        with self.run.app.reading() as connection:
            found = submissions.waiting(connection, self.row.name, limit=MOST_WAITING)
        self.waiting = tuple(found)
        return {**self.state.watermark, "waiting": self.waiting}

    def _judge(self, gathered: _Gathered) -> None:
        """Hold each category's batch against what it gave before."""
        known = self.state.marks
        if self.state.program == self.program:
            gathered.marks = {
                label: days.carry(mark, now=self.now) for label, mark in known.items()
            }
        for body, batch in zip(gathered.bodies, gathered.batches, strict=True):
            gathered.marks[body.label] = days.judge(batch, known.get(body.label), now=self.now)

    def _fill_gaps(self, source: Announcing, fetcher: PollFetcher, gathered: _Gathered) -> None:
        """Get back the days that were missed; failing at that spoils nothing of today."""
        missing = days.missed(gathered.marks, now=self.now)
        if not missing:
            return
        try:
            for body in source.backfill(fetcher, since=missing[0], until=missing[-1]):
                gathered.bodies.append(body)
                gathered.filled.append(self._parse(body))
        except SourceError as exc:
            first = missing[0].isoformat()
            reason = f"{len(missing)} days since {first} could not be got back: {exc.reason}"
            gathered.gap = SourceError(self.source.name, reason, kind="gap")
            return
        except Exception as exc:
            log.exception("bug in back-fill of source=%s", self.source.name)
            reason = f"back-fill broke: {type(exc).__name__}: {exc}"
            gathered.gap = SourceError(self.source.name, reason, kind="bug")
            return
        if gathered.filled:
            gathered.marks = days.backfilled(gathered.marks, missing)
            log.info("back-filled source=%s days=%s", self.source.name, len(missing))

    def _parse(self, body: Body) -> Batch:
        if not self.run.bulk and (
            self.section.kind in FIXED_APIS
            or (len(body.content) <= SMALL and b"<!ENTITY" not in body.content)
        ):
            batch = self.source.parse(body)
        else:
            recipe = Recipe(
                kind=self.section.kind, name=self.source.name, options=self.section.options
            )
            batch = self.run.parsers.parse(recipe, body)
        most = self.run.app.config.settings.http.max_items
        if len(batch.records) <= most:
            return batch
        log.warning(
            "too many entries source=%s entries=%s kept=%s",
            self.source.name, len(batch.records), most,
        )  # fmt: skip
        return replace(batch, records=batch.records[:most], completeness=Completeness.TRUNCATED)

    def _store(self, gathered: _Gathered, fetcher: PollFetcher) -> PollReport:
        # Missed days first: what today's batch says of a paper is the newer word.
        found = [*gathered.filled, *gathered.batches]
        records = [record for batch in found for record in batch.records]
        with self.run.app.writing() as connection:
            counts = (
                ingest(connection, source=self.source.name, records=records, now=self.now)
                if records
                else NO_COUNTS
            )
            submissions.settle(connection, self.row.name, self.waiting)
            verdict = self._verdict(gathered, counts, fetcher)
            report = self._report_of(gathered, records, counts)
            poll_id = rows.add_poll(connection, report)
            raw_bodies.keep(connection, poll_id, _kept(gathered.bodies), now=self.now)
            settled = rows.Settled(
                state=states.to_document(verdict.state),
                next_poll_at=verdict.next_poll_at,
                succeeded=gathered.error is None,
                disabled_reason=verdict.disabled_reason,
            )
            name, owner = self.row.name, self.run.owner
            if not rows.settle(connection, name, settled, owner=owner, now=self.now):
                raise _LeaseLostError
        if verdict.tell:
            log.warning("source=%s %s", self.source.name, verdict.tell)
        return report

    def _verdict(
        self, gathered: _Gathered, counts: IngestCounts, fetcher: PollFetcher
    ) -> states.Verdict:
        chance = random.random()  # noqa: S311 - jitter
        error = gathered.error
        if error is None:
            watermark = (
                self.source.next_watermark(self.state.watermark, gathered.batches, now=self.now)
                if gathered.batches
                else self.state.watermark
            )
            learned = states.Learned(
                program=self.program,
                # What could not be stored must come again: no validators, no "not modified".
                validators={} if counts.rejected else fetcher.learned,
                watermark=watermark,
                moves=fetcher.moves,
                marks=gathered.marks,
                has_gap=gathered.gap is not None,
            )
            return states.after_success(
                self.state, learned, now=self.now, every=self.every, random=chance
            )
        if isinstance(error, HttpError) and error.kind == WAITING and error.retry_at:
            return states.Verdict(state=self.state, next_poll_at=error.retry_at)
        return states.after_failure(self.state, error, now=self.now, random=chance)

    def _report_of(
        self, gathered: _Gathered, records: list[Record], counts: IngestCounts
    ) -> PollReport:
        batches, error = gathered.batches, gathered.error
        parsed_away = sum(len(batch.rejected) for batch in [*batches, *gathered.filled])
        status = PollStatus.OK if gathered.bodies else PollStatus.UNCHANGED
        if error is not None:
            status = PollStatus.SKIPPED if error.kind == WAITING else PollStatus.FAILED
        completeness = (
            days.worst(mark.verdict for mark in gathered.marks.values())
            if gathered.marks
            else days.of_days(batches, today=self.now.astimezone(UTC).date())
        )
        if gathered.gap is not None or (error is not None and records):
            completeness = Completeness.PARTIAL
        error = error or gathered.gap
        return self.report(
            status,
            records=len(records),
            new=counts.new,
            revised=counts.revised,
            unchanged=counts.unchanged,
            rejected=counts.rejected + parsed_away,
            batch_on=_latest(batches),
            completeness=completeness,
            error=redact(error.reason) if error else "",
            error_kind=error.kind if error else "",
        )


def _kept(bodies: Sequence[Body]) -> list[raw_bodies.KeptBody]:
    return [
        raw_bodies.KeptBody(
            url=redact(body.url),
            content=body.content,
            content_type=body.content_type,
            label=body.label,
            fetched_at=body.fetched_at,
        )
        for body in bodies
    ]


def _latest(batches: Sequence[Batch]) -> date | None:
    return max((batch.batch_on for batch in batches if batch.batch_on), default=None)
