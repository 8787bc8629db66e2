"""The job queue's tables as a person looks at them, and what else several machines share.

PostgreSQL only. Jobs are written by the task queue itself; nothing here changes any.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, text, update

from digest.store.tables import installation
from digest.store.upserts import insert_ignore

VERSION = "queue.schema"
_TURNS = 7_301_144
"""The number of our advisory lock: any, but always the same."""


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """One queue: how much waits, since when, and how fast it is worked off."""

    name: str
    waiting: int
    later: int
    """To be tried again at a later time."""
    doing: int
    failed: int
    lag_s: float
    """How long the oldest job that could be done has been waiting; 0 where none is."""
    done_last_hour: int


@dataclass(frozen=True, kw_only=True)
class WorkerState:
    """One process that does jobs."""

    worker_id: int
    doing: int
    silent_s: float
    is_alive: bool


@dataclass(frozen=True, kw_only=True)
class StuckJob:
    """A job that nobody is doing and nobody will do by itself."""

    job_id: int
    task: str
    queue: str
    attempts: int
    since_s: float
    cause: str


def take_turns(connection: Connection) -> None:
    """Wait until no other process is between here and the end of its transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _TURNS})


def schema_version(connection: Connection) -> str:
    """Return the name of the last script applied to the queue's schema; empty without one."""
    return _kept(connection, VERSION)


def is_present(connection: Connection) -> bool:
    """Tell whether the queue has its tables, whoever made them."""
    return connection.scalar(text("SELECT to_regclass('procrastinate_jobs')")) is not None


def set_schema_version(connection: Connection, version: str) -> None:
    """Note the last script applied."""
    insert_ignore(connection, installation, [{"name": VERSION, "value": version}])
    _set(connection, VERSION, version)


def waiting_locks(connection: Connection) -> set[str]:
    """Return the names of work that a waiting job stands for."""
    query = text(
        "SELECT queueing_lock FROM procrastinate_jobs "
        "WHERE status = 'todo' AND queueing_lock IS NOT NULL"
    )
    return set(connection.scalars(query))


def count_waiting(connection: Connection, task: str) -> int:
    """Count the jobs of a task that wait to be done."""
    query = text(
        "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND task_name = :task"
    )
    return connection.scalar(query, {"task": task}) or 0


def count_of_run(connection: Connection, run_id: str) -> int:
    """Count the jobs of a run that wait or are being done."""
    query = text(
        "SELECT count(*) FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing') AND args->>'run' = :run"
    )
    return connection.scalar(query, {"run": run_id}) or 0


def count_takeable(connection: Connection) -> int:
    """Count the jobs that could be begun now."""
    return (
        connection.scalar(
            text(
                "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' "
                "AND (scheduled_at IS NULL OR scheduled_at <= now())"
            )
        )
        or 0
    )


def count_failing(connection: Connection) -> int:
    """Count the jobs that failed for good, or failed before and wait to be tried again."""
    query = text(
        "SELECT count(*) FROM procrastinate_jobs "
        "WHERE status = 'failed' OR (status = 'todo' AND attempts > 1)"
    )
    return connection.scalar(query) or 0


def queues(connection: Connection) -> tuple[QueueState, ...]:
    """Return every queue that has jobs, by name."""
    found = connection.execute(
        text(
            """
            WITH jobs AS (
                SELECT queue_name, status, (scheduled_at > now()) IS TRUE AS is_later,
                       (SELECT max(at) FROM procrastinate_events e
                        WHERE e.job_id = j.id AND e.type IN
                          ('deferred', 'deferred_for_retry', 'retried')) AS asked_at,
                       (SELECT max(at) FROM procrastinate_events e
                        WHERE e.job_id = j.id AND e.type = 'succeeded') AS done_at,
                       scheduled_at
                FROM procrastinate_jobs j
            )
            SELECT queue_name AS name,
                   count(*) FILTER (WHERE status = 'todo' AND NOT is_later) AS waiting,
                   count(*) FILTER (WHERE status = 'todo' AND is_later) AS later,
                   count(*) FILTER (WHERE status = 'doing') AS doing,
                   count(*) FILTER (WHERE status = 'failed') AS failed,
                   coalesce(extract(epoch FROM now() - min(greatest(asked_at, scheduled_at))
                            FILTER (WHERE status = 'todo' AND NOT is_later)), 0)::float AS lag_s,
                   count(*) FILTER (WHERE done_at > now() - interval '1 hour') AS done_last_hour
            FROM jobs GROUP BY queue_name ORDER BY queue_name
            """
        )
    ).mappings()
    return tuple(QueueState(**row) for row in found)


def workers(connection: Connection, dead_after_s: float) -> tuple[WorkerState, ...]:
    """Return every worker that is registered, oldest first."""
    found = connection.execute(
        text(
            """
            SELECT w.id AS worker_id, count(j.id) AS doing,
                   extract(epoch FROM now() - w.last_heartbeat)::float AS silent_s,
                   w.last_heartbeat > now() - make_interval(secs => :dead) AS is_alive
            FROM procrastinate_workers w
            LEFT JOIN procrastinate_jobs j ON j.worker_id = w.id AND j.status = 'doing'
            GROUP BY w.id ORDER BY w.id
            """
        ),
        {"dead": dead_after_s},
    ).mappings()
    return tuple(WorkerState(**row) for row in found)


def stuck(connection: Connection, dead_after_s: float, limit: int = 100) -> tuple[StuckJob, ...]:
    """Return jobs whose worker is dead, and those that failed too often; oldest first."""
    found = connection.execute(
        text(
            """
            SELECT j.id AS job_id, j.task_name AS task, j.queue_name AS queue, j.attempts,
                   coalesce(extract(epoch FROM now() - (SELECT max(at) FROM procrastinate_events e
                            WHERE e.job_id = j.id)), 0)::float AS since_s,
                   CASE WHEN j.status = 'failed' THEN 'failed' ELSE 'its worker is dead' END
                     AS cause
            FROM procrastinate_jobs j
            LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
            WHERE j.status = 'failed'
               OR (j.status = 'doing' AND (w.id IS NULL
                   OR w.last_heartbeat < now() - make_interval(secs => :dead)))
            ORDER BY j.id LIMIT :limit
            """
        ),
        {"dead": dead_after_s, "limit": limit},
    ).mappings()
    return tuple(StuckJob(**row) for row in found)


def _kept(connection: Connection, name: str) -> str:
    return connection.scalar(select(installation.c.value).where(installation.c.name == name)) or ""


def _set(connection: Connection, name: str, value: str) -> None:
    connection.execute(update(installation).where(installation.c.name == name).values(value=value))
