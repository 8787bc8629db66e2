"""``digest run`` and ``digest serve``: one pass now, or passes for ever."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from digest import memory, schedule
from digest.actions import polling
from digest.actions import run as run_action
from digest.actions.run import RunReport
from digest.app import App
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_notes, show
from digest.cli.workers import open_queue
from digest.model import PollReport
from digest.pipeline.sending import Stop
from digest.store import database
from digest.text.counting import counted
from digest.web.serving import serving

if TYPE_CHECKING:
    from digest.tasks import JobQueue


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(serve)


def run(
    context: typer.Context,
    poll: Annotated[bool, typer.Option("--poll/--no-poll", help="Ask the sources first.")] = True,
    as_json: AsJson = False,
) -> None:
    """Do one full pass: poll, rank, and mail what is due. Fit for cron.

    Exit code 0: all well; 1: something failed and is named; the rest was done.
    """
    with opened(context) as app:
        report = run_action.run(app, poll=poll)
    show(report, as_json=as_json, human=print_report)
    if report.problems:
        raise typer.Exit(1)


def print_report(report: RunReport) -> None:
    """Print a pass as one line a stage, then what went wrong."""
    offline = [poll for poll in report.polls if polling.is_offline(poll)]
    for poll in report.polls:
        if poll not in offline:
            print_line(poll_line(poll))
    print_notes(polling.notes(offline))
    planned, sent = report.planned, report.sent
    print_line(
        f"editions: {planned.mailed} made with {counted(planned.picks, 'paper')}, "
        f"{planned.empty} empty, {planned.late} too late"
    )
    if (judged := report.judged).profiles:
        print_line(
            f"judge: {counted(judged.requests, 'request')}, {judged.graded} graded, "
            f"{judged.failed} failed, {judged.left} left; today {judged.requests_today} requests "
            f"and {judged.tokens_today} tokens"
        )
    print_line("mail: " + (", ".join(f"{n} {state}" for state, n in sent.counts.items()) or "none"))
    for problem in report.problems:
        print_line(f"! {problem}")


def poll_line(poll: PollReport) -> str:
    """Return one visit to a source as one line."""
    if poll.error:
        return f"{poll.source}: {poll.status}: {poll.error}"
    return (
        f"{poll.source}: {poll.new} new, {poll.revised} revised, {poll.unchanged} known"
        f" ({poll.completeness})"
    )


def serve(
    context: typer.Context,
    work: Annotated[
        bool,
        typer.Option(
            "--work/--no-work",
            help="With PostgreSQL: do jobs here, too, or leave all of them to `digest worker`.",
        ),
    ] = True,
) -> None:
    """Poll and mail on schedule until stopped; each job is also a command, for cron.

    With PostgreSQL the work goes through a queue that workers on any machine share. Refuses to
    start (exit code 2) where no transport is configured for the work done here.
    """
    memory.share_arenas()
    with opened(context) as app, contextlib.ExitStack() as stack:
        queue = defer = None
        if not database.is_sqlite(app.engine):
            queue = open_queue(app)
            defer = queue.defer
        if work or defer is None:
            app.require_way_out()
        stop = Stop()
        scheduler = schedule.build(app, defer=defer, stop=stop)
        # A port that is taken is told before any work begins.
        stack.enter_context(_pages(app))
        if queue is not None and work:
            stack.enter_context(_working(queue))
        scheduler.start()
        try:
            _wait_for_signal()
        finally:
            stop.request()
            scheduler.shutdown(wait=True)


@contextlib.contextmanager
def _working(queue: JobQueue) -> Iterator[None]:
    """Do jobs on a thread of this process as long as the block lasts."""
    stop = Stop()
    thread = threading.Thread(target=queue.work, kwargs={"stop": stop}, name="worker")
    thread.start()
    try:
        yield
    finally:
        stop.request()
        thread.join()


@contextlib.contextmanager
def _pages(app: App) -> Iterator[None]:
    settings = app.config.settings.web
    if not settings.enabled:
        yield
        return
    with serving(app, host=settings.host, port=settings.port) as port:
        print_line(f"serving on http://{settings.host}:{port}")
        yield


def _wait_for_signal() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
