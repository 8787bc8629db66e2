"""How popular known papers are by now, and what else is known of them; apart from any digest.

for each observer, and each source that can be asked for known papers:
    claim the papers that are due, with their next look    one short transaction
    bodies = observer.fetch(...)                           I/O, bounded and polite
    store what was observed                                one transaction

A failure is one observer's alone: what it gave before is kept, and it looks again soon.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from digest.app import App
from digest.errors import SourceError, UsageError
from digest.model import AnnounceType, Observation, PaperKey, Record, Signal
from digest.papers.identity import MIN_OVERLAP
from digest.pipeline.network import Network, open_network
from digest.plugins import resolve
from digest.sources import Enriches, Fetcher
from digest.sources._http import redact
from digest.sources.signals import Observer, Subject
from digest.sources.signals import _plan as plan
from digest.store import observations as rows
from digest.store import signals, sources
from digest.store.ingest import ingest
from digest.text.keys import title_key, token_overlap

log = logging.getLogger(__name__)

VOTES = "votes"
ENRICH = "enrich"
ENRICH_FOR = timedelta(days=4)
"""What nobody knows of a paper by then is not asked for any more."""
MOST_ENRICHED = 500
_REPOSITORY = re.compile(
    r"https?://(?:www\.)?github\.com/([\w.-]{1,39}/[\w.-]{1,100}?)(?:\.git)?(?:[/?#].*)?\Z",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class ObserverReport:
    """What one observer did: papers due, papers it knew something of."""

    observer: str
    at: datetime
    asked: int = 0
    found: int = 0
    error: str = ""
    """One sentence; empty unless it failed."""
    error_kind: str = ""
    seconds: float = 0.0


OnProgress = Callable[[ObserverReport], None]


def observe_due(
    app: App, names: Sequence[str] = (), *, on_progress: OnProgress = lambda _report: None
) -> tuple[ObserverReport, ...]:
    """Let the observers (those named, or all) look at the papers that are due.

    Raises UsageError for a name that is not configured.
    """
    known = observers(app)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(
            f"there is no observer {unknown[0]!r} (there are: {', '.join(known) or 'none'})"
        )
    reports = []
    with open_network(app) as network:
        for name, look in known.items():
            if not names or name in names:
                reports.append(_guarded(app, name, partial(look, network)))
                on_progress(reports[-1])
    return tuple(reports)


Look = Callable[[Network], ObserverReport]


def observers(app: App) -> Mapping[str, Look]:
    """Return what is configured to look at papers, by name."""
    settings = app.config.settings
    found: dict[str, Look] = {}
    for kind in settings.signals.kinds:
        observer: Observer = resolve(kind, "digest.sources.signals", "observer")(settings)
        found[observer.name] = partial(_look, app, observer)
    if settings.signals.local_votes:
        found[VOTES] = partial(_count_votes, app)
    if settings.signals.enrich:
        for name, source in app.sources.items():
            if isinstance(source, Enriches):
                allow_private = settings.sources[name].allow_private
                look = partial(enrich, app, source, allow_private=allow_private)
                found[f"{ENRICH}:{name}"] = look
    return found


def _guarded(app: App, name: str, look: Callable[[], ObserverReport]) -> ObserverReport:
    """Let one observer look; a bug in it is its failure alone."""
    started = time.monotonic()
    try:
        report = look()
    except Exception as exc:
        log.exception("observer broke observer=%s", name)
        reason = redact(f"broke: {type(exc).__name__}: {exc}")
        report = ObserverReport(observer=name, at=app.now(), error=reason, error_kind="bug")
    report = replace(report, seconds=round(time.monotonic() - started, 3))
    log.info(
        "observed observer=%s asked=%s found=%s seconds=%s%s",
        name, report.asked, report.found, report.seconds,
        f" error={report.error!r}" if report.error else "",
    )  # fmt: skip
    return report


def _look(app: App, observer: Observer, network: Network) -> ObserverReport:
    now, section = app.now(), app.config.settings.signals
    with app.writing() as connection:
        seen = rows.claim_due(
            connection, observer.name, now=now, since=now - timedelta(days=section.days),
            limit=section.max_papers, next_look=lambda at: plan.next_look(at, now=now),
        )  # fmt: skip
        subjects = _subjects(connection, list(seen))
    asked = [subject for subject in subjects if observer.handles(subject)]
    if not asked:
        return ObserverReport(observer=observer.name, at=now)
    fetcher = network.fetcher(f"signals:{observer.name}", provider=observer.provider)
    values, error = _ask(observer, fetcher, asked, now)
    found = {
        subject.paper_id: signals_
        for subject in asked
        if (signals_ := _of_subject(observer, subject, values))
    }
    missed = {one.paper_id: seen[one.paper_id] for one in asked if one.paper_id not in found}
    with app.writing() as connection:
        _observe(connection, found, now)
        if error is not None:
            soon = {ref: plan.after_failure(at, now=now) for ref, at in missed.items()}
            rows.look_again(connection, observer.name, soon, now=now)
    return _report(observer.name, now, len(asked), len(found), error)


def _ask(
    observer: Observer, fetcher: Fetcher, asked: Sequence[Subject], now: datetime
) -> tuple[dict[str, dict[str, float]], SourceError | None]:
    """Return the highest value of each kind by handle, and what ended the asking."""
    values: dict[str, dict[str, float]] = {}
    failed: SourceError | None = None
    try:
        for body in observer.fetch(fetcher, asked, now=now):
            for handle, told in observer.parse(body).items():
                of_handle = values.setdefault(handle, {})
                for one in told:
                    of_handle[one.kind] = max(one.value, of_handle.get(one.kind, 0.0))
    except SourceError as exc:
        failed = exc
    return values, failed


def _of_subject(
    observer: Observer, subject: Subject, values: Mapping[str, Mapping[str, float]]
) -> tuple[Signal, ...]:
    """Return what was told of a paper under any of its handles: of two counts the higher."""
    best: dict[str, float] = {}
    for handle in observer.handles(subject):
        for kind, value in values.get(handle, {}).items():
            best[kind] = max(value, best.get(kind, 0.0))
    return tuple(Signal(kind=kind, value=value) for kind, value in best.items())


def _subjects(connection: Connection, paper_ids: Sequence[int]) -> tuple[Subject, ...]:
    listed = rows.listings(connection, paper_ids, "huggingface")
    return tuple(
        Subject(
            paper_id=one.paper_id,
            keys=one.keys,
            repositories=tuple(
                found[1].lower()
                for link in one.links
                if link.kind == "code" and (found := _REPOSITORY.match(link.url))
            ),
            listed_on=listed.get(one.paper_id, ()),
        )
        for one in rows.watched(connection, paper_ids)
    )


def _count_votes(app: App, _network: Network) -> ObserverReport:
    now = app.now()
    since = now - timedelta(days=app.config.settings.signals.days)
    with app.writing() as connection:
        votes = rows.count_votes(connection, since)
        found = {
            paper_id: (Signal(kind="local_votes", value=float(count)),)
            for paper_id, count in votes.items()
        }
        _observe(connection, found, now)
    return _report(VOTES, now, len(found), len(found), None)


def enrich(
    app: App, source: Enriches, network: Network, *, scheme: str = "", allow_private: bool = False
) -> ObserverReport:
    """Ask a source for papers that only others have told of; ``scheme``: those with such an id."""
    now, observer = app.now(), f"{ENRICH}:{source.name}"
    with app.writing() as connection:
        seen = rows.claim_due(
            connection, observer, now=now, since=now - ENRICH_FOR, limit=MOST_ENRICHED,
            next_look=lambda at: plan.next_look(at, now=now),
            gap=rows.Gap(source=source.name, scheme=scheme),
        )  # fmt: skip
        subjects = rows.watched(connection, list(seen))
    if not subjects:
        return ObserverReport(observer=observer, at=now)
    owners = {key: subject for subject in subjects for key in subject.keys}
    fetcher = network.fetcher(source.name, provider=source.provider, allow_private=allow_private)
    records: list[Record] = []
    failed: SourceError | None = None
    try:
        for body in source.enrich(fetcher, list(owners)):
            records += source.parse(body).records
    except SourceError as exc:
        failed = exc
    fitting = [record for record in records if _is_about(record, owners)]
    with app.writing() as connection:
        # Nobody announces anything here: no sighting, no news, whatever the answer says.
        told = [replace(r, announce_type=AnnounceType.REPLACE, announced_on=None) for r in fitting]
        sources.ensure(connection, {source.name: source.kind})
        ingest(connection, source=source.name, records=told, now=now, is_announcement=False)
        if failed is not None:
            soon = {ref: plan.after_failure(at, now=now) for ref, at in seen.items()}
            rows.look_again(connection, observer, soon, now=now)
    return _report(observer, now, len(subjects), len(fitting), failed)


def _is_about(record: Record, owners: Mapping[PaperKey, rows.Watched]) -> bool:
    """Tell whether an answer is about a paper that was asked for, and not a wrong mapping."""
    keys = (record.key, *record.ids, *record.asserted_ids)
    title = title_key(record.title)
    return any(
        token_overlap(title, title_key(owners[key].title)) >= MIN_OVERLAP
        for key in keys
        if key in owners
    )


def _observe(connection: Connection, found: Mapping[int, Sequence[Signal]], now: datetime) -> None:
    signals.observe(
        connection,
        {
            paper_id: [Observation(kind=s.kind, value=s.value, observed_at=now) for s in told]
            for paper_id, told in found.items()
        },
    )


def _report(
    name: str, at: datetime, asked: int, found: int, error: SourceError | None
) -> ObserverReport:
    return ObserverReport(
        observer=name,
        at=at,
        asked=asked,
        found=found,
        error=redact(error.reason) if error else "",
        error_kind=error.kind if error else "",
    )
