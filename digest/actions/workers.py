"""How the workers are doing: queues, lag, throughput, and what is stuck. PostgreSQL only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.app import App
from digest.store import deliveries, queue
from digest.store.queue import QueueState, StuckJob, WorkerState

DEAD_AFTER_S = 30
"""A worker that is silent for so long is dead: its jobs go to others."""

SLOW_S = 300
"""A queue that is so far behind is worth more workers."""


@dataclass(frozen=True, kw_only=True)
class Workforce:
    """All that is known of workers and what waits for them."""

    queues: tuple[QueueState, ...]
    workers: tuple[WorkerState, ...]
    stuck: tuple[StuckJob, ...]
    mails_due: int
    sent_last_hour: int
    oldest_due_at: datetime | None
    advice: tuple[str, ...]
    """What to do, one sentence each; empty where all is well."""

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing needs a look."""
        return not self.advice


def has_queue(app: App) -> bool:
    """Tell whether a worker, or a scheduler, was ever started on this store."""
    with app.reading() as connection:
        return bool(queue.schema_version(connection))


def look(app: App, *, dead_after_s: float = DEAD_AFTER_S) -> Workforce:
    """Return the state of queues and workers; the queue's tables must be there."""
    now = app.now()
    with app.reading() as connection:
        queues = queue.queues(connection)
        workers = queue.workers(connection, dead_after_s)
        stuck = queue.stuck(connection, dead_after_s)
        due = deliveries.count_due(connection, now)
        sent = deliveries.count_sent(connection, now - timedelta(hours=1))
        oldest = deliveries.next_due_at(connection)
    return Workforce(
        queues=queues,
        workers=workers,
        stuck=stuck,
        mails_due=due,
        sent_last_hour=sent,
        oldest_due_at=oldest,
        advice=tuple(_advice(queues, workers, stuck)),
    )


def _advice(
    queues: tuple[QueueState, ...], workers: tuple[WorkerState, ...], stuck: tuple[StuckJob, ...]
) -> list[str]:
    found = []
    alive = [worker for worker in workers if worker.is_alive]
    if any(q.waiting for q in queues) and not alive:
        found.append("jobs wait and no worker is alive: start `digest worker`")
    found += [
        f"{q.name} is {q.lag_s / 60:.0f} minutes behind: start more workers, on any machine"
        for q in queues
        if alive and q.lag_s > SLOW_S
    ]
    dead = [job for job in stuck if job.cause != "failed"]
    if dead:
        found.append(
            f"{len(dead)} jobs belong to dead workers: any living worker takes them over, "
            "`digest workers free` does so now"
        )
    failed = [job for job in stuck if job.cause == "failed"]
    if failed:
        found.append(
            f"{len(failed)} jobs failed too often: read the workers' log, then "
            f"`digest workers free {failed[0].job_id}` (or --failed for all)"
        )
    return found
