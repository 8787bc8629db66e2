"""A large run shared among processes of one machine, for Python uses one processor each.

A helper is a process with the same configuration and a store connection of its own. Planning is
divided by subscriber, so that nobody is planned for twice; sending needs no dividing: claims
never overlap, and a helper that dies is recovered like any dead sender. Workers on several
machines are ``tasks``' business.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import datetime
from functools import reduce
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.synchronize import Event
from operator import add
from typing import Generic, TypeVar

from digest.app import App, open_app, system_clock
from digest.config import Config
from digest.pipeline import composing
from digest.pipeline.planning import PlanReport, plan_due
from digest.pipeline.sending import SendReport, overall, send_ready, settle
from digest.store import deliveries, profiles

log = logging.getLogger(__name__)

WORTH = 3000
"""Subscriptions or deliveries a process: for fewer, starting it costs more than it gives."""
_NEEDED = ("digest.ranking.default", "digest.delivery.smtp")
"""What a helper imports by name, beside what this module does."""

R = TypeVar("R")


def plan(app: App) -> PlanReport:
    """Make the editions of every subscription that is due; as `planning.plan_due`."""
    with app.reading() as connection:
        count = _processes(app, profiles.count_due(connection, app.now()))
    if count == 1:
        return plan_due(app)
    with _Helpers[PlanReport](app, _plan_share, count) as helpers:
        mine = plan_due(app, share=(0, count))
    rest = plan_due(app) if helpers.died else PlanReport()
    return reduce(add, [mine, *helpers.reports, rest])


def send(app: App, *, stop: Callable[[], bool]) -> SendReport:
    """Send every delivery that is due; as `sending.send_ready`."""
    with app.reading() as connection:
        count = _processes(app, deliveries.count_due(connection, app.now()))
    if count == 1:
        return send_ready(app, compose=composing.for_run(app), stop=stop)
    recovered = settle(app)
    with _Helpers[SendReport](app, _send_share, count) as helpers:

        def stopping() -> bool:
            if stop():
                helpers.stop.set()
            return stop()

        compose = composing.for_run(app)
        mine = [send_ready(app, compose=compose, stop=stopping, is_share=True)]
        helpers.wait(stopping)
    if helpers.died and not stop():
        settle(app)
        mine.append(send_ready(app, compose=compose, stop=stop, is_share=True))
    return overall(app, [*mine, *helpers.reports], recovered)


def _processes(app: App, count: int) -> int:
    wanted = app.config.settings.mail.processes or os.cpu_count() or 1
    return max(1, min(wanted, count // WORTH))


class _Helpers(Generic[R]):
    """Processes that each do one share; their reports are there when the block ends."""

    def __init__(self, app: App, task: Callable[..., R], count: int) -> None:
        context = _context()
        now = None if app.clock is system_clock else app.now()
        self.reports: list[R] = []
        self.died = 0
        self.stop: Event = context.Event()
        self._pipes: list[Pipe] = []
        self._processes = []
        for number in range(1, count):
            mine, theirs = context.Pipe(duplex=False)
            process = context.Process(
                target=_help,
                args=(task, app.config, now, (number, count), self.stop, theirs),
                name=f"helper-{number}",
            )
            process.start()
            theirs.close()
            self._pipes.append(mine)
            self._processes.append(process)

    def __enter__(self) -> _Helpers[R]:
        return self

    def wait(self, look: Callable[[], bool]) -> None:
        """Wait for the helpers, looking around now and then."""
        for pipe in self._pipes:
            while not pipe.poll(0.5):
                look()

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:
            self.stop.set()
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            try:
                self.reports.append(pipe.recv())
            except EOFError:
                self.died += 1
                log.warning("helper ended without a report name=%s", process.name)
            process.join()
            pipe.close()
            process.close()


def _context() -> ForkServerContext | SpawnContext:
    """Return how helpers are started.

    Not forked off this process: it has threads, and connections that are not to be shared. Off
    one that has imported us and does nothing else, where the system can: to import all that
    planning and sending need takes as long as thousands of mails. It ends when we do.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_NEEDED])
    return context


def _help(
    task: Callable[..., R],
    config: Config,
    now: datetime | None,
    share: tuple[int, int],
    stop: Event,
    pipe: Pipe,
) -> None:
    """Do one share in a process of its own, and report."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells everybody; one decides
    parent = os.getppid()

    def stopping() -> bool:
        return stop.is_set() or os.getppid() != parent

    with open_app(config, now=now, migrate=False) as app:
        pipe.send(task(app, share, stopping))
    pipe.close()


def _plan_share(app: App, share: tuple[int, int], _stop: Callable[[], bool]) -> PlanReport:
    return plan_due(app, share=share)


def _send_share(app: App, _share: tuple[int, int], stop: Callable[[], bool]) -> SendReport:
    return send_ready(app, compose=composing.for_run(app), stop=stop, is_share=True)
