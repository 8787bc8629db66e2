"""One full pass: bring profiles in line, poll, rank and freeze what is due, send, verify."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic_core import to_jsonable_python

from digest.actions import alerting, bounces, lookups, polling, profiles
from digest.actions.profiles import SyncReport
from digest.app import App
from digest.errors import DeliveryError, DigestError
from digest.logs import new_run
from digest.model import Completeness, PollReport
from digest.pipeline import clock, composing, embedding, judging, readiness, shares, summaries
from digest.pipeline.judging import JudgeReport
from digest.pipeline.ping import ping
from digest.pipeline.planning import PlanReport
from digest.pipeline.polling import poll_sources
from digest.pipeline.sending import SendReport, Stop, send_ready, stopping_on_signals
from digest.store import runs

log = logging.getLogger(__name__)

StageCallback = Callable[[str, object], None]
"""Called with a stage's name and its report when the stage is done."""


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """One pass over all stages, as it is printed, stored and turned into an exit code."""

    run_id: str
    started_at: datetime
    ended_at: datetime
    profiles: SyncReport
    polls: tuple[PollReport, ...]
    planned: PlanReport
    judged: JudgeReport
    sent: SendReport
    problems: tuple[str, ...]
    """One line for each thing that went wrong; empty means exit code 0."""


def run(
    app: App,
    *,
    on_stage: StageCallback | None = None,
    poll: bool = True,
    stop: Stop | None = None,
) -> RunReport:
    """Do one pass and record it. A stage's expected failures are in the report, not raised.

    With ``poll`` off only what is due is planned and sent: the scheduler's tick. The owner is
    told of what is wrong, and a watchdog of what is not. ``stop`` ends it early; without one the
    signals of this process do while it sends.
    """
    try:
        report = _pass(app, on_stage=on_stage, poll=poll, stop=stop)
    except Exception as exc:
        alerting.failed(app, exc)
        with contextlib.suppress(DigestError):
            _tell_owner(app)
        raise
    alerting.watch(app, profile_problems=report.profiles.problems, sent=report.sent)
    _tell_owner(app)
    ping_url = app.config.settings.log.ping_url
    if ping_url and not report.problems:
        ping(ping_url)
    return report


def _tell_owner(app: App) -> None:
    if planned := alerting.tell(app):
        send_ready(app, compose=composing.for_run(app), limit=planned)


def _pass(app: App, *, on_stage: StageCallback | None, poll: bool, stop: Stop | None) -> RunReport:
    told = on_stage or (lambda _stage, _report: None)
    run_id = new_run()
    started = app.now()
    skew = clock.settle(app)
    with app.writing() as connection:
        runs.begin(connection, run_id, "run" if poll else "tick", started)
    synced = profiles.sync(app)
    told("profiles", synced)
    polls = poll_sources(app) if poll else ()
    told("poll", polls)
    if poll:
        lookups.look_up(app)
    embedding.prepare(app)
    # Before anything is made for them: who is gone or complained gets nothing more.
    returned = _returned(app) if poll else []
    readiness.guard(app)
    waits = polling.waits_for_network(app, polls)
    judged = JudgeReport() if waits else judging.prepare(app)
    with shares.Crew(app) as crew:
        planned = PlanReport() if waits else crew.plan(stop=stop or Stop())
        told("plan", planned)
        summaries.prepare(app)
        with contextlib.nullcontext(stop) if stop else stopping_on_signals() as ends:
            sent = crew.send(stop=ends)
    told("send", sent)
    report = RunReport(
        run_id=run_id,
        started_at=started,
        ended_at=app.now(),
        profiles=synced,
        polls=polls,
        planned=planned,
        judged=judged,
        sent=sent,
        problems=(
            *([skew] if skew else []),
            *synced.problems,
            *_poll_problems(polls),
            *(["editions wait for the network, and come with the next pass"] if waits else ()),
            *returned,
            *sending_problems(sent),
        ),
    )
    _end(app, report)
    return report


def _returned(app: App) -> list[str]:
    """Take in what came back; return why that could not be done, if so."""
    try:
        bounces.routine(app)
    except DeliveryError as exc:
        return [str(exc)]
    return []


def _poll_problems(polls: tuple[PollReport, ...]) -> list[str]:
    failed = [
        poll
        for poll in polls
        # A day that is still filling up is no failure: the mail says so, the next poll goes on.
        if not polling.is_good(poll) and poll.completeness is not Completeness.PARTIAL
    ]
    return [f"{name}: {note}" for name, note in polling.notes(failed).items()]


def sending_problems(sent: SendReport) -> list[str]:
    """Return one line for each thing that went wrong with mail."""
    looked = ("failed", "uncertain")
    counted = [
        f"{sent.counts[state]} deliveries {state}" for state in looked if sent.counts.get(state)
    ]
    return [*sent.problems, *counted, *(f"failed: {reason}" for reason in sent.reasons)]


def _end(app: App, report: RunReport) -> None:
    with app.writing() as connection:
        runs.end(
            connection,
            report.run_id,
            at=report.ended_at,
            exit_code=1 if report.problems else 0,
            report=to_jsonable_python(report),
        )
