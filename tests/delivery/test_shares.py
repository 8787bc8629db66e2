"""A run shared among processes: everybody once, whoever dies."""

from __future__ import annotations

import errno
import logging
import os
import signal
import time
from collections import Counter
from datetime import timedelta
from multiprocessing.context import BaseContext, SpawnProcess

import orjson
import pytest
from builders import NOON
from crowd import fill
from sqlalchemy import func, select, update

from digest import logs
from digest.model import SubscriberStatus
from digest.pipeline import _owners, planning, shares
from digest.store import due, ledger, marking, outbox
from digest.store.tables import deliveries, subscriptions
from digest.store.tables import editions as edition_table


@pytest.fixture
def crowd(open_digest, server, monkeypatch):
    """Open a digest with readers who are due, to be served by two processes."""
    monkeypatch.setattr(shares, "WORTH", 10)
    smtp = server()

    def start(people):
        app = open_digest(smtp, processes=2)
        with app.writing() as connection:
            fill(connection, people=people, works=60, due_at=NOON)
        return app, smtp

    return start


def plan(app):
    with shares.Crew(app) as crew:
        return crew.plan()


def send(app):
    with shares.Crew(app) as crew:
        return crew.send(stop=lambda: False)


def states(app):
    with app.reading() as connection:
        query = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        return dict(connection.execute(query).all())


@pytest.mark.slow
def test_two_processes_plan_and_send_everybody_once(crowd):
    app, smtp = crowd(40)
    planned = plan(app)
    report = send(app)
    assert (planned.mailed, report.counts["sent"], report.is_ok) == (40, 40, True)
    assert set(Counter(m.recipient for m in smtp.received).values()) == {1}
    assert len(smtp.received) == 40
    assert states(app) == {"sent": 40}


@pytest.mark.slow
def test_a_helper_that_dies_leaves_nothing_behind(crowd, monkeypatch):
    app, smtp = crowd(40)
    plan(app)
    monkeypatch.setattr(shares, "_send_share", killed)
    report = send(app)
    assert (report.counts["sent"], len(smtp.received), states(app)) == (40, 40, {"sent": 40})


def killed(_app, _parts, _take, _stop):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_helpers_stay_from_planning_to_sending(crowd):
    app, smtp = crowd(40)
    with shares.Crew(app) as crew:
        assert crew.plan().mailed == 40
        report = crew.send(stop=lambda: False)
    assert (report.counts["sent"], report.is_ok, len(smtp.received)) == (40, True, 40)


@pytest.mark.slow
def test_what_a_planner_that_dies_had_taken_is_planned_by_others(crowd, monkeypatch):
    app, _ = crowd(40)
    waiting = shares._Helpers.reports

    def take_and_die(self, task, **options):
        for helper in self._all:
            helper.pipe.recv()  # it is up, and about to report
            helper.is_up = True
            helper.process.kill()
        return waiting(self, task, **options)

    monkeypatch.setattr(shares._Helpers, "reports", take_and_die)
    monkeypatch.setattr(shares, "_plan_parts", takes_all)
    assert plan(app).mailed == 40


def takes_all(_app, parts, take, _stop):
    """Take every part and plan none, as one who is killed does."""
    while take() < parts:
        pass
    return planning.PlanReport()


@pytest.mark.slow
def test_a_helper_that_a_service_manager_tells_to_end_still_reports(crowd, monkeypatch, caplog):
    app, smtp = crowd(40)
    plan(app)
    monkeypatch.setattr(shares, "_send_share", told_to_end)
    report = send(app)
    assert (report.counts["sent"], report.is_ok, len(smtp.received)) == (40, True, 40)
    assert "helper ended" not in caplog.text


def told_to_end(app, parts, take, stop):
    os.kill(os.getpid(), signal.SIGTERM)
    assert stop()
    return shares._send_share(app, parts, take, stop)


@pytest.mark.slow
def test_helpers_log_as_the_run_does_and_name_nobody(crowd, monkeypatch, capfd):
    app, _ = crowd(40)
    plan(app)
    monkeypatch.setattr(shares, "_send_share", fails_at_somebody)
    logs.configure(json_lines=True)
    run = logs.new_run()
    try:
        assert send(app).is_ok
    finally:
        logging.getLogger("digest").handlers.clear()
    said = capfd.readouterr().err
    lines = [orjson.loads(line) for line in said.splitlines() if line.startswith("{")]
    told = next(line for line in lines if line["event"] == "helper failed")
    assert (told["run"], told["error"]) == (run, "ValueError")
    assert "<address>" in told["traceback"]
    assert "ada@example.org" not in said


def fails_at_somebody(_app, _parts, _take, _stop):
    raise ValueError("nothing for ada@example.org")


@pytest.mark.slow
def test_what_a_planner_leaves_who_is_told_to_end_is_planned_by_others(crowd, monkeypatch):
    app, _ = crowd(40)
    waiting = shares._Helpers.reports

    def until_up(self, task, **options):
        for helper in self._all:
            helper.pipe.recv()
            helper.is_up = True
        return waiting(self, task, **options)

    monkeypatch.setattr(shares._Helpers, "reports", until_up)
    monkeypatch.setattr(shares, "_plan_parts", takes_all)
    assert plan(app).mailed == 40


@pytest.mark.slow
def test_what_a_dead_helper_leaves_uncertain_is_in_the_report(crowd, monkeypatch):
    app, _ = crowd(40)
    plan(app)
    monkeypatch.setattr(shares, "_send_share", dies_at_a_dot)
    begun = shares._Helpers.begin

    def begin_and_wait(self, *args):
        begun(self, *args)
        latest = time.monotonic() + 60
        while "transmitting" not in states(app) and time.monotonic() < latest:
            time.sleep(0.05)

    monkeypatch.setattr(shares._Helpers, "begin", begin_and_wait)
    report = send(app)
    assert (report.counts["sent"], report.counts["uncertain"], report.is_ok) == (39, 1, False)


def dies_at_a_dot(app, _parts, _take, _stop):
    with _owners.owner(app.config.data_dir) as owner, app.engine.connect() as connection:
        now = app.now()
        until = now + timedelta(hours=1)
        with connection.begin():
            (row,) = outbox.claim(connection, owner, now=now, lease_until=until, limit=1)
        with connection.begin():
            marking.mark(connection, owner, [row.row_id])
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    "lacking",
    [(BaseContext, "Event"), (SpawnProcess, "_Popen")],
    ids=["semaphores", "processes"],
)
def test_where_no_helper_can_be_had_one_process_does_it_all(crowd, monkeypatch, lacking):
    def refused(*_):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    app, smtp = crowd(40)
    monkeypatch.setattr(*lacking, refused)
    assert plan(app).mailed == 40
    assert (send(app).is_ok, len(smtp.received)) == (True, 40)


def test_a_small_run_stays_in_one_process(crowd, monkeypatch):
    app, _ = crowd(12)
    monkeypatch.setattr(shares, "_Helpers", None)
    assert plan(app).mailed == 12


def test_a_planner_who_is_told_to_end_leaves_the_rest_between_two_blocks(crowd):
    app, _ = crowd(21)
    asked = iter([False, False, True])
    first = planning.plan_due(app, block=5, stop=lambda: next(asked))
    assert (first.mailed, planning.plan_due(app).mailed) == (10, 11)


@pytest.mark.parametrize("run", [1, 4, 250])
def test_shares_are_of_subscribers_and_whole(crowd, monkeypatch, run):
    monkeypatch.setattr(due, "RUN", run)
    app, _ = crowd(21)
    parts = [planning.plan_due(app, share=(n, 3), block=2).mailed for n in range(3)]
    assert (sum(parts), planning.plan_due(app).mailed) == (21, 0)
    assert (max(parts) < 21) is (run < 21)


def meanwhile(app, monkeypatch, change):
    """Change something between ranking and writing, once."""
    ranked = planning.ranked

    def draft(*args, **options):
        made = ranked(*args, **options)
        with app.writing() as connection:
            change(connection, made)
        monkeypatch.setattr(planning, "ranked", ranked)
        return made

    monkeypatch.setattr(planning, "ranked", draft)


def test_who_left_while_we_ranked_gets_nothing(crowd, monkeypatch):
    app, _ = crowd(5)

    def leave(connection, _made):
        gone = {"status": SubscriberStatus.UNSUBSCRIBED}
        connection.execute(update(subscriptions).where(subscriptions.c.id == 3).values(**gone))

    meanwhile(app, monkeypatch, leave)
    assert planning.plan_due(app).mailed == 4


def test_a_paper_shown_while_we_ranked_is_not_shown_again(crowd, monkeypatch):
    app, _ = crowd(3)
    given = []

    def show(connection, made):
        pick = made[0].edition.picks[0]
        given.append((made[0].subscription.subscriber.row_id, pick.paper_id))
        person, paper = given[0]
        ledger.enter(connection, [(person, 999, [paper])])

    meanwhile(app, monkeypatch, show)
    assert planning.plan_due(app).mailed == 3
    with app.reading() as connection:
        query = select(edition_table.c.content).where(edition_table.c.subscriber_id == given[0][0])
        (content,) = connection.scalars(query)
    assert given[0][1] not in orjson.loads(content)["picks"]["paper_ids"]


def test_message_ids_grow_in_the_order_of_planning(crowd):
    app, _ = crowd(12)
    plan(app)
    with app.reading() as connection:
        names = select(deliveries.c.message_id).order_by(deliveries.c.edition_id)
        found = list(connection.scalars(names))
    assert len(set(found)) == 12
    assert found == sorted(found)
