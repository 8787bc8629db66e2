"""Stages 1 and 2 for all sources that are due: lease, fetch, parse, ingest.

for the sources that are due, a few at a time:
    lease them, with their next polls stored       one short transaction
    for each, side by side:
        bodies  = source.fetch(...)                I/O, bounded and polite
        batches = source.parse(body)               pure, in a process that can be killed
    for all that have come by then:
        ingest, raw bodies, polls, states last     one transaction

Where many are read whole, as in a first run, workers fetch and parse them (``_elsewhere``); what
they leave undone is then done here. What a failure means for the next poll is decided in
``digest.sources._state``.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import takewhile

from digest.app import App
from digest.errors import SourceError, UsageError
from digest.model import PollReport, PollStatus
from digest.pipeline import _elsewhere, _processors
from digest.pipeline._collector import seldom
from digest.pipeline._elsewhere import Elsewhere
from digest.pipeline._settling import Done, store, subject_of
from digest.pipeline._threads import together
from digest.pipeline._visit import LEASED, Gathered, Run, Visit
from digest.pipeline.network import open_network
from digest.sources import Source
from digest.sources import _state as states
from digest.sources._http import redact
from digest.sources._parsing import ParserPool
from digest.store import alerts
from digest.store import bodies as raw_bodies
from digest.store import sources as rows

log = logging.getLogger(__name__)

BULK = 16
"""From this many sources on, all parsing goes to processes, for speed."""

LONGEST_OFFLINE = timedelta(days=2)
"""How far back it is looked when a source began to fail."""

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

    def report(found: PollReport) -> None:
        reports[found.source] = found
        _log(found)
        if on_progress is not None:
            on_progress(found)

    with _open_run(app, force=force, count=len(chosen)) as run, seldom():
        due: list[Visit] = []
        for name, source in chosen.items():
            visit = Visit(run, source, sections[name], known[name])
            if skipped := visit.why_not():
                report(skipped)
            else:
                due.append(visit)
        for found in _visited(run, due):
            report(found)
        _forgive_if_offline(app, due, reports)
    with app.writing() as connection:
        keep = timedelta(days=app.config.settings.store.keep_bodies_days)
        raw_bodies.prune(connection, before=app.now() - keep)
    return tuple(reports[name] for name in chosen)


def _visited(run: Run, due: Sequence[Visit]) -> Iterator[PollReport]:
    """Visit all, store what has come in groups, and yield the reports."""
    many = _many(run, due)
    here = {visit.source.name: visit for visit in due}
    order = {visit.source.name: visit for visit in many} | here  # leases are taken in this order
    leases = _Leases(run, list(order.values()), 4 * run.app.config.settings.http.concurrency)
    for group in Elsewhere(run, many, leases.take).gathered():
        done = [(visit, gathered) for visit, gathered in group if gathered is not None]
        yield from _stored(run, done)
        for visit, _ in done:
            del here[visit.source.name]
    for done in _a_few_at_once(run, list(here.values()), leases):
        yield from _stored(run, done)


def _many(run: Run, due: Sequence[Visit]) -> list[Visit]:
    """Return the sources that workers visit; none where that is not worth starting any."""
    if not _elsewhere.may_be_used(run):
        return []
    found = [visit for visit in due if visit.may_be_elsewhere()]
    return found if len(found) >= BULK else []


def _stored(run: Run, group: Sequence[tuple[Visit, Gathered]]) -> Iterator[PollReport]:
    yield from (visit.somebody_else() for visit, gathered in group if gathered is LEASED)
    if done := [Done(visit, gathered) for visit, gathered in group if gathered is not LEASED]:
        yield from store(run, done)


def _a_few_at_once(
    run: Run, due: Sequence[Visit], leases: _Leases
) -> Iterator[list[tuple[Visit, Gathered]]]:
    http = run.app.config.settings.http
    jobs = [partial(_guarded, visit, leases) for visit in due]
    for ended in together(jobs, threads=http.concurrency, timeout_s=http.poll_timeout_s):
        yield [
            (due[number], gathered or due[number].hung(http.poll_timeout_s))
            for number, gathered in ended
        ]


class _Leases:
    """Takes sources shortly before they are asked: a few in one transaction."""

    def __init__(self, run: Run, due: Sequence[Visit], at_once: int) -> None:
        self._run = run
        self._waiting = list(reversed(due))
        self._at_once = at_once
        self._is_ours: dict[str, bool] = {}
        self._lock = threading.Lock()

    def take(self, visit: Visit) -> bool:
        """Tell whether the source is ours to be polled now."""
        with self._lock:
            while visit.source.name not in self._is_ours:
                self._take_next()
            return self._is_ours[visit.source.name]

    def _take_next(self) -> None:
        visits = self._waiting[-self._at_once :]
        timeout = timedelta(seconds=self._run.app.config.settings.http.poll_timeout_s)
        with self._run.app.writing() as connection:
            ours = rows.lease(
                connection,
                [visit.wanted(random.random()) for visit in reversed(visits)],  # noqa: S311
                owner=self._run.owner,
                now=self._run.app.now(),
                duration=3 * timeout,  # the last of them wait for others that were taken first
            )
        del self._waiting[-self._at_once :]  # not before: a store that fails may be well again
        self._is_ours.update({v.source.name: v.source.name in ours for v in visits})


@contextmanager
def _open_run(app: App, *, force: bool, count: int) -> Iterator[Run]:
    http = app.config.settings.http
    parsers = ParserPool(min(_processors.available(), http.concurrency), http.parse_timeout_s)
    try:
        with open_network(app) as network:
            yield Run(app=app, network=network, parsers=parsers, force=force, bulk=count >= BULK)
    finally:
        parsers.close()


def _chosen(app: App, names: Sequence[str] | None) -> dict[str, Source]:
    if not names:
        return dict(app.sources)
    unknown = [name for name in names if name not in app.sources]
    if unknown:
        known = ", ".join(app.sources) or "none"
        raise UsageError(f"there is no enabled source {unknown[0]!r} (there are: {known})")
    return {name: app.sources[name] for name in dict.fromkeys(names)}


def _guarded(visit: Visit, leases: _Leases) -> Gathered:
    """Visit one source; a bug anywhere in it is this source's failure alone."""
    try:
        return visit.gather() if leases.take(visit) else LEASED
    except Exception as exc:
        log.exception("poll broke source=%s", visit.source.name)
        reason = redact(f"broke: {type(exc).__name__}: {exc}")
        return Gathered(error=SourceError(visit.source.name, reason, kind="bug"))


def _forgive_if_offline(app: App, due: Sequence[Visit], reports: dict[str, PollReport]) -> None:
    """Take back the errors of a run in which nothing at all could be reached."""
    asked = [visit for visit in due if reports[visit.source.name].status is not PollStatus.SKIPPED]
    failed = [r.error_kind for r in reports.values() if r.status is PollStatus.FAILED]
    if not states.is_offline(failed, len(asked)):
        return
    if len(asked) == 1 and _others_answered(app, asked[0]):
        return  # its own host is gone: the owner has to know
    log.warning("offline sources=%s", len(asked))
    with app.writing() as connection:
        rows.excuse(connection, [visit.row.name for visit in asked], error_kind=states.OFFLINE)
        for visit in asked:
            rows.amend(
                connection,
                visit.row.name,
                state=states.to_document(visit.state),
                next_poll_at=app.now() + states.OFFLINE_RETRY,
            )
            if not visit.state.told:
                alerts.right(connection, subject_of(visit.row.name), now=app.now())
            found = reports[visit.source.name]
            reports[visit.source.name] = replace(
                found, error=f"no network: {found.error}", error_kind=states.OFFLINE
            )


def _others_answered(app: App, visit: Visit) -> bool:
    """Tell whether other sources answered since this one began to fail."""
    name = visit.source.name
    with app.reading() as connection:
        recent = rows.polls_of(connection, name, since=visit.now - LONGEST_OFFLINE)
        others = rows.load(connection, [other for other in app.sources if other != name])
    failures = takewhile(lambda poll: poll.status is PollStatus.FAILED, reversed(recent))
    began = min((poll.at for poll in failures), default=visit.now)
    return any(row.last_success_at and row.last_success_at > began for row in others.values())


def _log(report: PollReport) -> None:
    log.info(
        "polled source=%s status=%s records=%s new=%s revised=%s completeness=%s seconds=%s%s",
        report.source, report.status, report.records, report.new, report.revised,
        report.completeness, report.seconds, f" error={report.error!r}" if report.error else "",
    )  # fmt: skip
