"""Work shared by several machines through PostgreSQL; the only importer of procrastinate.

    schedulers (`digest serve`, any number): ask for each poll and for the tick; one waiting
           job of each at most
    tick:  recover what dead senders left behind; a batch for each thousand subscriptions due,
           a send for each thousand deliveries due that no waiting job stands for; tell the
           owner what is wrong, and a watchdog that nothing is
    batch: lock, rank and freeze a block; its send is deferred in the same transaction
    send:  claim, compose, deliver

A job is a wish, never the truth. What is due stands in the store, and each job claims it there:
done twice it finds nothing left to do, lost it is asked for again by the next tick. What is done
is decided in ``actions``; without PostgreSQL the same functions run in the scheduler's process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import procrastinate
from procrastinate import exceptions, jobs, types
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection

from digest import logs
from digest.actions import alerting, profiles
from digest.actions import jobs as run_jobs
from digest.actions.work import TICK, Work, recurring
from digest.actions.workers import DEAD_AFTER_S
from digest.app import App
from digest.errors import StoreError, UsageError
from digest.pipeline import _clones, clock, judging
from digest.pipeline.claims import has_dead_senders, settle
from digest.pipeline.ping import ping
from digest.pipeline.planning import BLOCK
from digest.pipeline.sending import Stop
from digest.store import deliveries, due
from digest.store import queue as rows
from digest.store.database import is_sqlite

log = logging.getLogger(__name__)

SHARE = 1000
"""Deliveries that one send job stands for."""

MOST_JOBS = 10_000
"""Jobs that one tick asks for at most: ten million subscribers."""

HEARTBEAT_S = 5

CARE_S = 10
"""How often each worker looks for what dead ones left."""

KEPT_HOURS = 24
"""How long finished jobs are kept, for `digest workers` to count."""

MOST_ATTEMPTS = 5
"""A job that fails, or takes its worker with it, so often is left for a person to look at."""

RETRY = procrastinate.RetryStrategy(max_attempts=MOST_ATTEMPTS, wait=10, linear_wait=30)
PRIORITIES = {"batch": 40, "send": 50}
QUEUES = ("mail", "plan", "poll")


class JobQueue:
    """The installation's queue: hands work on, does it, frees what is stuck."""

    dead_after_s = DEAD_AFTER_S

    def __init__(self, app: App) -> None:
        """Bring the queue's schema up to date. Raises UsageError, ConflictError, StoreError."""
        if is_sqlite(app.engine):
            raise UsageError(
                "workers share a PostgreSQL (store.url); with SQLite `digest serve` does it all"
            )
        self.app = app
        self._stop = Stop()
        self._desks = run_jobs.Desks(app)
        url = app.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4)
        self._queue = procrastinate.App(connector=connector)
        # Jobs are deferred on the store's own connections: this one is never opened.
        self._deferring = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())
        for name, function in (
            ("recurring", self._do_recurring),
            (TICK, self._tick),
            ("batch", self._batch),
            ("send", self._send),
        ):
            self._queue.task(name=name, retry=RETRY, pass_context=True)(_a_run(name, function))
        _install(app)
        _clones.guard(app)  # machines with different secrets would make different links

    def defer(self, work: Work) -> int:
        """Ask for one piece of recurring work; 0 where it is waiting to be done already."""
        if work.name == TICK:
            # The profile files of the machine that schedules are those that count.
            synced = profiles.sync(self.app)
            alerting.watch_profiles(self.app, synced.problems)
        return self.ask(work.name)

    def ask(self, name: str) -> int:
        """Ask for the recurring work of this name."""
        job = next(_job_of(work) for work in recurring(self.app) if work.name == name)
        with self.app.writing() as connection:
            return self._defer(connection, [job])

    def work(
        self,
        *,
        concurrency: int = 2,
        queues: Sequence[str] = (),
        once: bool = False,
        stop: Stop | None = None,
    ) -> None:
        """Do jobs until told to stop; with ``once``, what is due now.

        Jobs that are being done are finished first; a sender gives back what it has not begun.
        """
        self._stop = stop or Stop()
        if once:
            profiles.sync(self.app)
            self.ask(TICK)
        asyncio.run(self._work(concurrency, list(queues or QUEUES), once=once))

    def free(self, job_ids: Sequence[int] = ()) -> int:
        """Let stuck jobs be done again: those named, or all; return how many."""

        async def freeing() -> int:
            async with self._queue.open_async():
                return await self._free(job_ids)

        return asyncio.run(freeing())

    # ---- the jobs ----

    def _do_recurring(self, name: str) -> None:
        for work in recurring(self.app, self._stop):
            if work.name == name:
                work.do()
                return
        log.warning("no such work here name=%s", name)

    def _tick(self) -> None:
        try:
            failing = self._ask_for_what_is_due(logs.run_id())
        except Exception as exc:
            alerting.failed(self.app, exc)
            raise
        alerting.watch_workers(self.app, failing)
        alerting.watch_outbox(self.app)
        if alerting.tell(self.app):
            self.ask("urgent")
        ping_url = self.app.config.settings.log.ping_url
        if ping_url and alerting.is_all_well(self.app):
            ping(ping_url)

    def _ask_for_what_is_due(self, run_id: str) -> int:
        """Ask for batches and sends, as the jobs of one run; return how many jobs are failing."""
        clock.settle(self.app)
        settle(self.app)
        judging.prepare(self.app)
        now = self.app.now()
        with self.app.writing() as connection:
            blocks = -(-due.count(connection, now) // BLOCK)
            blocks -= rows.count_waiting(connection, "batch")
            shares = -(-deliveries.count_due(connection, now) // SHARE)
            shares -= rows.count_waiting(connection, "send")
            until = now.isoformat()
            batches = (
                _job("batch", "plan", f"batch:{n}", until=until, run=run_id)
                for n in range(min(blocks, MOST_JOBS))
            )
            sends = (
                _job("send", "mail", f"send:{n}", limit=SHARE, run=run_id)
                for n in range(min(shares, MOST_JOBS))
            )
            asked = self._defer(connection, [*batches, *sends])
            run_jobs.begin(connection, run_id, jobs=asked, now=now)
            run_jobs.end_abandoned(connection, now, rows.count_of_run)
            return rows.count_failing(connection)

    def _batch(self, until: str = "", run: str = "", tries: int = 0) -> None:
        run_jobs.plan_block(
            self.app,
            self._desks,
            until=datetime.fromisoformat(until) if until else self.app.now(),
            limit=BLOCK,
            # What took its worker with it is tried in smaller pieces, each of which is kept.
            at_once=max(BLOCK >> 2 * tries, 1),
            run_id=run,
            send=lambda connection, count: self._defer(
                connection, [_job("send", "mail", limit=count, run=run)]
            ),
        )

    def _send(self, limit: int, run: str = "") -> None:
        report = run_jobs.send_share(self.app, limit=limit, run_id=run, stop=self._stop)
        for problem in report.problems:
            log.warning("sending is hindered: %s", problem)

    # ---- deferring ----

    def _defer(self, connection: Connection, wanted: Sequence[jobs.Job]) -> int:
        """Add jobs in the transaction of ``connection``, but none that waits already."""
        waiting = rows.waiting_locks(connection)
        fresh = [job for job in wanted if job.queueing_lock not in waiting]
        if not fresh:
            return 0
        try:
            with connection.begin_nested():
                self._deferring.job_manager.batch_defer_jobs(
                    fresh, connection=connection.connection.driver_connection
                )
        except exceptions.AlreadyEnqueued:  # another scheduler was first, and asked for the same
            return 0
        except exceptions.ConnectorException as exc:
            raise StoreError(f"the job queue cannot be written: {exc.__cause__}") from exc
        return len(fresh)

    # ---- working ----

    async def _work(self, concurrency: int, queues: list[str], *, once: bool) -> None:
        while not self._stop():
            try:
                async with self._queue.open_async():
                    await self._run(concurrency, queues, once=once)
            except (exceptions.ConnectorException, OSError) as exc:
                if once:
                    raise StoreError(
                        f"the job queue does not answer: {exc.__cause__ or exc}"
                    ) from exc
                log.warning("the job queue does not answer error=%r", str(exc.__cause__ or exc))
            if once and not self._is_due():
                return
            if not (once or self._stop()):  # the database went away: its restart is not our end
                await asyncio.sleep(CARE_S / 2)

    async def _run(self, concurrency: int, queues: list[str], *, once: bool) -> None:
        running = asyncio.create_task(
            self._queue.run_worker_async(
                queues=queues,
                concurrency=concurrency,
                wait=not once,
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=DEAD_AFTER_S,
                fetch_job_polling_interval=CARE_S / 2,
            )
        )
        caring = asyncio.create_task(self._care())
        try:
            while not (running.done() or self._stop()):
                await asyncio.wait({running}, timeout=0.2)
            if not running.done():
                running.cancel()  # gracefully: what is being done is finished
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            caring.cancel()

    async def _care(self) -> None:
        manager = self._queue.job_manager
        while True:
            try:
                freed = await self._free(())
                if freed:
                    log.info("freed jobs=%d", freed)
                await asyncio.to_thread(self._tidy)
                await manager.delete_old_jobs(
                    KEPT_HOURS, include_cancelled=True, include_aborted=True
                )
            except (exceptions.ConnectorException, StoreError) as exc:
                log.warning("cannot look after the queue error=%r", str(exc))
            await asyncio.sleep(CARE_S)

    def _tidy(self) -> None:
        """Give back at once what a sender that died on this machine had claimed."""
        if has_dead_senders(self.app):
            settle(self.app)
            self.ask(TICK)

    async def _free(self, named: Sequence[int]) -> int:
        """Let jobs whose worker is dead be done again, and failed ones where they are named."""
        manager = self._queue.job_manager
        stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S)
        freed = 0
        for job in stalled:
            if job.id is None or (named and job.id not in named):
                continue
            with contextlib.suppress(exceptions.ConnectorException):
                if job.attempts >= MOST_ATTEMPTS and not named:
                    await manager.finish_job_by_id_async(
                        job.id, status=jobs.Status.FAILED, delete_job=False
                    )
                    continue
                freed += await self._again(job.id)
        for job_id in set(named) - {job.id for job in stalled}:
            freed += await self._again(job_id)
        return freed

    async def _again(self, job_id: int) -> bool:
        manager = self._queue.job_manager
        try:
            await manager.retry_job_by_id_async(job_id, retry_at=self.app.now())
        except exceptions.UniqueViolation:
            # The same work waits already: this job has nothing left to stand for.
            with contextlib.suppress(exceptions.ConnectorException):
                await manager.finish_job_by_id_async(
                    job_id, status=jobs.Status.ABORTED, delete_job=False
                )
            return False
        except exceptions.ConnectorException:  # done meanwhile, or freed by another worker
            return False
        return True

    def _is_due(self) -> bool:
        with self.app.reading() as connection:
            return rows.count_takeable(connection) > 0


def _a_run(name: str, function: Callable[..., None]) -> Callable[..., None]:
    """Let a job's log lines be told from others': those of its tick's run, or of its own."""

    def job(context: procrastinate.JobContext, **arguments: Any) -> None:
        logs.new_run(str(arguments.get("run", "")))
        log.info("began job=%s%s", name, "".join(f" {k}={v}" for k, v in arguments.items()))
        if name == "batch":
            arguments["tries"] = context.job.attempts
        function(**arguments)

    return job


def _job_of(work: Work) -> jobs.Job:
    if work.name == TICK:
        return _job(TICK, work.queue, TICK, lock=TICK, priority=work.priority)
    return _job("recurring", work.queue, work.name, priority=work.priority, name=work.name)


def _job(
    task: str,
    queue: str,
    queueing_lock: str | None = None,
    *,
    lock: str | None = None,
    priority: int | None = None,
    **arguments: types.JSONValue,
) -> jobs.Job:
    return jobs.Job(
        id=None,
        queue=queue,
        lock=lock,
        queueing_lock=queueing_lock,
        task_name=task,
        priority=PRIORITIES[task] if priority is None else priority,
        task_kwargs=arguments,
    )


def _install(app: App) -> None:
    """Make the queue's tables, or bring them to what the installed procrastinate needs."""
    known = sorted(Path(SchemaManager.get_migrations_path()).glob("*.sql"))
    with app.writing() as connection:
        rows.take_turns(connection)
        present = rows.schema_version(connection)
        if present == known[-1].name:
            return
        if not present and rows.is_present(connection):
            # Made by procrastinate's own command, or our note is gone: not made twice.
            rows.set_schema_version(connection, known[-1].name)
            return
        scripts = (
            [path.read_text("utf-8") for path in known if path.name > present]
            if present
            else [SchemaManager.get_schema()]
        )
        raw: Any = connection.connection.driver_connection
        for script in scripts:
            raw.execute(script)  # no parameters: its per cent signs are its own
        rows.set_schema_version(connection, known[-1].name)
