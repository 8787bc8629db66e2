"""The clockwork of `digest serve`: APScheduler jobs, each of which is also a command.

The only importer of apscheduler. A job that overruns is not started twice, and of the runs
missed during sleep or downtime one is made up for. Several schedulers on one store are
harmless: every job claims its work in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from digest.actions import polling, run
from digest.app import App

log = logging.getLogger(__name__)

TICK_S = 60
"""How often it is looked whether an edition is due or a delivery may be tried again."""

JITTER_SHARE = 0.1
"""Polls are spread by a tenth of their interval, so that installations do not march in step."""


def build(app: App) -> BackgroundScheduler:
    """Return a scheduler with every job of this installation, not started yet."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(8)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    scheduler.add_listener(_record_error, EVENT_JOB_ERROR)
    for name, section in app.config.settings.sources.items():
        if section.enabled:
            _every(
                scheduler,
                f"poll:{name}",
                partial(polling.poll, app, [name]),
                app,
                seconds=section.every_minutes * 60,
                first_s=1,
            )
    _every(scheduler, "tick", partial(run.run, app, poll=False), app, seconds=TICK_S, first_s=20)
    return scheduler


def _every(
    scheduler: BackgroundScheduler,
    name: str,
    job: Callable[[], object],
    app: App,
    *,
    seconds: int,
    first_s: int = 60,
) -> None:
    scheduler.add_job(
        job,
        IntervalTrigger(seconds=seconds, jitter=int(seconds * JITTER_SHARE), timezone="UTC"),
        id=name,
        name=name,
        next_run_time=app.now() + timedelta(seconds=first_s),
    )


def _record_error(event: JobExecutionEvent) -> None:
    """Log a job's bug with its traceback; the job runs again at its next time."""
    log.error("job failed job=%s\n%s", event.job_id, event.traceback)
