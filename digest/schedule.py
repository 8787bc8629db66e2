"""The clockwork of `digest serve`: APScheduler jobs, each of which is also a command.

The only importer of apscheduler. A job that overruns is not started twice, and of the runs
missed during sleep or downtime one is made up for. Several schedulers on one store are
harmless: every job claims its work in the store.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from digest import logs, memory
from digest.actions import polling
from digest.actions.work import Work, recurring
from digest.app import App
from digest.errors import DigestError
from digest.pipeline.sending import Stop

log = logging.getLogger(__name__)

JITTER_SHARE = 0.1
"""Polls are spread by a tenth of their interval, so that installations do not march in step."""
LOOK_S = 30
"""How often it is looked which polls are due."""


def build(
    app: App, *, defer: Callable[[Work], object] | None = None, stop: Stop | None = None
) -> BackgroundScheduler:
    """Return a scheduler with every job of this installation, not started yet.

    With ``defer`` the work itself is left to workers: it is called with what they are to do.
    ``stop`` ends what is being sent, so that a shutdown need not wait for all of it.
    """
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(8)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for work in recurring(app, stop):
        _add(scheduler, app, work, defer)
    look = Work(
        name="due",
        every_s=LOOK_S,
        first_s=LOOK_S,
        do=partial(_bring_forward, app, scheduler, {}),
        queue="poll",
        priority=0,
    )
    _add(scheduler, app, look, None)
    return scheduler


def _add(
    scheduler: BackgroundScheduler, app: App, work: Work, defer: Callable[[Work], object] | None
) -> None:
    scheduler.add_job(
        partial(_begin, app, work, defer),
        IntervalTrigger(
            seconds=max(1, round(work.every_s)),
            jitter=int(work.every_s * JITTER_SHARE),
            timezone="UTC",
        ),
        id=work.name,
        name=work.name,
        next_run_time=app.now() + timedelta(seconds=work.first_s),
    )


def _bring_forward(
    app: App, scheduler: BackgroundScheduler, seen: dict[str, datetime | None]
) -> None:
    """Begin the polls that the store wants before their interval is over.

    A failure is tried again within minutes, announcements have hours of their own, and a machine
    that had no network asks soon after it has one: editions must not wait for hours, or go out
    without what is there. ``seen`` keeps each wish from being asked for twice.
    """
    now = app.now()
    for name, at in polling.due(app).items():
        job = scheduler.get_job(f"poll:{name}")
        if job is None or (name in seen and seen[name] == at):
            continue
        seen[name] = at
        if job.next_run_time and job.next_run_time > now:
            job.modify(next_run_time=now)


def _begin(app: App, work: Work, defer: Callable[[Work], object] | None) -> None:
    """Do one job; what it raises is logged here, a bug with its traceback, and it comes again."""
    logs.new_run()
    try:
        with app.minding(work.name):
            if not work.is_wanted():
                return
            if defer is None:
                work.do()
            else:
                defer(work)
    except DigestError as exc:
        said = json.dumps("; ".join(str(exc).splitlines()), ensure_ascii=False)
        log.error("job failed job=%s error=%s", work.name, said)
    except Exception as exc:
        log.exception("job failed job=%s error=%s", work.name, type(exc).__name__)
    finally:
        memory.give_back()
