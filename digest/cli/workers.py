"""``digest worker`` and ``digest workers``: share the work, and look at who does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from digest.actions import workers as actions
from digest.actions.workers import Workforce
from digest.app import App
from digest.cli._context import AsJson, opened
from digest.cli._output import print_line, print_table, show
from digest.errors import UsageError
from digest.pipeline.sending import stopping_on_signals
from digest.text.counting import counted

if TYPE_CHECKING:
    from digest.tasks import JobQueue


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(worker)
    group = typer.Typer(help="See queues, lag, throughput and stuck jobs; free them.")
    group.callback(invoke_without_command=True)(workers)
    group.command()(free)
    app.add_typer(group, name="workers")


def open_queue(app: App) -> JobQueue:
    """Return the installation's job queue. Raises UsageError without PostgreSQL."""
    try:
        from digest import tasks  # noqa: PLC0415 - an extra: not everybody has it
    except ImportError as exc:
        raise UsageError("workers need: pip install 'paper-digest[postgresql]'") from exc
    return tasks.JobQueue(app)


def worker(
    context: typer.Context,
    concurrency: Annotated[
        int, typer.Option(min=1, max=32, help="Jobs done at the same time.")
    ] = 2,
    queue: Annotated[
        list[str] | None, typer.Option(help="Only of this queue: mail, plan or poll; repeatable.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
) -> None:
    """Do jobs until stopped, beside any number of other workers on one PostgreSQL.

    A worker may be killed at any time: others take over, and no mail is sent twice.
    """
    with opened(context) as app, stopping_on_signals() as stop:
        open_queue(app).work(concurrency=concurrency, queues=queue or (), once=once, stop=stop)


def workers(context: typer.Context, as_json: AsJson = False) -> None:
    """Show queues, lag, throughput, workers and stuck jobs; exit 1 where something needs a look."""
    if context.invoked_subcommand:
        return
    with opened(context) as app:
        dead_after_s = open_queue(app).dead_after_s
        found = actions.look(app, dead_after_s=dead_after_s)
    show(found, as_json=as_json, human=_print)
    if not found.is_ok:
        raise typer.Exit(1)


def free(
    context: typer.Context,
    jobs: Annotated[list[int] | None, typer.Argument(help="Numbers of jobs; all if none.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Also those that failed too often.")
    ] = False,
) -> None:
    """Let stuck jobs be done again: those of dead workers, and failed ones by number."""
    with opened(context) as app:
        queue = open_queue(app)
        chosen = list(jobs or ())
        if failed:
            look = actions.look(app, dead_after_s=queue.dead_after_s)
            chosen += [job.job_id for job in look.stuck]
        print_line(f"{queue.free(chosen)} jobs will be done again")


def _print(found: Workforce) -> None:
    print_table(
        ("queue", "waiting", "later", "doing", "failed", "behind", "done in 1 h"),
        [
            (q.name, q.waiting, q.later, q.doing, q.failed, f"{q.lag_s:.0f} s", q.done_last_hour)
            for q in found.queues
        ],
        right="waiting later doing failed behind done",
    )
    alive = sum(worker.is_alive for worker in found.workers)
    print_line(
        f"{counted(alive, 'worker')} alive; {counted(found.mails_due, 'mail')} due, "
        f"{found.sent_last_hour} sent in 1 h"
    )
    if found.stuck:
        print_table(
            ("job", "task", "queue", "tries", "since", "why"),
            [
                (j.job_id, j.task, j.queue, j.attempts, f"{j.since_s:.0f} s", j.cause)
                for j in found.stuck
            ],
            right="job tries since",
        )
    for sentence in found.advice:
        print_line(f"! {sentence}")
