"""Forget what is older than the configuration keeps: papers, raw answers, history."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from digest.app import App
from digest.pipeline import clock
from digest.store import bodies, pruning, retention

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed, or would be."""

    papers: int
    """Each left a tombstone: it is never new again."""
    answers: int
    history: Mapping[str, int]
    """Rows by table: runs, polls, bounces, deliveries, editions."""

    @property
    def total(self) -> int:
        """Return the number of all rows."""
        return self.papers + self.answers + sum(self.history.values())


def prune(
    app: App, *, dry_run: bool = False, on_progress: Callable[[int], None] = lambda _: None
) -> Pruned:
    """Remove what is too old, in steps that hold nobody up; stopped midway it goes on next time.

    After a leap of the clock it catches up a week at a time. Raises StoreError.
    """
    keep = app.config.settings.store
    now = clock.prune_at(app, keep=not dry_run)
    answers_before = now - timedelta(days=keep.keep_bodies_days)
    papers_before = now - timedelta(days=keep.keep_papers_days)
    history_before = now - timedelta(days=keep.keep_history_days)
    if dry_run:
        with app.reading() as connection:
            return Pruned(
                papers=pruning.count_due(connection, papers_before) if keep.keep_papers_days else 0,
                answers=bodies.count_old(connection, before=answers_before),
                history=(
                    retention.count_old(connection, history_before)
                    if keep.keep_history_days
                    else {}
                ),
            )
    with app.writing() as connection:
        answers = bodies.prune(connection, before=answers_before)
    papers = 0
    if keep.keep_papers_days:
        with app.writing() as connection:
            papers = pruning.prune(connection, before=papers_before, now=now)
    on_progress(answers + papers)
    history: Counter[str] = Counter()
    while keep.keep_history_days:
        with app.writing() as connection:
            done = retention.delete_some(connection, history_before)
        history.update(done)
        on_progress(sum(done.values()))
        if not any(done.values()):
            break
    found = Pruned(papers=papers, answers=answers, history=dict(history))
    log.info("pruned papers=%d answers=%d history=%d", papers, answers, sum(history.values()))
    return found
