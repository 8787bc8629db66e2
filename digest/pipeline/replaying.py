"""Do the diff again from the raw answers that were kept, in a store of its own.

The real store is only read: what comes out shows what today's parsers and rules make of those
days. Nothing is fetched and nobody is mailed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from digest.app import App
from digest.errors import SourceError, UsageError
from digest.model import PaperKey
from digest.sources import Batch, Body
from digest.sources._http import redact
from digest.sources._parsing import ParserPool, Recipe
from digest.store import bodies, database, papers
from digest.store.ingest import ingest

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One poll done again: what it gives now, beside what it gave then."""

    source: str
    at: datetime
    records: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    rejected: int = 0
    new_then: int = 0
    revised_then: int = 0
    new_keys: tuple[PaperKey, ...] = ()
    error: str = ""


def replay(
    app: App, *, since: datetime, into: Path, on_progress: Callable[[], None] = lambda: None
) -> tuple[Replayed, ...]:
    """Ingest the kept answers since an instant, oldest first, into a new SQLite file.

    The first days find more new papers than they did then: the file begins empty. Answers that
    cannot be read are reported with their poll. Raises UsageError where the file exists.
    """
    if into.exists():
        raise UsageError(f"{into} exists: name a new file")
    with app.reading() as connection:
        kept = bodies.polls_since(connection, since)
    engine = database.open_engine(f"sqlite:///{into}")
    parsers = ParserPool(1, app.config.settings.http.parse_timeout_s)
    found = []
    try:
        database.upgrade(engine)
        scratch = App(app.config, app.clock, engine)
        for poll in kept:
            found.append(_again(app, scratch, parsers, poll))
            on_progress()
    finally:
        parsers.close()
        engine.dispose()
    return tuple(found)


def _again(app: App, scratch: App, parsers: ParserPool, poll: bodies.KeptPoll) -> Replayed:
    section = app.config.settings.sources.get(poll.source)
    then = Replayed(source=poll.source, at=poll.at, new_then=poll.new, revised_then=poll.revised)
    if section is None:
        return replace(then, error="is not configured any more")
    recipe = Recipe(kind=section.kind, name=poll.source, options=section.options)
    with app.reading() as connection:
        answers = bodies.of_poll(connection, poll.row_id)
    batches: list[Batch] = []
    error = ""
    for answer in answers:
        try:
            batches.append(parsers.parse(recipe, _body(answer)).batch)
        except (SourceError, RuntimeError) as exc:
            error = error or redact(str(exc).strip().splitlines()[-1])
    records = [record for batch in batches for record in batch.records]
    with scratch.writing() as connection:
        counts = ingest(connection, source=poll.source, records=records, now=poll.at)
        new = papers.load(connection, counts.new_ids)
    return replace(
        then,
        records=len(records),
        new=counts.new,
        revised=counts.revised,
        unchanged=counts.unchanged,
        rejected=counts.rejected + sum(len(batch.rejected) for batch in batches),
        new_keys=tuple(paper.key for paper in new.values()),
        error=error,
    )


def _body(kept: bodies.KeptBody) -> Body:
    return Body(
        url=kept.url,
        content=kept.content,
        content_type=kept.content_type,
        label=kept.label,
        fetched_at=kept.fetched_at,
    )
