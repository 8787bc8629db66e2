"""Workers on a real PostgreSQL: shared work, deaths, and what is seen of them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import pytest
from crowd import fill
from delivery.runs import plan
from delivery.smtpd import ScriptedServer
from sqlalchemy import select, text, update

from digest import logs
from digest.actions import work, workers
from digest.cli.main import run
from digest.cli.run import _working
from digest.model import Purpose
from digest.store import due, papers
from digest.store import queue as rows
from digest.store.tables import deliveries, editions, runs

tasks = pytest.importorskip("digest.tasks")

NOTICE = {
    "notice": "preferences",
    "values": {"preferences_url": "https://digest.example.org/p/x", "expires": "1 hour"},
}


def crowd(app, people, works=60):
    with app.writing() as connection:
        fill(connection, people=people, works=works, due_at=app.now())


def jobs(app, columns="task_name, status::text"):
    with app.reading() as connection:
        found = connection.execute(text(f"SELECT {columns} FROM procrastinate_jobs"))
        return Counter(tuple(row) for row in found)


def states(app):
    with app.reading() as connection:
        return Counter(connection.scalars(select(deliveries.c.state)))


def tick(queue):
    logs.new_run()
    queue._tick()


def ticks(app):
    with app.reading() as connection:
        return connection.execute(select(runs).order_by(runs.c.started_at)).all()


def test_a_whole_morning_goes_through_the_queue(open_it):
    with ScriptedServer() as server:
        app = open_it(port=server.port)
        crowd(app, 12)
        tasks.JobQueue(app).work(once=True)
        assert states(app) == {"sent": 12}
        assert len({mail.recipient for mail in server.received}) == 12
    assert jobs(app) == {(name, "succeeded"): 1 for name in ("tick", "batch", "send")}


def test_two_workers_share_what_one_would_do(open_it, monkeypatch):
    monkeypatch.setattr(tasks, "BLOCK", 5)
    monkeypatch.setattr(tasks, "SHARE", 5)
    with ScriptedServer() as server:
        apps = [open_it(name, port=server.port) for name in ("one", "two")]
        crowd(apps[0], 40)
        threads = [
            threading.Thread(target=tasks.JobQueue(app).work, kwargs={"once": True}) for app in apps
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert states(apps[0]) == {"sent": 40}
        assert max(Counter(mail.recipient for mail in server.received).values()) == 1


def test_a_batch_and_its_job_are_kept_together_or_not_at_all(open_it, monkeypatch):
    app = open_it()
    crowd(app, 3)
    queue = tasks.JobQueue(app)
    monkeypatch.setattr(queue, "_defer", _fail)
    with pytest.raises(RuntimeError):
        queue._batch()
    assert states(app) == {}
    monkeypatch.undo()
    queue._batch()
    assert states(app) == {"ready": 3}
    assert jobs(app, "task_name, args->>'limit'") == {("send", "3"): 1}


def _fail(*_):
    raise RuntimeError("killed here")


def test_a_tick_and_its_jobs_are_one_run_with_what_all_of_them_did(open_it, monkeypatch):
    monkeypatch.setattr(tasks, "BLOCK", 5)
    app = open_it()
    crowd(app, 12)
    tasks.JobQueue(app).work(once=True)
    (run_,) = ticks(app)
    assert (run_.command, run_.exit_code) == ("tick", 0)
    assert run_.report["planned"]["mailed"] == 12
    assert run_.report["sent"]["counts"] == {"sent": 12}
    assert run_.report["jobs"] == {"asked": 6, "done": 6}  # three batches, a send for each


def test_a_tick_whose_mails_were_refused_ends_with_why(open_it):
    with ScriptedServer({"RCPT": ["550 5.1.1 nobody"] * 2}) as server:
        app = open_it(port=server.port)
        crowd(app, 2)
        tasks.JobQueue(app).work(once=True)
    (run_,) = ticks(app)
    assert run_.exit_code == 1
    assert run_.report["problems"][0] == "2 deliveries failed"


def test_a_tick_whose_jobs_are_gone_is_ended_by_a_later_one(open_it):
    app = open_it()
    crowd(app, 2)
    queue = tasks.JobQueue(app)
    tick(queue)
    with app.writing() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs"))
        connection.execute(update(runs).values(started_at=app.now() - timedelta(minutes=5)))
    tick(queue)
    first, second = ticks(app)
    assert first.exit_code == 1
    assert first.report["problems"] == ["1 of 1 jobs did not finish"]
    assert second.ended_at is None


def test_batches_of_one_tick_end_at_the_same_instant_and_read_its_papers_once(open_it, monkeypatch):
    monkeypatch.setattr(tasks, "BLOCK", 5)
    app = open_it()
    crowd(app, 12)
    read = []
    real = papers.candidates
    monkeypatch.setattr(papers, "candidates", lambda *a, **k: read.append(k) or real(*a, **k))
    tasks.JobQueue(app).work(once=True, concurrency=1)
    assert len(read) == 1
    with app.reading() as connection:
        assert len(set(connection.scalars(select(editions.c.window_end_at)))) == 1


def test_serving_works_off_the_queue_beside_its_schedule(open_it):
    app = open_it()
    crowd(app, 3)
    queue = tasks.JobQueue(app)
    with _working(queue):
        tick = next(one for one in work.recurring(app) if one.name == work.TICK)
        assert queue.defer(tick) == 1
        end = time.monotonic() + 30
        while states(app) != {"sent": 3}:
            assert time.monotonic() < end
            time.sleep(0.05)
    with app.reading() as connection:
        assert rows.workers(connection, 30) == ()  # it took its leave


def test_a_batch_that_took_its_worker_with_it_is_kept_piece_by_piece(open_it, monkeypatch):
    monkeypatch.setattr(tasks, "BLOCK", 16)
    app = open_it()
    crowd(app, 10)
    queue = tasks.JobQueue(app)
    left = [_fail, *[queue._defer] * 2]

    def defer(*given):
        return left.pop()(*given)

    monkeypatch.setattr(queue, "_defer", defer)
    with pytest.raises(RuntimeError):
        queue._batch(tries=1)
    assert states(app) == {"ready": 8}


def test_jobs_done_twice_do_nothing_the_second_time(open_it):
    app = open_it()
    crowd(app, 3)
    queue = tasks.JobQueue(app)
    for _ in range(2):
        queue._batch()
        queue._send(limit=10)
    assert states(app) == {"sent": 3}


def test_many_schedulers_ask_for_work_once(open_it):
    app = open_it()
    plan(app, 3)
    queues = [tasks.JobQueue(app) for _ in range(3)]
    asked = [queue.defer(one) for queue in queues for one in work.recurring(app)]
    assert sum(asked) == len(work.recurring(app))
    for queue in queues:
        tick(queue)
    assert jobs(app)["send", "todo"] <= 1


def test_confirmations_are_taken_first_and_manual_mails_before_editions(open_it):
    app = open_it()
    queue = tasks.JobQueue(app)
    for name in ("tick", "urgent"):
        queue.ask(name)
    with app.writing() as connection:
        queue._defer(connection, [tasks._job("send", "mail", limit=1)])
        order = connection.scalars(
            text("SELECT task_name FROM procrastinate_jobs ORDER BY priority DESC")
        ).all()
    assert order == ["recurring", "tick", "send"]
    assert Purpose.CONFIRMATION.priority < Purpose.MANUAL.priority < Purpose.EDITION.priority


def test_a_dead_workers_job_is_done_by_another(open_it):
    app = open_it()
    queue = tasks.JobQueue(app)
    queue.ask("tick")
    with app.writing() as connection:
        _die_with(connection, "tick")
    look = workers.look(app, dead_after_s=queue.dead_after_s)
    assert [job.cause for job in look.stuck] == ["its worker is dead"]
    assert any("workers free" in sentence for sentence in look.advice)
    assert queue.free() == 1
    queue.work(once=True)
    assert jobs(app)["tick", "succeeded"] == 1


def test_a_dead_workers_job_is_not_doubled_by_one_that_waits(open_it):
    app = open_it()
    queue = tasks.JobQueue(app)
    queue.ask("tick")
    with app.writing() as connection:
        _die_with(connection, "tick")
    queue.ask("tick")
    assert queue.free() == 0
    assert jobs(app) == {("tick", "aborted"): 1, ("tick", "todo"): 1}


def test_a_job_that_takes_every_worker_with_it_is_left_for_a_person(open_it):
    app = open_it()
    queue = tasks.JobQueue(app)
    queue.ask("tick")
    with app.writing() as connection:
        _die_with(connection, "tick", attempts=tasks.MOST_ATTEMPTS)
    assert queue.free() == 0
    look = workers.look(app, dead_after_s=queue.dead_after_s)
    assert [(job.task, job.cause) for job in look.stuck] == [("tick", "failed")]
    assert queue.free([look.stuck[0].job_id]) == 1


def _die_with(connection, task, attempts=0):
    connection.execute(
        text(
            "WITH gone AS (INSERT INTO procrastinate_workers (last_heartbeat) "
            "VALUES (now() - interval '1 hour') RETURNING id) "
            "UPDATE procrastinate_jobs SET status = 'doing', attempts = :attempts, "
            "worker_id = (SELECT id FROM gone) WHERE task_name = :task AND status = 'todo'"
        ),
        {"task": task, "attempts": attempts},
    )


def test_the_commands_show_queues_and_free_jobs(open_it, postgresql_engine, monkeypatch, capsys):
    url = postgresql_engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("DIGEST_STORE__URL", url)
    assert run(["worker", "--once"]) == 0
    assert run(["workers", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["queues"][0]["name"] == "plan"
    assert shown["queues"][0]["done_last_hour"] == 1
    assert run(["workers", "free"]) == 0
    assert "0 jobs" in capsys.readouterr().out


def test_the_owner_is_told_once_of_jobs_that_fail_and_once_when_they_do_not(open_it):
    app = open_it(owner="owner@example.org")
    queue = tasks.JobQueue(app)
    queue.ask("urgent")
    with app.writing() as connection:
        _die_with(connection, "recurring", attempts=tasks.MOST_ATTEMPTS)
    queue.free()
    told = []
    for _ in range(2):
        tick(queue)
        told.append(sum(states(app).values()))
    with app.writing() as connection:
        connection.execute(text("DELETE FROM procrastinate_jobs WHERE status = 'failed'"))
    for _ in range(2):
        tick(queue)
        told.append(sum(states(app).values()))
    assert told == [1, 1, 2, 2]
    assert jobs(app)["recurring", "todo"] == 1  # the mail about it does not wait for editions


@pytest.mark.slow
def test_workers_killed_again_and_again_lose_and_double_nothing(open_it, tmp_path):
    with ScriptedServer() as server:
        app = open_it(port=server.port)
        crowd(app, 120)
        tasks.JobQueue(app).ask("tick")
        for wanted in (20, 60, None):
            child = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(tmp_path / "here.json")], start_new_session=True
            )
            end = time.monotonic() + 40
            while not (_is_settled(app) or time.monotonic() > end):
                if wanted is not None and len(server.received) >= wanted:
                    break
                time.sleep(0.05)
            os.kill(child.pid, signal.SIGKILL)
            child.wait()
        counted = states(app)
        taken = Counter(mail.recipient for mail in server.received)
        assert max(taken.values()) == 1
        assert sum(counted.values()) == 120
        # A mail whose reply nobody read may have arrived: it is listed, never sent again.
        assert counted["sent"] <= len(taken) <= counted["sent"] + counted["uncertain"]
        assert set(counted) <= {"sent", "uncertain"}


def _is_settled(app):
    with app.reading() as connection:
        waiting = due.count(connection, app.now())
    return not waiting and set(states(app)) <= {"sent", "uncertain"}


WORKER = """
import json, sys
from digest.app import open_app
from digest.config import load_config
from digest.tasks import JobQueue
with open_app(load_config(overrides=json.load(open(sys.argv[1])))) as app:
    JobQueue(app).work()
"""
