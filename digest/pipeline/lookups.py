"""Liked papers that the store does not have: asked for by id, once, and kept as known papers.

for each kind of source that knows such ids, the best one first:
    claim what is due           one short transaction
    ask for it by id            I/O, bounded and polite
    store what was answered     one transaction

They are never news. Sources that are configured are asked at their own addresses; of other kinds
the public service is. Who does not answer, or does not know a paper, is asked again much later.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.app import App
from digest.errors import SourceError
from digest.model import AnnounceType, PaperKey, Record
from digest.pipeline.network import Network, open_network
from digest.pipeline.observing import ObserverReport, enrich
from digest.sources import Enriches, Source
from digest.sources._http import redact
from digest.sources.by_id import bodies_about, route_of, source_for_ids
from digest.store import lookups as rows
from digest.store import sources
from digest.store.ingest import ingest

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500
LEASE = timedelta(minutes=30)
FIRST_RETRY = timedelta(minutes=15)
"""After a service did not answer; doubled each time, up to a day."""
LONGEST_RETRY = timedelta(days=1)
FIRST_UNKNOWN = timedelta(days=1)
"""After all services said that there is no such paper; doubled each time, up to a month."""
LONGEST_UNKNOWN = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class LookupReport:
    """What came of asking for papers by id."""

    asked: int = 0
    found: int = 0
    problems: Mapping[PaperKey, str]
    """Why the others were not found, by key."""

    @property
    def notes(self) -> Mapping[str, str]:
        """Return a line for each paper that was not found."""
        return {key: f"liked, and not found: {why}" for key, why in self.problems.items()}


@dataclass(frozen=True, kw_only=True)
class Service:
    """Somebody who can be asked by id."""

    source: Source
    kind: str
    allow_private: bool = False


def look_up(app: App) -> LookupReport:
    """Ask for the liked papers that are due. A service that fails is left out, never raised."""
    now = app.now()
    if not app.config.settings.signals.look_up:
        return LookupReport(problems={})
    with app.writing() as connection:
        claimed = rows.claim(connection, now=now, until=now + LEASE, limit=MOST_AT_ONCE)
    if not claimed:
        return LookupReport(problems={})
    left = dict.fromkeys(claimed)
    failures: dict[PaperKey, str] = {}
    with open_network(app) as network:
        for kind in _kinds(claimed):
            keys = [key for key in left if kind in route_of(key)]
            if keys:
                for key in _ask(app, network, service_of(app, kind), keys, failures):
                    left.pop(key, None)
    found = {key: _failure(key, failures, claimed[key], now) for key in left}
    with app.writing() as connection:
        rows.fail(connection, found)
    problems = {key: reason for key, (reason, _) in found.items()}
    log.info("looked up papers=%d found=%d", len(claimed), len(claimed) - len(left))
    for key, reason in problems.items():
        log.warning("liked paper not found key=%s reason=%s", key, reason)
    return LookupReport(asked=len(claimed), found=len(claimed) - len(left), problems=problems)


def service_of(app: App, kind: str) -> Service:
    """Return the configured source of a kind, an enabled one first; else the public service."""
    sections = app.config.settings.sources
    fitting = [name for name, section in sections.items() if section.kind == kind]
    for name in sorted(fitting, key=lambda name: not sections[name].enabled):
        section = sections[name]
        source = app.sources.get(name) or source_for_ids(kind, name, **section.options)
        return Service(source=source, kind=kind, allow_private=section.allow_private)
    name = kind if kind not in sections else f"{kind}-by-id"
    return Service(source=source_for_ids(kind, name), kind=kind)


def complete(app: App) -> ObserverReport | None:
    """Ask arXiv for what others do not say of papers that bear its ids: categories, dates.

    None where ``signals.enrich`` or ``signals.look_up`` is off.
    """
    section = app.config.settings.signals
    if not (section.enrich and section.look_up):
        return None
    service = service_of(app, "arxiv")
    assert isinstance(service.source, Enriches)
    with open_network(app) as network:
        return enrich(
            app, service.source, network, scheme="arxiv", allow_private=service.allow_private
        )


def _kinds(keys: Iterable[PaperKey]) -> list[str]:
    """Return who is asked, in an order that has each key's better services first."""
    routes = {route_of(key) for key in keys}
    kinds = dict.fromkeys(kind for route in routes for kind in route)
    return sorted(kinds, key=lambda kind: max(r.index(kind) for r in routes if kind in r))


def _ask(
    app: App,
    network: Network,
    service: Service,
    keys: Collection[PaperKey],
    failures: dict[PaperKey, str],
) -> set[PaperKey]:
    """Ask one service, store what it answers, and return the keys that are papers now."""
    name = service.source.name
    records, problem = _answers(network, service, keys)
    if problem:
        failures.update(dict.fromkeys(keys, problem))
    wanted = set(keys)
    fitting = [
        # Nobody announces anything here: no sighting, no news, whatever the answer says.
        replace(record, announce_type=AnnounceType.REPLACE, announced_on=None)
        for record in records
        if not wanted.isdisjoint((record.key, *record.ids, *record.asserted_ids))
    ]
    with app.writing() as connection:
        sources.ensure(connection, {name: service.kind})
        rows.unbury(connection, wanted)
        ingest(connection, source=name, records=fitting, now=app.now(), is_announcement=False)
        return rows.match(connection, wanted)


def _answers(
    network: Network, service: Service, keys: Collection[PaperKey]
) -> tuple[list[Record], str]:
    """Return what a service says of papers, and why it did not say all."""
    source = service.source
    fetcher = network.fetcher(
        source.name, provider=source.provider, allow_private=service.allow_private
    )
    records: list[Record] = []
    try:
        for body in bodies_about(source, fetcher, list(keys)):
            records += source.parse(body).records
    except SourceError as exc:
        log.warning("lookup failed source=%s error=%r", source.name, redact(exc.reason))
        return records, f"{service.kind} gave no usable answer ({exc.kind})"
    except Exception:
        log.exception("lookup broke source=%s", source.name)
        return records, f"{service.kind} could not be read (bug)"
    return records, ""


def _failure(
    key: PaperKey, failures: Mapping[PaperKey, str], attempts: int, now: datetime
) -> tuple[str, datetime]:
    """Return why a key was not found, and when to ask again."""
    kinds = route_of(key)
    if key in failures:
        wait = min(FIRST_RETRY * (1 << min(attempts, 10)), LONGEST_RETRY)
        return failures[key], now + wait
    wait = min(FIRST_UNKNOWN * (1 << min(attempts, 10)), LONGEST_UNKNOWN)
    if not kinds:
        return "no service can be asked for such an id", now + LONGEST_UNKNOWN
    return f"unknown to {', '.join(kinds)}", now + wait
