"""One visit to one source: fetch, parse, judge whether its days are whole, fill gaps.

It stores nothing: leases are taken in ``polling``, what it gathers is stored in ``_settling``.
Whether a day is whole is decided in ``digest.sources._completeness``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Protocol, TypeGuard, runtime_checkable

from digest import __version__
from digest.app import App
from digest.config.sections import SourceSection
from digest.errors import SourceError
from digest.model import Completeness, PaperKey, PollReport, PollStatus
from digest.papers.facts import Facts
from digest.pipeline.network import Network
from digest.sources import Batch, Body, Checks, Fetcher, Receives, Source, Stated
from digest.sources import _calendar as calendar
from digest.sources import _completeness as days
from digest.sources import _state as states
from digest.sources._completeness import Mark
from digest.sources._http import PollFetcher, Validators, redact
from digest.sources._parsing import Parsed, ParserPool, Recipe
from digest.sources._visiting import Brought, Errand
from digest.store import sources as rows
from digest.store import submissions
from digest.store._bulk import stamp
from digest.store.bodies import KeptBody, PackedBody

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


@runtime_checkable
class Announcing(Protocol):
    """A source with a batch a day that can give back the days that were missed."""

    def backfill(self, fetcher: Fetcher, *, since: date, until: date) -> Iterator[Body]:
        """Yield what was announced from ``since`` to ``until``, both included."""
        ...


@lru_cache(maxsize=256)
def _is_a(kind: type, protocol: type) -> bool:
    """Tell whether instances of a class keep a protocol: asking an instance takes far longer."""
    return issubclass(kind, protocol)


def announces(source: Source) -> TypeGuard[Announcing]:
    """Tell whether a source has a batch a day."""
    return _is_a(type(source), Announcing)


def receives(source: Source) -> TypeGuard[Receives]:
    """Tell whether a source is of papers that people name."""
    return _is_a(type(source), Receives)


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all polls of one run share."""

    app: App
    network: Network
    parsers: ParserPool
    force: bool
    bulk: bool
    owner: str = field(default_factory=lambda: f"{os.getpid()}-{secrets.token_hex(8)}")


@dataclass
class Gathered:
    """What the fetch and the parse gave before they ended, well or not."""

    labels: list[str] = field(default_factory=list)
    kept: list[PackedBody] = field(default_factory=list)
    """The answers as they are stored; each has a label."""
    batches: list[Batch] = field(default_factory=list)
    error: SourceError | None = None
    marks: dict[str, Mark] = field(default_factory=dict)
    filled: list[Batch] = field(default_factory=list)
    """What was got back of missed days, by another way than the source's daily one."""
    gap: SourceError | None = None
    learned: Mapping[str, Validators] = field(default_factory=dict)
    moves: Mapping[str, str] = field(default_factory=dict)

    facts: list[Facts] = field(default_factory=list)
    filled_facts: list[Facts] = field(default_factory=list)

    @property
    def said(self) -> list[Facts]:
        """Return all that was said: of missed days first, today's batch has the newer word."""
        return [*self.filled_facts, *self.facts]

    def take(self, body: Body) -> None:
        """Keep an answer."""
        self.labels.append(body.label)
        kept = KeptBody(
            url=redact(body.url),
            content=body.content,
            content_type=body.content_type,
            label=body.label,
            fetched_at=body.fetched_at,
        )
        self.kept.append(kept.packed())


LEASED = Gathered()
"""Stands for a visit that was not made: somebody else has the source."""


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

    @cached_property
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

    def why_not(self) -> PollReport | None:
        """Return the report of a source that is not to be polled now, with the reason."""
        row, state = self.row, self.state
        if row.disabled_reason:
            hint = f"`digest sources enable {row.name}` polls it again"
            return self._skipped(f"disabled: {row.disabled_reason}; {hint}", "disabled")
        if self.run.force or row.next_poll_at is None or row.next_poll_at <= self.now:
            return None
        if row.last_poll_at is not None and row.last_poll_at > self.now:
            return None  # the clock was set back: what was due then may be years away
        at = f"{row.next_poll_at:%Y-%m-%d %H:%M} UTC"
        if state.errors:
            reason = f"waits until {at} after {state.errors} errors: {state.error}"
            return self._skipped(reason, "backing-off")
        return self._skipped(f"not due before {at}", "not-due")

    def somebody_else(self) -> PollReport:
        """Return the report of a source that another process has."""
        return self._skipped("is being polled by another process", "leased")

    def _skipped(self, reason: str, kind: str) -> PollReport:
        return self.report(PollStatus.SKIPPED, error=reason, error_kind=kind)

    def wanted(self, chance: float) -> rows.Wanted:
        """Return what has to be stored before the source is asked."""
        return rows.Wanted(
            name=self.row.name,
            next_poll_at=states.before_poll(
                self.state, now=self.now, every=self.every, random=chance
            ),
            seen_next_poll_at=self.row.next_poll_at,
        )

    def may_be_elsewhere(self) -> bool:
        """Tell whether a worker can make the whole visit, and it is worth it.

        A source without validators gives all it has; those that are asked whether they have
        changed cost less than telling somebody of them. Turns at a provider, the store and
        missed days are known here alone.
        """
        if announces(self.source) or receives(self.source):
            return False
        if self.state.validators and self.state.program == self.program and not self.run.force:
            return False
        try:
            provider = self.source.provider
        except Exception:  # noqa: BLE001 - it is told of where the source is visited
            return False
        return self.run.app.config.settings.limit_of(provider) is None

    def errand(self, number: int) -> Errand:
        """Return what a worker has to know to make this visit."""
        http = self.run.app.config.settings.http
        return Errand(
            number=number,
            recipe=self._recipe,
            now=self.now,
            allow_private=self.section.allow_private or http.allow_private,
            watermark=self.state.watermark,
            promoted=self.state.promoted,
        )

    def brought(self, brought: Brought) -> Gathered:
        """Return what a worker's visit gave, as if it had been made here."""
        self.started = time.monotonic() - brought.seconds
        parsed = [self._bounded(one) for one in brought.parsed]
        return Gathered(
            labels=[answer.label for answer in brought.answers],
            kept=[
                PackedBody(
                    sha256=answer.sha256,
                    content=answer.content,
                    row=(answer.url, answer.content_type, answer.label, stamp(answer.fetched_at)),
                )
                for answer in brought.answers
            ],
            batches=[one.batch for one in parsed],
            facts=[facts for one in parsed for facts in one.facts],
            error=brought.error,
            learned=brought.learned,
            moves=brought.moves,
        )

    def hung(self, seconds: float) -> Gathered:
        """Return what a visit gives that nobody waits for any longer."""
        reason = f"is not done after {seconds:g} s"
        return Gathered(error=SourceError(self.source.name, reason, kind="hangs"))

    def gather(self) -> Gathered:
        """Fetch and parse; whatever goes wrong with that is in what it returns."""
        self.started = time.monotonic()
        state = self.state
        if state.program != self.program:
            state = replace(state, validators={})
        fetcher = self.run.network.fetcher(
            self.source.name,
            provider=self.source.provider,
            allow_private=self.section.allow_private,
            state=state,
            force=self.run.force,
        )
        gathered = self._gather(fetcher)
        gathered.learned, gathered.moves = fetcher.learned, fetcher.moves
        return gathered

    def _gather(self, fetcher: PollFetcher) -> Gathered:
        gathered = Gathered()
        try:
            watermark = self._watermark()
            for body in self.source.fetch(fetcher, watermark=watermark, now=self.now):
                gathered.take(body)
                try:
                    parsed = self._parse(body)
                    gathered.batches.append(parsed.batch)
                    gathered.facts += parsed.facts
                except SourceError as exc:  # the bodies after this one may be whole
                    gathered.error = gathered.error or exc
        except SourceError as exc:
            gathered.error = exc
        except Exception as exc:
            log.exception("bug in source=%s", self.source.name)
            reason = f"broke: {type(exc).__name__}: {exc}"
            gathered.error = SourceError(self.source.name, reason, kind="bug")
        if gathered.error is None and announces(self.source):
            self._judge(fetcher, gathered)
            self._fill_gaps(self.source, fetcher, gathered)
        return gathered

    def _watermark(self) -> Mapping[str, Any]:
        if not receives(self.source):
            return self.state.watermark
        with self.run.app.reading() as connection:
            found = submissions.waiting(connection, self.row.name, limit=MOST_WAITING)
        self.waiting = tuple(found)
        return {**self.state.watermark, "waiting": self.waiting}

    def _judge(self, fetcher: PollFetcher, gathered: Gathered) -> None:
        """Hold each category's batch against what it gave before, and what else is said of it."""
        known = self.state.marks
        if self.state.program == self.program:
            gathered.marks = {
                label: days.carry(mark, now=self.now) for label, mark in known.items()
            }
        for label, batch in zip(gathered.labels, gathered.batches, strict=True):
            before = known.get(label)
            mark = days.judge(batch, before, now=self.now)
            if days.may_be_checked(mark, before) and (stated := self._stated(fetcher, label)):
                mark = days.judge(batch, before, now=self.now, stated=stated)
            gathered.marks[label] = mark

    def _is_to_come(
        self, fetcher: PollFetcher, gathered: Gathered, missing: tuple[date, ...]
    ) -> bool:
        """Tell whether all that is missed is today's batch, and the source itself is late."""
        today = calendar.local_day(self.now)
        if missing != (today,):
            return False
        stated = self._stated(fetcher, min(gathered.marks))
        return stated is not None and stated.on < today

    def _stated(self, fetcher: PollFetcher, label: str) -> Stated | None:
        """Ask a second place; without its word the batch is judged by what is known of it."""
        if not isinstance(self.source, Checks):
            return None
        try:
            return self.source.check(fetcher, label)
        except SourceError as exc:
            log.warning("not checked source=%s label=%s: %s", self.source.name, label, exc.reason)
        except Exception:
            log.exception("bug in check of source=%s", self.source.name)
        return None

    def _fill_gaps(self, source: Announcing, fetcher: PollFetcher, gathered: Gathered) -> None:
        """Get back the days that were missed; failing at that spoils nothing of today."""
        missing = days.missed(gathered.marks, now=self.now)
        if not missing or self._is_to_come(fetcher, gathered, missing):
            return
        try:
            for body in source.backfill(fetcher, since=missing[0], until=missing[-1]):
                gathered.take(body)
                parsed = self._parse(body)
                gathered.filled.append(parsed.batch)
                gathered.filled_facts += parsed.facts
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
            gathered.marks = days.after_harvest(
                gathered.marks, missing, gathered.filled, now=self.now
            )
            log.info("back-filled source=%s days=%s", self.source.name, len(missing))

    @property
    def _recipe(self) -> Recipe:
        return Recipe(kind=self.section.kind, name=self.source.name, options=self.section.options)

    def _parse(self, body: Body) -> Parsed:
        if not self.run.bulk and (
            self.section.kind in FIXED_APIS
            or (len(body.content) <= SMALL and b"<!ENTITY" not in body.content)
        ):
            return self._bounded(Parsed.of(self.source.parse(body), self.source.name))
        return self._bounded(self.run.parsers.parse(self._recipe, body))

    def _bounded(self, parsed: Parsed) -> Parsed:
        batch = parsed.batch
        most = self.run.app.config.settings.http.max_items
        if len(batch.records) <= most:
            return parsed
        log.warning(
            "too many entries source=%s entries=%s kept=%s",
            self.source.name, len(batch.records), most,
        )  # fmt: skip
        batch = replace(batch, records=batch.records[:most], completeness=Completeness.TRUNCATED)
        return Parsed(batch=batch, facts=parsed.facts[:most])
