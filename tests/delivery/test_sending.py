"""One run of sending, over a real store and a real server."""

from __future__ import annotations

import os
import signal
import threading
from datetime import timedelta

from builders import NOON
from delivery.runs import compose, plan
from delivery.smtpd import DROP

from digest.errors import RenderError
from digest.model import DeliveryState
from digest.pipeline.claims import settle
from digest.pipeline.sending import SLICE, Stop, send_ready, stopping_on_signals
from digest.store import deliveries, suppressions
from digest.store.suppressions import Suppression


def counts(app):
    with app.reading() as connection:
        found = deliveries.count_by_state(connection)
    return {state.value: count for state, count in found.items() if count}


def test_everything_due_is_sent_once(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    plan(app, 23)
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], report.is_ok, report.waiting) == (23, True, 0)
    assert sorted(m.recipient for m in smtp.received) == sorted(
        f"ada{n}@example.org" for n in range(1, 24)
    )
    assert send_ready(app, compose=compose).counts["sent"] == 0


def test_connections_are_kept(server, open_digest):
    smtp = server()
    app = open_digest(smtp, connections=2)
    plan(app, 30)
    send_ready(app, compose=compose)
    assert (smtp.connections, len(smtp.received)) == (2, 30)


def test_mails_are_composed_as_they_are_wanted(server, open_digest):
    smtp = server()
    app = open_digest(smtp, connections=1, batch_size=100)
    plan(app, 100)
    ahead = []

    class AsWanted(dict):
        def __getitem__(self, row_id):
            ahead.append(len(ahead) - len(smtp.received))
            return super().__getitem__(row_id)

    send_ready(app, compose=lambda rows: AsWanted(compose(rows)))
    assert len(ahead) == len(smtp.received) == 100
    assert max(ahead[SLICE + 1 :]) < 10


def test_one_refused_recipient_does_not_hold_the_others(server, open_digest):
    smtp = server({"RCPT": ["250 ok", "550 5.1.1 nobody", "250 ok"]})
    app = open_digest(smtp, connections=1)
    plan(app, 3)
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], report.counts["failed"]) == (2, 1)
    with app.reading() as connection:
        assert suppressions.count_by_reason(connection)["hard"] == 1


def test_a_deferral_goes_out_later_once(server, open_digest):
    smtp = server({"RCPT": ["450 4.2.0 greylisted"]})
    app = open_digest(smtp, connections=1)
    plan(app, 1)
    report = send_ready(app, compose=compose)
    assert (report.counts["deferred"], report.waiting) == (1, 1)
    assert report.next_due_at >= NOON + timedelta(minutes=5)
    later = open_digest(smtp, now=report.next_due_at)
    assert send_ready(later, compose=compose).counts["sent"] == 1
    assert len(smtp.received) == 1


def test_a_relay_that_is_down_leaves_everything_in_the_outbox(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    smtp.__exit__()
    plan(app, 7)
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], report.waiting, report.is_ok) == (0, 7, False)
    assert "relay0: 127.0.0.1" in report.problems[0]
    assert counts(app) == {"ready": 7}


def test_the_next_relay_takes_over(server, open_digest):
    first, second = server({"connect": ["554 5.7.1 blocked"] * 9}), server()
    app = open_digest(first, second)
    plan(app, 7)
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], len(second.received), len(report.problems)) == (7, 7, 1)


def test_refused_credentials_stop_the_relay_and_not_the_mail(server, open_digest):
    first = server({"MAIL": ["530 5.7.0 log in first"] * 50})
    second = server()
    app = open_digest(first, second, connections=1)
    plan(app, 4)
    assert send_ready(app, compose=compose).counts["sent"] == 4
    assert (len(second.received), counts(app)) == (4, {"sent": 4})


def test_a_lost_reply_is_uncertain_and_not_sent_again(server, open_digest):
    smtp = server({".": [DROP]}, keeps_unanswered=True)
    app = open_digest(smtp, connections=1)
    plan(app, 3)
    assert send_ready(app, compose=compose).counts["uncertain"] == 1
    later = open_digest(smtp, now=NOON + timedelta(hours=10))
    send_ready(later, compose=compose)
    assert len({m.recipient for m in smtp.received}) == len(smtp.received) == 3
    assert counts(app) == {"sent": 2, "uncertain": 1}


def test_resend_mode_sends_it_again_under_the_same_message_id(server, open_digest):
    smtp = server({".": [DROP]}, keeps_unanswered=True)
    app = open_digest(smtp, connections=1, uncertain="resend")
    plan(app, 1)
    send_ready(app, compose=compose)
    later = open_digest(smtp, now=NOON + timedelta(hours=10), uncertain="resend")
    send_ready(later, compose=compose)
    assert len(smtp.received) == 2
    assert smtp.received[0].content == smtp.received[1].content


def test_a_suppressed_address_gets_nothing(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    plan(app, 2)
    with app.writing() as connection:
        row = Suppression(address_hmac=f"{1:064x}", reason="unsubscribed", at=NOON)
        suppressions.add(connection, [row])
    assert send_ready(app, compose=compose).counts["suppressed"] == 1
    assert [m.recipient for m in smtp.received] == ["ada2@example.org"]


def test_unsubscribing_between_claim_and_dot_holds_the_mail(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    plan(app, 1)

    def compose_and_unsubscribe(rows):
        with app.writing() as connection:
            row = Suppression(address_hmac=f"{1:064x}", reason="unsubscribed", at=NOON)
            suppressions.add(connection, [row])
        return compose(rows)

    send_ready(app, compose=compose_and_unsubscribe)
    assert (smtp.received, counts(app)) == ([], {"suppressed": 1})


def test_a_poison_row_fails_alone(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    plan(app, 10)

    def poisoned(rows):
        made = compose(rows)
        made[rows[0].row_id] = RenderError("the title is a snake")
        return made

    report = send_ready(app, compose=poisoned)
    assert (report.counts["failed"], report.counts["sent"]) == (2, 8)


def test_a_broken_template_sends_nothing_at_all(server, open_digest):
    smtp = server()
    app = open_digest(smtp, batch_size=20)
    plan(app, 20)
    report = send_ready(
        app, compose=lambda rows: {row.row_id: RenderError("no such block") for row in rows}
    )
    assert (smtp.received, report.is_ok) == ([], False)
    assert "could not be composed" in report.problems[0]


def test_a_pause_sends_nothing_and_loses_nothing(server, open_digest):
    app = open_digest(server())
    plan(app, 3)
    with app.writing() as connection:
        deliveries.pause(connection, NOON)
    report = send_ready(app, compose=compose)
    assert (report.is_paused, counts(app)) == (True, {"ready": 3})
    with app.writing() as connection:
        deliveries.resume(connection)
    assert send_ready(app, compose=compose).counts["sent"] == 3


def test_stopping_finishes_what_is_begun_and_gives_back_the_rest(server, open_digest):
    smtp = server()
    app = open_digest(smtp, connections=1, batch_size=50)
    plan(app, 50)
    stop = Stop()
    report = send_ready(app, compose=compose, stop=stop, on_progress=lambda count: stop.request())
    assert 1 <= report.counts["sent"] < 50
    assert counts(app) == {"sent": report.counts["sent"], "ready": 50 - report.counts["sent"]}


def test_a_term_signal_ends_a_run_after_what_is_begun(server, open_digest):
    app = open_digest(server(), connections=1, batch_size=50)
    plan(app, 50)
    former = signal.getsignal(signal.SIGTERM)
    with stopping_on_signals() as stop:
        report = send_ready(
            app,
            compose=compose,
            stop=stop,
            on_progress=lambda _: os.kill(os.getpid(), signal.SIGTERM),
        )
    assert 1 <= report.counts["sent"] < 50
    assert counts(app) == {"sent": report.counts["sent"], "ready": 50 - report.counts["sent"]}
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_limit_holds(server, open_digest):
    app = open_digest(server())
    plan(app, 9)
    assert send_ready(app, compose=compose, limit=4).counts["sent"] == 4


def test_two_senders_share_the_work(server, open_digest):
    smtp = server()
    apps = [open_digest(smtp), open_digest(smtp)]
    plan(apps[0], 60)
    threads = [
        threading.Thread(target=send_ready, args=(a,), kwargs={"compose": compose}) for a in apps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({m.recipient for m in smtp.received}) == len(smtp.received) == 60


def test_a_living_senders_claims_are_not_taken_back(server, open_digest):
    app = open_digest(server())
    plan(app, 2)

    def compose_while_another_settles(rows):
        assert settle(app).released == 0
        return compose(rows)

    assert send_ready(app, compose=compose_while_another_settles).counts["sent"] == 2


def test_everything_is_in_one_state(server, open_digest):
    smtp = server({"RCPT": ["550 5.1.1 x", "450 4.2.0 y", "250 z"], ".": [DROP]})
    app = open_digest(smtp, connections=1)
    plan(app, 9)
    send_ready(app, compose=compose)
    assert sum(counts(app).values()) == 9
    assert set(counts(app)) == {state.value for state in DeliveryState if counts(app).get(state)}
