"""What an installation does again and again, by name: the work that the clockwork starts.

Each is also a command. Whether it is done in this process or handed to workers on any number of
machines is decided by whoever reads the list (``schedule``, ``tasks``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from digest.actions import bounces, lookups, observing, polling, retention, run, search_index
from digest.app import App
from digest.model import Purpose
from digest.pipeline import composing
from digest.pipeline.sending import SendReport, Stop, send_ready
from digest.store import deliveries

TICK = "tick"
"""Name of the work that plans and mails whatever is due."""

TICK_S = 60
"""How often it is looked whether an edition is due or a delivery may be tried again."""

URGENT_S = 5
"""Somebody who just asked to subscribe is looking at their inbox."""

SEARCH_INDEX_S = 600
"""What no poll prepared for the search is prepared after this."""

LOOKUPS_S = 60
LOOKUPS_FIRST_S = 10
"""Whoever liked a paper on a page wants the next edition to know it."""

PATIENCE = timedelta(minutes=10)
"""Editions wait no longer than this for sources that are about to be asked."""

SIGNALS_FIRST_S = 300
"""The polls at the start come first, and so do the editions that wait for them."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One kind of work that comes again and again."""

    name: str
    """Unique, and the same on every machine of an installation: ``poll:arxiv``, ``tick``."""
    every_s: float
    first_s: float
    """How long after the start it is done for the first time."""
    do: Callable[[], object]
    queue: str
    """Which workers take it, where there are any: ``poll``, ``plan``, ``mail``."""
    priority: int
    """The higher, the sooner it is taken."""
    is_wanted: Callable[[], bool] = lambda: True
    """Tells, at next to no cost, whether there is anything to do at all."""


def recurring(app: App, stop: Stop | None = None) -> tuple[Work, ...]:
    """Return all recurring work of this installation; ``stop`` ends what would send on and on."""
    return (*_polls(app), *_mails(app, stop), *_upkeep(app))


def _polls(app: App) -> tuple[Work, ...]:
    return tuple(
        Work(
            name=f"poll:{name}",
            every_s=section.every_minutes * 60,
            first_s=1,
            do=partial(lookups.poll_source, app, name),
            queue="poll",
            priority=70,
        )
        for name, section in app.config.settings.sources.items()
        if section.enabled
    )


def _upkeep(app: App) -> tuple[Work, ...]:
    """Return what no edition waits for."""
    return (
        Work(
            name="lookups",
            every_s=LOOKUPS_S,
            first_s=LOOKUPS_FIRST_S,
            do=partial(lookups.look_up, app),
            queue="poll",
            priority=60,
            is_wanted=lambda: lookups.count_due(app) > 0,
        ),
        Work(
            name="signals",
            every_s=app.config.settings.signals.every_minutes * 60,
            first_s=SIGNALS_FIRST_S,
            do=partial(observing.observe, app),
            queue="poll",
            priority=20,
        ),
        Work(
            name="search-index",
            every_s=SEARCH_INDEX_S,
            first_s=SIGNALS_FIRST_S,
            do=partial(search_index.catch_up, app),
            queue="plan",
            priority=5,
        ),
        Work(
            name="prune",
            every_s=24 * 3600,
            first_s=3600,
            do=partial(retention.prune, app),
            queue="plan",
            priority=10,
        ),
    )


def _mails(app: App, stop: Stop | None) -> tuple[Work, ...]:
    return (
        Work(
            name="urgent",
            every_s=URGENT_S,
            first_s=URGENT_S,
            do=partial(send_urgent, app, stop),
            queue="mail",
            priority=100,
            is_wanted=lambda: count_urgent(app) > 0,
        ),
        Work(
            name=TICK,
            every_s=TICK_S,
            first_s=20,
            do=partial(run.run, app, poll=False, stop=stop),
            queue="plan",
            priority=60,
            is_wanted=_SourcesFirst(app),
        ),
        Work(
            name="bounces",
            every_s=app.config.settings.mail.bounces.every_minutes * 60,
            first_s=40,
            do=partial(bounces.routine, app),
            queue="plan",
            priority=50,
        ),
    )


class _SourcesFirst:
    """Lets editions wait, for a while, until sources are asked that a sleep kept waiting."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._since: datetime | None = None

    def __call__(self) -> bool:
        """Tell whether there is nothing to wait for, or it was waited for long enough."""
        now = self._app.now()
        if not polling.is_behind(self._app):
            self._since = None
            return True
        self._since = self._since or now
        return now - self._since >= PATIENCE


def count_urgent(app: App) -> int:
    """Return how many mails are due that come before editions: confirmations, manual ones."""
    with app.reading() as connection:
        return deliveries.count_due(connection, app.now(), before=Purpose.EDITION.priority)


def send_urgent(app: App, stop: Stop | None = None) -> SendReport | None:
    """Send the mails that come before editions; None where there are none.

    They are first in the outbox, so sending as many deliveries as there are of them is enough.
    """
    count = count_urgent(app)
    if not count:
        return None
    return send_ready(app, compose=composing.for_run(app), limit=count, stop=stop)
