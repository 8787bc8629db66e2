"""Stages 1 and 2 for all sources that are due: lease, fetch, parse, ingest.

for each source that is due, side by side:
    lease it, with its next poll stored            one short transaction
    bodies  = source.fetch(...)                    I/O, bounded and polite
    batches = source.parse(body)                   pure, in a process that can be killed
    ingest, raw bodies, poll, source state last    one transaction

What a failure means for the next poll is decided in ``digest.sources._state``.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from digest.app import App
from digest.errors import UsageError
from digest.model import PollReport, PollStatus
from digest.pipeline._threads import together
from digest.pipeline._visit import Run, Visit
from digest.pipeline.network import open_network
from digest.sources import Source
from digest.sources import _state as states
from digest.sources._http import redact
from digest.sources._parsing import ParserPool
from digest.store import bodies as raw_bodies
from digest.store import sources as rows

log = logging.getLogger(__name__)

BULK = 16
"""From this many sources on, all parsing goes to processes, for speed."""

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
        visits = [
            Visit(run, source, sections[name], known[name]) for name, source in chosen.items()
        ]
        jobs = [partial(_guarded, visit) for visit in visits]
        http = app.config.settings.http
        for number, report in together(
            jobs, threads=http.concurrency, timeout_s=http.poll_timeout_s
        ):
            visit = visits[number]
            found = report or visit.report(
                PollStatus.FAILED, error=f"is not done after {http.poll_timeout_s:g} s",
                error_kind="hangs",
            )  # fmt: skip
            reports[visit.source.name] = found
            _log(found)
            if on_progress is not None:
                on_progress(found)
        _forgive_if_offline(app, visits, reports)
    with app.writing() as connection:
        keep = timedelta(days=app.config.settings.store.keep_bodies_days)
        raw_bodies.prune(connection, before=app.now() - keep)
    return tuple(reports[name] for name in chosen)


@contextmanager
def _open_run(app: App, *, force: bool, count: int) -> Iterator[Run]:
    http = app.config.settings.http
    parsers = ParserPool(min(os.cpu_count() or 1, http.concurrency), http.parse_timeout_s)
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


def _guarded(visit: Visit) -> PollReport:
    """Poll one source; a bug anywhere in it is this source's failure alone."""
    try:
        return visit.go()
    except Exception as exc:
        log.exception("poll broke source=%s", visit.source.name)
        reason = redact(f"broke: {type(exc).__name__}: {exc}")
        return visit.report(PollStatus.FAILED, error=reason, error_kind="bug")


def _forgive_if_offline(app: App, visits: Sequence[Visit], reports: dict[str, PollReport]) -> None:
    """Take back the errors of a run in which nothing at all could be reached."""
    asked = [
        visit for visit in visits if reports[visit.source.name].status is not PollStatus.SKIPPED
    ]
    failed = [r.error_kind for r in reports.values() if r.status is PollStatus.FAILED]
    if not states.is_offline(failed, len(asked)):
        return
    log.warning("offline sources=%s", len(asked))
    with app.writing() as connection:
        for visit in asked:
            rows.amend(
                connection,
                visit.row.name,
                state=states.to_document(visit.state),
                next_poll_at=app.now() + states.OFFLINE_RETRY,
            )
            found = reports[visit.source.name]
            reports[visit.source.name] = replace(
                found, error=f"no network: {found.error}", error_kind="offline"
            )


def _log(report: PollReport) -> None:
    log.info(
        "polled source=%s status=%s records=%s new=%s revised=%s completeness=%s seconds=%s%s",
        report.source, report.status, report.records, report.new, report.revised,
        report.completeness, report.seconds, f" error={report.error!r}" if report.error else "",
    )  # fmt: skip
