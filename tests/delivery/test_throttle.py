"""Limits of relays and recipients' domains: counted at the wire, remembered, never a blockade."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from builders import NOON
from delivery.runs import compose, plan
from delivery.test_sending import counts
from sqlalchemy import select

from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery.policy import Cause
from digest.pipeline._throttle import Throttle
from digest.pipeline.sending import send_ready
from digest.store.tables import deliveries

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def plan_for(app, domain, count, start=0):
    for n in range(start, start + count):
        plan(
            app, 1, address=f"r{n}@{domain}", address_hmac=f"{n:064x}", message_id=f"<{n}@{domain}>"
        )


def due(app, domain):
    with app.reading() as connection:
        query = select(deliveries.c.next_attempt_at).where(
            deliveries.c.domain == domain, deliveries.c.state == "ready"
        )
        # Pacing goes on where the clock is fixed: a run of a second makes that of difference.
        return [at.replace(second=0, microsecond=0) for at in sorted(connection.scalars(query))]


def domains(smtp):
    return [m.recipient.partition("@")[2] for m in smtp.received]


def test_a_full_domain_is_parked_and_the_others_go(server, open_digest):
    smtp = server()
    app = open_digest(smtp, limits={"domain_rate_per_s": 1 / 120})
    plan_for(app, "slow.example", 4)
    plan_for(app, "b.example", 1)
    plan_for(app, "c.example", 1)
    report = send_ready(app, compose=compose)
    assert sorted(domains(smtp)) == ["b.example", "c.example", "slow.example"]
    assert (report.waiting, counts(app)) == (3, {"sent": 3, "ready": 3})
    assert due(app, "slow.example") == [NOON + 2 * MINUTE] * 3


def test_a_relays_rate_paces_the_run_and_loses_nothing(server, open_digest):
    smtp = server()
    app = open_digest(smtp, now=None, limits={"rate_per_s": 20, "burst": 2})
    plan(app, 9, expires_at=None)
    begun = time.monotonic()
    assert send_ready(app, compose=compose).counts["sent"] == 9
    assert time.monotonic() - begun >= 7 / 20


def test_a_domain_that_may_go_on_soon_is_waited_for(server, open_digest):
    smtp = server()
    app = open_digest(smtp, now=None, limits={"domain_rate_per_s": 10})
    plan(app, 3, expires_at=None)
    assert send_ready(app, compose=compose).counts["sent"] == 3


def test_a_fixed_clock_does_not_stop_the_pace(server, open_digest):
    """As with ``--now``: mails wait for tokens in real time."""
    smtp = server()
    app = open_digest(smtp, limits={"rate_per_s": 20, "domain_rate_per_s": 30})
    plan(app, 9)
    begun = time.monotonic()
    report = send_ready(app, compose=compose)
    assert (report.counts["sent"], report.problems) == (9, ())
    assert 7 / 20 <= time.monotonic() - begun < 30


def test_a_used_up_day_is_told_and_remembered(server, open_digest):
    smtp = server()
    app = open_digest(smtp, limits={"per_day": 3})
    plan(app, 5)
    report = send_ready(app, compose=compose)
    assert (len(smtp.received), report.waiting, report.is_ok) == (3, 2, False)
    assert "relay0: to be used again from 13:00" in report.problems[0]
    later = open_digest(smtp, now=NOON + 2 * HOUR, limits={"per_day": 3})
    send_ready(later, compose=compose)
    assert len(smtp.received) == 3


def test_the_next_relay_takes_over_where_a_day_is_used_up(server, open_digest):
    first, second = server(), server()
    app = open_digest(first, second, limits={"per_day": 2})
    plan(app, 4)
    assert send_ready(app, compose=compose).counts["sent"] == 4
    assert (len(first.received), len(second.received)) == (2, 2)


def test_a_policy_refusal_rests_the_domain_and_nobody_else(server, open_digest):
    smtp = server({"RCPT": ["550 5.7.1 blocked for spam"]})
    app = open_digest(smtp, connections=1)
    plan_for(app, "strict.example", 3)
    plan_for(app, "b.example", 2)
    send_ready(app, compose=compose)
    assert domains(smtp) == ["b.example", "b.example"]
    assert counts(app) == {"sent": 2, "failed": 1, "ready": 2}
    assert due(app, "strict.example") == [NOON + 10 * MINUTE] * 2


def test_a_relay_that_broke_is_left_alone_for_longer_each_time(server, open_digest):
    smtp = server({"connect": ["421 4.3.2 busy"] * 2})
    app = open_digest(smtp)
    plan(app, 1)
    assert "busy" in send_ready(app, compose=compose).problems[0]
    soon = open_digest(smtp, now=NOON + SECOND)
    assert "to be used again from 12:00:05" in send_ready(soon, compose=compose).problems[0]
    assert smtp.connections == 1
    send_ready(open_digest(smtp, now=NOON + HOUR), compose=compose)
    again = open_digest(smtp, now=NOON + HOUR + 9 * SECOND)
    assert "13:00:10" in send_ready(again, compose=compose).problems[0]
    last = open_digest(smtp, now=NOON + 2 * HOUR)
    assert (send_ready(last, compose=compose).counts["sent"], smtp.connections) == (1, 3)


def test_messages_to_one_domain_take_turns_with_the_others(open_digest, server):
    smtp = server()
    app = open_digest(smtp, connections=1)
    plan_for(app, "a.example", 3)
    plan_for(app, "b.example", 1)
    send_ready(app, compose=compose)
    assert [mail.recipient.partition("@")[2] for mail in smtp.received] == [
        "a.example", "b.example", "a.example", "a.example",
    ]  # fmt: skip


def test_no_more_messages_are_under_way_to_a_domain_than_allowed(server, open_digest):
    smtp = server()
    app = open_digest(smtp, connections=4, limits={"domain_connections": 1})
    plan_for(app, "a.example", 12)
    seen = []

    class Watched(Throttle):
        def begin(self, relay, domain):
            super().begin(relay, domain)
            seen.append(self._going[relay, domain])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digest.pipeline.sending.Throttle", Watched)
        assert send_ready(app, compose=compose).counts["sent"] == 12
    assert max(seen) == 1


class Slowing:
    """A throttle and its clock."""

    def __init__(self, open_digest, server):
        self.smtp = server()
        self.open = lambda now: Throttle(open_digest(self.smtp, now=now), lambda: 0.0)

    def refuse(self, at, phase=Phase.RCPT):
        rate = Outcome(kind=OutcomeKind.DEFERRED, phase=phase, code=421, cause=Cause.RATE)
        self.open(at).note("relay0", "a.example", rate)

    def passed(self, at, domain="a.example", seconds=10):
        """Count the messages that pass within so many seconds."""
        found = 0
        for tenth in range(seconds * 10):
            throttle = self.open(at + tenth * timedelta(milliseconds=100))
            found += throttle.wait("relay0", domain) is None
        return found


@pytest.fixture
def slowing(open_digest, server):
    return Slowing(open_digest, server)


def test_a_refusal_for_rate_halves_it_and_it_comes_back(slowing):
    slowing.refuse(NOON)
    assert slowing.passed(NOON + SECOND, seconds=2) == 10  # of 20 instants
    assert slowing.passed(NOON + SECOND, "b.example", seconds=1) == 10
    assert slowing.passed(NOON + 21 * MINUTE, seconds=1) == 10


def test_three_refusals_in_an_hour_suspend_for_an_hour(slowing):
    for minute in (0, 20, 40):
        slowing.refuse(NOON + minute * MINUTE)
    wait = slowing.open(NOON + 41 * MINUTE).wait("relay0", "a.example")
    assert wait is not None
    assert (wait.until, wait.is_relay) == (NOON + 100 * MINUTE, False)
    assert slowing.open(NOON + 41 * MINUTE).wait("relay0", "b.example") is None


def test_a_refusal_before_the_recipient_is_the_relays(slowing):
    for _ in range(3):
        slowing.refuse(NOON, phase=Phase.MAIL)
    wait = slowing.open(NOON + SECOND).wait("relay0", "b.example")
    assert wait is not None
    assert wait.is_relay


def test_one_connection_is_left_while_a_domain_is_slow(slowing):
    slowing.refuse(NOON)
    throttle = slowing.open(NOON + MINUTE)
    throttle.wait("relay0", "a.example")
    throttle.begin("relay0", "a.example")
    assert throttle.is_crowded("relay0", "a.example")
    throttle.end("relay0", "a.example")
    assert not throttle.is_crowded("relay0", "a.example")
