from __future__ import annotations

import json
from datetime import timedelta

import pytest
from builders import NOON
from delivery.runs import compose, plan
from delivery.smtpd import DROP

from digest.actions import outbox
from digest.cli._output import print_json
from digest.errors import UsageError
from digest.model import DeliveryState
from digest.pipeline.sending import send_ready
from digest.store.outbox import claim


def test_a_whole_outbox_verifies(server, open_digest):
    app = open_digest(server())
    plan(app, 3)
    send_ready(app, compose=compose)
    found = outbox.verify(app)
    assert (found.is_ok, found.planned, found.counts["sent"]) == (True, 3, 3)


def test_an_uncertain_delivery_needs_a_look_and_goes_again_only_when_told(server, open_digest):
    smtp = server({".": [DROP]})
    app = open_digest(smtp, connections=1)
    plan(app, 1)
    send_ready(app, compose=compose)
    found = outbox.verify(app)
    assert (found.is_ok, len(found.uncertain)) == (False, 1)
    assert outbox.retry(app, [found.uncertain[0].row_id]) == 1
    assert send_ready(app, compose=compose).counts["sent"] == 1
    assert outbox.verify(app).is_ok


@pytest.mark.parametrize("days", [2, 40])
def test_a_delivery_asked_for_by_name_is_not_too_old(server, open_digest, days):
    plan(open_digest(server()), 2)
    smtp = server()
    app = open_digest(smtp, now=NOON + timedelta(days=days))
    assert send_ready(app, compose=compose).counts["expired"] == 2
    late = outbox.listed(app, state=DeliveryState.EXPIRED)[0]
    assert outbox.retry(app, [late.row_id]) == 1
    assert send_ready(app, compose=compose).counts["sent"] == 1
    assert len(smtp.received) == 1


def test_a_failed_delivery_that_is_late_is_tried_when_asked_for(server, open_digest):
    app = open_digest(server({"RCPT": ["554 5.7.1 not today"]}))
    plan(app, 1)
    assert send_ready(app, compose=compose).reasons == ("554 5.7.1 not today",)
    app = open_digest(server(), now=NOON + timedelta(days=3))
    [row] = outbox.listed(app, state=DeliveryState.FAILED)
    outbox.retry(app, [row.row_id])
    assert send_ready(app, compose=compose).counts["sent"] == 1


def test_the_story_of_a_delivery_names_each_attempt(server, open_digest):
    app = open_digest(server({"RCPT": ["550 5.1.1 nobody"]}))
    plan(app, 1)
    send_ready(app, compose=compose)
    [row] = outbox.listed(app, state=DeliveryState.FAILED)
    [attempt] = outbox.story(app, row.row_id).attempts
    assert (attempt.phase, attempt.code, attempt.enhanced_code) == ("rcpt", 550, "5.1.1")


def test_a_sent_delivery_is_neither_retried_nor_cancelled(server, open_digest):
    app = open_digest(server())
    plan(app, 1)
    send_ready(app, compose=compose)
    [row] = outbox.listed(app)
    assert (outbox.retry(app, [row.row_id]), outbox.cancel(app, [row.row_id])) == (0, 0)


def test_a_cancelled_claim_is_not_sent(server, open_digest):
    smtp = server()
    app = open_digest(smtp)
    plan(app, 1)

    def compose_and_cancel(rows):
        outbox.cancel(app, [row.row_id for row in rows])
        return compose(rows)

    report = send_ready(app, compose=compose_and_cancel)
    assert (smtp.received, report.counts["cancelled"]) == ([], 1)


def test_an_unknown_number_is_wrong_use(server, open_digest):
    with pytest.raises(UsageError, match="no delivery 7"):
        outbox.cancel(open_digest(server()), [7])


def test_explaining_says_why_no_mail_came(server, open_digest):
    app = open_digest(server({"RCPT": ["554 5.7.1 we do not like you"]}))
    plan(app, 1)
    send_ready(app, compose=compose)
    assert outbox.explain_mail(app, "Ada1@Example.org").verdict == (
        "the latest mail is failed (policy): 554 5.7.1 we do not like you"
    )
    assert "nobody subscribed" in outbox.explain_mail(app, "eve@example.org").verdict


def test_a_lease_that_ended_is_settled_by_verifying(server, open_digest):
    app = open_digest(server())
    plan(app, 1)
    with app.writing() as connection:
        claim(connection, "gone", now=NOON, lease_until=NOON - timedelta(seconds=1), limit=1)
    assert outbox.verify(app).counts["ready"] == 1


def test_the_report_prints_as_json(server, open_digest, capsys):
    print_json(outbox.verify(open_digest(server())))
    assert json.loads(capsys.readouterr().out)["planned"] == 0
