"""A large run shared among processes of one machine, for Python uses one processor each.

A helper is a new process with the same configuration and a store connection of its own; starting
one costs a second, so it stays from planning to sending. Planning is divided by subscriber, so
that nobody is planned for twice, into more parts than processes: who is free takes the next.
Sending needs no dividing: claims never overlap, and a helper that dies is recovered like any dead
sender. Workers on several machines are ``tasks``' business.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import SpawnProcess
from operator import add
from typing import TYPE_CHECKING, Any, TypeVar

from digest import logs
from digest.app import App, open_app, system_clock
from digest.config import Config
from digest.errors import DigestError
from digest.pipeline import _processors, composing
from digest.pipeline.claims import settle
from digest.pipeline.editions import Desk
from digest.pipeline.planning import PlanReport, plan_due
from digest.pipeline.sending import SendReport, Stop, overall, send_ready
from digest.store import deliveries, due

if TYPE_CHECKING:  # some systems have no semaphores, and cannot even import these
    from multiprocessing.sharedctypes import Synchronized
    from multiprocessing.synchronize import Event

log = logging.getLogger(__name__)

R = TypeVar("R")
Task = Callable[[App, int, Callable[[], int], Callable[[], bool]], R]
"""What a helper does: in an installation, so many parts, how to take one, whether to stop."""

WORTH = 3000
"""Subscriptions or deliveries a process: for fewer, starting it costs more than it gives."""
PARTS = 4
"""Parts of the planning for each process: one that starts late or is slow takes fewer."""

Look = Callable[[], bool]
"""Tells whether to stop."""


class Crew:
    """One process and its helpers, for a run that plans and then sends."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._helpers: _Helpers | None = None

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_raised: object) -> None:
        if self._helpers is not None:
            self._helpers.close()

    def plan(self, *, stop: Look = lambda: False) -> PlanReport:
        """Make the editions of every subscription that is due; as `planning.plan_due`."""
        app = self._app
        with app.reading() as connection:
            count = _processes(app, due.count(connection, app.now()))
        if (helpers := self._helpers_for(count)) is None:
            return plan_due(app, stop=stop)
        parts = count * PARTS
        helpers.begin(_plan_parts, count, parts)
        mine = _plan_parts(app, parts, helpers.take, helpers.stopping(stop))
        # Who is not even up by now took no part.
        found, _died = helpers.reports(_plan_parts, only_up=True, look=helpers.stopping(stop))
        # What a helper had taken that died, or was told to end.
        rest = plan_due(app, stop=stop)
        return reduce(add, [mine, *found, rest])

    def send(self, *, stop: Look) -> SendReport:
        """Send every delivery that is due; as `sending.send_ready`."""
        app = self._app
        with app.reading() as connection:
            count = _processes(app, deliveries.count_due(connection, app.now()))
        if (helpers := self._helpers_for(count)) is None:
            return send_ready(app, compose=composing.for_run(app), stop=stop)
        recovered = [settle(app)]
        helpers.begin(_send_share, count, 0)
        stopping = helpers.stopping(stop)
        compose = composing.for_run(app)
        mine = [send_ready(app, compose=compose, stop=stopping, is_share=True)]
        found, died = helpers.reports(_send_share, look=stopping)
        if died and not stop():
            recovered.append(settle(app))
            mine.append(send_ready(app, compose=compose, stop=stop, is_share=True))
        return overall(app, [*mine, *found], reduce(add, recovered))

    def _helpers_for(self, count: int) -> _Helpers | None:
        """Return what helpers are begun with; None where this process does it alone."""
        if count > 1 and self._helpers is None:
            try:
                self._helpers = _Helpers(self._app)
            except (ImportError, OSError) as exc:
                log.warning("no helpers on this system error=%s", exc)
        return self._helpers if count > 1 else None


def _processes(app: App, count: int) -> int:
    wanted = app.config.settings.mail.processes or _processors.available()
    return max(1, min(wanted, count // WORTH))


@dataclass
class _Helper:
    """One process, and the pipe to it: a task there, its name and report back."""

    process: SpawnProcess
    pipe: Pipe
    is_up: bool = False
    owes: list[str] = field(default_factory=list)
    """Names of the tasks whose reports are still to come."""


class _Helpers:
    """Processes that do what they are given, until they are closed."""

    def __init__(self, app: App) -> None:
        self._app = app
        # Not forked: this process has threads, and connections that are not to be shared.
        self._context = multiprocessing.get_context("spawn")
        self.stop: Event = self._context.Event()
        self._taken = self._context.Value("q", 0)
        self._all: list[_Helper] = []

    def take(self) -> int:
        """Return the number of the next part that nobody took."""
        return _take(self._taken)

    def stopping(self, stop: Look) -> Look:
        """Return what tells whether to stop, and tells the helpers."""

        def look() -> bool:
            if stop():
                self.stop.set()
            return self.stop.is_set()

        return look

    def begin(self, task: Task[Any], count: int, parts: int) -> None:
        """Let helpers do a task beside this process; start those that are missing, if that can be.

        Fewer than wanted, or none, do as well: what nobody took is done here.
        """
        self._taken.value = 0
        try:
            while len(self._all) < count - 1:
                self._all.append(self._started(len(self._all) + 1))
        except OSError as exc:  # no more processes or memory
            log.warning("no helper could be started error=%s", exc)
        for helper in self._all[: count - 1]:
            with contextlib.suppress(OSError):  # dead: its report will be missed
                helper.pipe.send((task, parts))
            helper.owes.append(task.__name__)

    def reports(
        self, task: Task[R], *, only_up: bool = False, look: Look | None = None
    ) -> tuple[list[R], int]:
        """Wait for the reports of a task; return them, and how many helpers died instead.

        ``only_up`` leaves out who has not started yet, ``look`` is called now and then.
        """
        found: list[R] = []
        died = 0
        for helper in list(self._all):
            try:
                while task.__name__ in helper.owes:
                    while not helper.pipe.poll(0 if only_up and not helper.is_up else 0.5):
                        if only_up and not helper.is_up:
                            raise _NotUpError
                        if look:
                            look()
                    self._hear(helper, task, found)
            except _NotUpError:
                continue
            except (EOFError, OSError):  # the pipe is broken, as each system says it
                died += 1
                log.warning("helper ended without a report name=%s", helper.process.name)
                self._all.remove(helper)
                _end(helper)
        return found, died

    def close(self) -> None:
        """Let the helpers end, at once where they are still at work."""
        self.stop.set()
        for helper in self._all:
            with contextlib.suppress(OSError):
                helper.pipe.send(None)
        for helper in self._all:
            _end(helper)
        self._all = []

    def _hear(self, helper: _Helper, task: Task[R], found: list[R]) -> None:
        said = helper.pipe.recv()
        if said is None:
            helper.is_up = True
            return
        name, report = said
        helper.owes.remove(name)
        if name == task.__name__:
            found.append(report)

    def _started(self, number: int) -> _Helper:
        app, context = self._app, self._context
        now = None if app.clock is system_clock else app.now()
        mine, theirs = context.Pipe()
        process = context.Process(
            target=_help,
            args=(app.config, now, self._taken, self.stop, theirs, os.getpid(), logs.manner()),
            name=f"helper-{number}",
        )
        try:
            process.start()
        except OSError:
            mine.close()
            raise
        finally:
            theirs.close()
        return _Helper(process, mine)


class _NotUpError(Exception):
    """A helper has not started yet."""


def _end(helper: _Helper) -> None:
    helper.process.join()
    helper.pipe.close()
    helper.process.close()


def _take(taken: Synchronized[int]) -> int:
    with taken.get_lock():
        taken.value += 1
        return int(taken.value) - 1


def _help(
    config: Config,
    now: datetime | None,
    taken: Synchronized[int],
    stop: Event,
    pipe: Pipe,
    parent: int,
    manner: logs.Manner | None,
) -> None:
    """Do one task after the other in a process of its own, and report each."""
    if manner is not None:
        logs.adopt(manner)
    # A terminal and a service's manager tell everybody: mails that are begun are finished.
    told = Stop()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: told.request())

    def stopping() -> bool:
        return stop.is_set() or told() or os.getppid() != parent

    try:
        with open_app(config, now=now, migrate=False) as app:
            pipe.send(None)  # up
            while (asked := pipe.recv()) is not None:
                task, parts = asked
                pipe.send((task.__name__, task(app, parts, lambda: _take(taken), stopping)))
    except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
        log.info("helper is alone")
    except DigestError as exc:
        log.error("helper failed error=%s", exc)
    except Exception as exc:
        log.exception("helper failed error=%s", type(exc).__name__)
    pipe.close()
    # Everything is closed: to take its memory apart, as Python does at the end, takes as long as
    # a thousand mails, and who began it waits for that.
    logging.shutdown()
    os._exit(0)


def _plan_parts(app: App, parts: int, take: Callable[[], int], stop: Look) -> PlanReport:
    """Plan one part after the other that nobody took, at one desk."""
    desk, total = Desk(app), PlanReport()
    while not stop() and (number := take()) < parts:
        total += plan_due(app, share=(number, parts), desk=desk, stop=stop)
    return total


def _send_share(app: App, _parts: int, _take: Callable[[], int], stop: Look) -> SendReport:
    return send_ready(app, compose=composing.for_run(app), stop=stop, is_share=True)
