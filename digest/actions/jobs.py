"""What the jobs of one tick do, on whichever machines, and the run that they make up together.

A tick begins a run; each batch and each share of sending adds what it did, and the last one ends
it. Which jobs there are and how they are handed on is ``tasks``' business.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_jsonable_python
from sqlalchemy import Connection

from digest.actions import alerting
from digest.actions.run import sending_problems
from digest.app import App
from digest.pipeline import composing, readiness, summaries
from digest.pipeline.editions import Desk
from digest.pipeline.planning import PlanReport, plan_due
from digest.pipeline.sending import REASONS, SendReport, Stop, send_ready
from digest.store import runs

TICK_RUN = "tick"
PATIENCE = timedelta(minutes=1)
"""How old a run is before it is looked at whether anybody works for it still."""

Report = dict[str, Any]


class Desks:
    """The desk at which one process plans: its blocks of one instant share papers.

    To read and weigh the papers of a window takes longer than to rank for hundreds of readers.
    There is one desk, taken in turns: planning computes, so two at once would gain little and
    hold everything twice, and whoever sends meanwhile is not in the way.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = threading.Lock()
        self._desk: Desk | None = None

    @contextlib.contextmanager
    def at(self, until: datetime) -> Iterator[Desk]:
        """Give the desk for windows that end at this instant; nobody else has it meanwhile."""
        with self._turn:
            desk, self._desk = self._desk, None  # one that something failed at is not kept
            if desk is None or desk.at != until:
                desk = Desk(self._app, until)
            yield desk
            self._desk = desk


def begin(connection: Connection, run_id: str, *, jobs: int, now: datetime) -> None:
    """Begin the run of a tick that asked for so many jobs; without any it ends at once."""
    report = _report(run_id, now, jobs)
    runs.begin(connection, run_id, TICK_RUN, now, report)
    if not jobs:
        runs.end(connection, run_id, at=now, exit_code=0, report=report)


def plan_block(
    app: App,
    desks: Desks,
    *,
    until: datetime,
    limit: int,
    at_once: int,
    run_id: str,
    send: Callable[[Connection, int], int],
) -> PlanReport:
    """Plan for so many who were due at an instant, ``at_once`` of them in one transaction.

    Their mails are asked for in it, too: ``send`` asks for the jobs that send a number of mails,
    and returns how many jobs those are.
    """
    readiness.guard(app)

    def within(connection: Connection, made: PlanReport) -> None:
        asked = send(connection, made.mailed) if made.mailed else 0
        _account(connection, run_id, app.now(), planned=made, asked=asked)

    with desks.at(until) as desk:
        planned = plan_due(app, limit=limit, block=at_once, within=within, desk=desk)
    with app.writing() as connection:
        _account(connection, run_id, app.now(), done=1)
    return planned


def send_share(app: App, *, limit: int, run_id: str, stop: Stop) -> SendReport:
    """Send at most so many of the deliveries that are due."""
    readiness.guard(app)
    summaries.prepare(app)
    sent = send_ready(app, compose=composing.for_run(app), limit=limit, stop=stop, is_share=True)
    if sent.problems or any(sent.counts.values()):
        alerting.watch_sending(app, sent)
    with app.writing() as connection:
        _account(connection, run_id, app.now(), sent=sent, done=1)
    return sent


def end_abandoned(
    connection: Connection, now: datetime, count_left: Callable[[Connection, str], int]
) -> int:
    """End the runs that nobody works for any more, with what is missing; return how many."""
    ended = 0
    for run_id in runs.unended(connection, TICK_RUN, now - PATIENCE):
        report = runs.held(connection, run_id)
        # A tick that is done in its own process has no jobs, and ends itself.
        if report is None or "jobs" not in report or count_left(connection, run_id):
            continue
        lost = report["jobs"]["asked"] - report["jobs"]["done"]
        problems = [*_problems(report), f"{lost} of {report['jobs']['asked']} jobs did not finish"]
        report |= {"problems": problems}
        runs.end(connection, run_id, at=now, exit_code=1, report=report)
        ended += 1
    return ended


def _report(run_id: str, now: datetime, jobs: int) -> Report:
    """Return a report of the shape that ``run.RunReport`` has, with how its jobs stand."""
    return {
        "run_id": run_id,
        "started_at": to_jsonable_python(now),
        "planned": to_jsonable_python(PlanReport()),
        "sent": {"counts": {}, "reasons": [], "problems": []},
        "problems": [],
        "jobs": {"asked": jobs, "done": 0},
    }


def _account(
    connection: Connection,
    run_id: str,
    now: datetime,
    *,
    planned: PlanReport | None = None,
    sent: SendReport | None = None,
    asked: int = 0,
    done: int = 0,
) -> None:
    """Add what a job did to its run, and end the run with its last job."""
    report = runs.held(connection, run_id) if run_id else None
    if report is None:
        return
    if planned is not None:
        report["planned"] = to_jsonable_python(PlanReport(**report["planned"]) + planned)
    if sent is not None:
        report["sent"] = _together(report["sent"], sent)
    jobs = report["jobs"]
    report["jobs"] = {"asked": jobs["asked"] + asked, "done": jobs["done"] + done}
    if report["jobs"]["done"] < report["jobs"]["asked"]:
        runs.put(connection, run_id, report)
        return
    report["problems"] = _problems(report)
    exit_code = 1 if report["problems"] else 0
    runs.end(connection, run_id, at=now, exit_code=exit_code, report=report)


def _together(before: Report, sent: SendReport) -> Report:
    counts = {
        state: count
        for state in {**before["counts"], **sent.counts}
        if (count := before["counts"].get(state, 0) + sent.counts.get(state, 0))
    }
    return {
        "counts": counts,
        "reasons": [*dict.fromkeys((*before["reasons"], *sent.reasons))][:REASONS],
        "problems": [*dict.fromkeys((*before["problems"], *sent.problems))],
    }


def _problems(report: Report) -> list[str]:
    return sending_problems(SendReport(**report["sent"]))
