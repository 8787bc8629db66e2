"""The search index of this process, and what the store keeps for it.

``catch_up`` writes what is kept of new and changed papers: after each poll and as recurring work.
``SearchIndex`` reads it into memory and follows the store. It writes nothing: papers that nobody
has prepared yet are prepared in memory.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from digest.actions.search_sentences import SentenceVectors
from digest.app import App
from digest.errors import DigestError
from digest.ranking.background import unlearned
from digest.ranking.retrieval.contents import Facts, contents, read
from digest.ranking.retrieval.index import Index, Vectors, empty, vectors_of
from digest.ranking.retrieval.neighbours import neighbours
from digest.store import search_contents as kept
from digest.store.search_contents import Marks, PaperWords

log = logging.getLogger(__name__)

FORMAT = 1
BATCH = 200
MOST_PREPARED = 5000
"""So many papers are prepared in memory for one request."""
PAUSE = timedelta(minutes=1)
"""So long changed and deleted papers may go unnoticed; new ones never do."""


@cache
def made_with() -> str:
    """Return the name of what is kept: another word table or format, another name."""
    table = unlearned().table
    mark = hashlib.sha256(table.mean.tobytes() + table.rarity.tobytes()).hexdigest()[:12]
    return f"{FORMAT}-{mark}"


def catch_up(app: App, *, limit: int = 20_000) -> int:
    """Prepare papers that are not, the newest first; return how many were."""
    with app.reading() as connection:
        ids = kept.missing(connection, made_with())[:limit]
    for some in _batches(ids):
        with app.writing() as connection:
            # Read and written in one transaction: no paper can change in between.
            rows = kept.words(connection, some, lock=True)
            kept.keep(connection, made_with(), _prepared(rows))
    if ids:
        with app.writing() as connection:
            kept.forget_others(connection, made_with())
    return len(ids)


def stored_vectors(connection: Connection, ids: Sequence[int]) -> tuple[list[int], Vectors]:
    """Return ids of those papers that are prepared, and what they mean, in the same order."""
    stored = kept.of_papers(connection, made_with(), ids)
    return list(stored), vectors_of([read(content) for content in stored.values()])


class SearchIndex:
    """Every stored paper, in memory; safe to use from several threads."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._index = empty()
        self._marks: Marks | None = None
        self._next_at: datetime | None = None
        self._here: set[int] = set()
        """Papers that were prepared here and not read."""
        self._lock = Lock()
        self.sentences = SentenceVectors(app)
        """What a sentence model adds, where one is configured."""

    def current(self) -> Index:
        """Return the index of what is stored now. The first call reads everything."""
        is_first = self._marks is None
        if self._lock.acquire(blocking=is_first):
            try:
                with self._app.reading() as connection:
                    self._follow(connection)
            finally:
                self._lock.release()
        return self._index

    def warm(self) -> None:
        """Read everything before anybody asks; the first query pays what cannot be read now."""
        try:
            neighbours()
            self.current()
        except (DigestError, DBAPIError) as exc:
            log.warning("search index not read error=%s", exc)

    def _follow(self, connection: Connection) -> None:
        now, marks = self._app.now(), kept.marks(connection)
        is_due = self._next_at is None or not self._next_at - PAUSE <= now < self._next_at
        if marks == self._marks and not is_due:
            return
        after = self._marks.content if self._marks else 0
        added = kept.load(connection, made_with(), after=after)
        waiting = kept.missing(connection, made_with())
        stored = {*kept.held(connection, made_with()), *self._here.intersection(waiting)}
        self._here.intersection_update(waiting)
        unprepared = [row_id for row_id in waiting if row_id not in self._here]
        for some in _batches(unprepared[:MOST_PREPARED]):
            made = _prepared(kept.words(connection, some))
            added |= made
            self._here.update(made)
        removed = [row_id for row_id in self._index.ids.tolist() if row_id not in stored]
        if added or removed:
            self._index = self._index.updated(added, removed)
        self.sentences.follow(connection)
        is_whole = len(unprepared) <= MOST_PREPARED
        if not is_whole:
            log.warning("papers not searched yet count=%s", len(unprepared) - MOST_PREPARED)
        self._marks, self._next_at = marks, now + PAUSE if is_whole else None


def _prepared(rows: Sequence[PaperWords]) -> dict[int, bytes]:
    made = contents([
        Facts(
            title=row.title,
            text=row.text,
            more=row.more,
            authors=row.authors,
            categories=row.categories,
            day=row.announced_on,
        )
        for row in rows
    ])  # fmt: skip
    return {row.paper_id: content for row, content in zip(rows, made, strict=True)}


def _batches(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))
