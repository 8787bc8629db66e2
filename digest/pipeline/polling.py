"""Stages 1 and 2 for all sources that are due: lease, fetch, parse, ingest.

for each source that is due, side by side:
    lease it, with its next poll stored            one short transaction
    bodies  = source.fetch(...)                    I/O, bounded and polite
    batches = source.parse(body)                   pure, in a process that can be killed
    ingest, raw bodies, poll, source state last    one transaction

What a failure means for the next poll is decided in ``digest.sources._state``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy.exc import SQLAlchemyError

from digest import __version__
from digest.app import App
from digest.config.sections import SourceSection
from digest.errors import SourceError, UsageError
from digest.model import Completeness, PollReport, PollStatus, Record
from digest.pipeline._threads import together
from digest.pipeline.network import WAITING, Network, open_network
from digest.sources import Batch, Body, Source
from digest.sources import _state as states
from digest.sources._http import HttpError, PollFetcher, redact
from digest.sources._parsing import ParserPool, Recipe
from digest.store import bodies as raw_bodies
from digest.store import sources as rows
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
BULK = 16
"""From this many sources on, all parsing goes to processes, for speed."""
NO_COUNTS = IngestCounts(new=0, revised=0, unchanged=0, rejected=0)

OnProgress = Callable[[PollReport], None]


def poll_sources(
    app: App,
    names: Sequence[str] | None = None,
    *,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> tuple[PollReport, ...]:
    """Poll the sources that are due (of those named, or of all) and report each of them.

    ``force`` polls them whether due or not, and takes no "not modified" for an answer. Whatever
    one source does, the others are polled. Raises UsageError for a name that is not configured.
    """
    chosen = _chosen(app, names)
    if not chosen:
        return ()
    sections = app.config.settings.sources
    with app.writing() as connection:
        rows.ensure(connection, {name: sections[name].kind for name in chosen})
        known = rows.load(connection, list(chosen))
    reports: dict[str, PollReport] = {}
    with _open_run(app, force=force, count=len(chosen)) as run:
        polls = [_Poll(run, source, sections[name], known[name]) for name, source in chosen.items()]
        jobs = [partial(_guarded, poll) for poll in polls]
        http = app.config.settings.http
        for number, report in together(
            jobs, threads=http.concurrency, timeout_s=http.poll_timeout_s
        ):
            poll = polls[number]
            found = report or poll.report(
                PollStatus.FAILED, error=f"is not done after {http.poll_timeout_s:g} s",
                error_kind="hangs",
            )  # fmt: skip
            reports[poll.source.name] = found
            _log(found)
            if on_progress is not None:
                on_progress(found)
        _forgive_if_offline(app, polls, reports)
    return tuple(reports[name] for name in chosen)


@dataclass(frozen=True, kw_only=True)
class _Run:
    """What all polls of one run share."""

    app: App
    network: Network
    parsers: ParserPool
    force: bool
    bulk: bool
    owner: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(8)}")


@contextmanager
def _open_run(app: App, *, force: bool, count: int) -> Iterator[_Run]:
    http = app.config.settings.http
    parsers = ParserPool(min(os.cpu_count() or 1, http.concurrency), http.parse_timeout_s)
    try:
        with open_network(app) as network:
            yield _Run(app=app, network=network, parsers=parsers, force=force, bulk=count >= BULK)
    finally:
        parsers.close()


class _LeaseLostError(Exception):
    """Somebody else has taken or removed the source meanwhile: nothing of ours is kept."""


@dataclass
class _Gathered:
    """What the fetch and the parse gave before they ended, well or not."""

    bodies: list[Body] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    error: SourceError | None = None


@dataclass
class _Poll:
    """One visit to one source."""

    run: _Run
    source: Source
    section: SourceSection
    row: rows.SourceRow
    state: states.SourceState = field(init=False)
    started: float = field(default_factory=time.monotonic)

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
        except SQLAlchemyError as exc:
            log.exception("ingest failed source=%s", self.source.name)
            reason = f"what it gave could not be stored ({type(exc).__name__})"
            error = SourceError(self.source.name, reason, kind="store")
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
            for body in self.source.fetch(fetcher, watermark=self.state.watermark, now=self.now):
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
        return gathered

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
        records = [record for batch in gathered.batches for record in batch.records]
        with self.run.app.writing() as connection:
            counts = (
                ingest(connection, source=self.source.name, records=records, now=self.now)
                if records
                else NO_COUNTS
            )
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
        parsed_away = sum(len(batch.rejected) for batch in batches)
        status = PollStatus.OK if gathered.bodies else PollStatus.UNCHANGED
        if error is not None:
            status = PollStatus.SKIPPED if error.kind == WAITING else PollStatus.FAILED
        completeness = worst([batch.completeness for batch in batches])
        if error is not None and records:
            completeness = Completeness.PARTIAL
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


_WORST_FIRST = (
    Completeness.PARTIAL,
    Completeness.TRUNCATED,
    Completeness.STALE,
    Completeness.UNKNOWN,
    Completeness.BACKFILLED,
    Completeness.CONFIRMED,
    Completeness.QUIET,
)


def worst(found: Sequence[Completeness]) -> Completeness:
    """Return the least certain of several verdicts."""
    return min(found, key=_WORST_FIRST.index, default=Completeness.UNKNOWN)


def _chosen(app: App, names: Sequence[str] | None) -> dict[str, Source]:
    if not names:
        return dict(app.sources)
    unknown = [name for name in names if name not in app.sources]
    if unknown:
        known = ", ".join(app.sources) or "none"
        raise UsageError(f"there is no enabled source {unknown[0]!r} (there are: {known})")
    return {name: app.sources[name] for name in dict.fromkeys(names)}


def _guarded(poll: _Poll) -> PollReport:
    """Poll one source; a bug anywhere in it is this source's failure alone."""
    try:
        return poll.go()
    except Exception as exc:
        log.exception("poll broke source=%s", poll.source.name)
        reason = redact(f"broke: {type(exc).__name__}: {exc}")
        return poll.report(PollStatus.FAILED, error=reason, error_kind="bug")


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


def _forgive_if_offline(app: App, polls: Sequence[_Poll], reports: dict[str, PollReport]) -> None:
    """Take back the errors of a run in which nothing at all could be reached."""
    asked = [poll for poll in polls if reports[poll.source.name].status is not PollStatus.SKIPPED]
    failed = [r.error_kind for r in reports.values() if r.status is PollStatus.FAILED]
    if not states.is_offline(failed, len(asked)):
        return
    log.warning("offline sources=%s", len(asked))
    with app.writing() as connection:
        for poll in asked:
            rows.amend(
                connection,
                poll.row.name,
                state=states.to_document(poll.state),
                next_poll_at=app.now() + states.OFFLINE_RETRY,
            )
            found = reports[poll.source.name]
            reports[poll.source.name] = replace(
                found, error=f"no network: {found.error}", error_kind="offline"
            )


def _log(report: PollReport) -> None:
    log.info(
        "polled source=%s status=%s records=%s new=%s revised=%s completeness=%s seconds=%s%s",
        report.source, report.status, report.records, report.new, report.revised,
        report.completeness, report.seconds, f" error={report.error!r}" if report.error else "",
    )  # fmt: skip
