"""What each SMTP reply means, row by row, and when a deferred mail is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery import OutcomeKind, Phase
from digest.delivery._reply import parse_reply
from digest.delivery.policy import (
    FULL_MAILBOX_HOURS,
    RETRY_MINUTES,
    Cause,
    Verdict,
    asked_wait,
    classify,
    retry_at,
)

CONNECT, MAIL, RCPT, DATA, DOT = Phase.CONNECT, Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.DOT
DEFERRED, FAILED = OutcomeKind.DEFERRED, OutcomeKind.FAILED


def verdict(phase: Phase, line: str) -> Verdict:
    reply = parse_reply([line.encode()])
    return classify(phase, reply.code, reply.enhanced_code, reply.text)


def effects(found: Verdict) -> set[str]:
    """Name what a verdict does besides deciding about this one delivery."""
    told = {
        "suppress": found.suppress == "hard",
        "soft": found.soft_bounce,
        "relay": found.blames_relay,
        "domain": found.pauses_domain,
        "stop": found.stops_relay,
    }
    return {name for name, holds in told.items() if holds}


RELAY, STOP = {"relay"}, {"relay", "stop"}
TABLE = [
    (CONNECT, "421 4.3.2 too busy", DEFERRED, Cause.RATE, RELAY),
    (CONNECT, "450 4.3.0 later", DEFERRED, Cause.RELAY, RELAY),
    (CONNECT, "554 5.7.1 your address is listed", DEFERRED, Cause.BLOCKED, STOP),
    (MAIL, "421 4.7.0 too many connections", DEFERRED, Cause.RATE, RELAY),
    (RCPT, "421 too fast", DEFERRED, Cause.RATE, RELAY),
    (DATA, "421 4.3.2 shutting down", DEFERRED, Cause.RATE, RELAY),
    (DOT, "421 4.7.28 unusual rate", DEFERRED, Cause.RATE, RELAY),
    (DOT, "450 4.7.28 unusual rate", DEFERRED, Cause.RATE, RELAY),
    (RCPT, "432 4.3.2 concurrent connections", DEFERRED, Cause.RATE, RELAY),
    (MAIL, "454 4.7.0 try again", DEFERRED, Cause.RATE, RELAY),
    (RCPT, "454 4.7.0 try again", DEFERRED, Cause.RATE, RELAY),
    (DOT, "454 Throttling failure: Maximum sending rate exceeded.", DEFERRED, Cause.RATE, RELAY),
    (RCPT, "450 4.2.0 Greylisted", DEFERRED, Cause.GREYLIST, set()),
    (RCPT, "451 4.7.1 please try again", DEFERRED, Cause.GREYLIST, set()),
    (DOT, "451 4.7.1 please try again", DEFERRED, Cause.GREYLIST, set()),
    (RCPT, "450 4.2.1 receiving mail too quickly", DEFERRED, Cause.RECIPIENT_RATE, set()),
    (RCPT, "452 4.2.2 mailbox full", DEFERRED, Cause.FULL, set()),
    (DOT, "452 4.3.1 no system storage", DEFERRED, Cause.FULL, set()),
    (RCPT, "452 4.5.3 too many recipients", DEFERRED, Cause.TRANSIENT, set()),
    (RCPT, "552 too many recipients", DEFERRED, Cause.TRANSIENT, set()),
    (RCPT, "451 local error", DEFERRED, Cause.TRANSIENT, set()),
    (MAIL, "500 what?", DEFERRED, Cause.PROTOCOL, STOP),
    (RCPT, "503 5.5.1 MAIL first", DEFERRED, Cause.PROTOCOL, STOP),
    (DATA, "504 no such parameter", DEFERRED, Cause.PROTOCOL, STOP),
    (MAIL, "555 unsupported", DEFERRED, Cause.PROTOCOL, STOP),
    (RCPT, "501 5.1.3 bad address", FAILED, Cause.SYNTAX, {"suppress"}),
    (RCPT, "553 5.1.3 bad address", FAILED, Cause.SYNTAX, {"suppress"}),
    (MAIL, "530 5.7.0 log in first", DEFERRED, Cause.CREDENTIALS, STOP),
    (MAIL, "534 5.7.9 stronger, please", DEFERRED, Cause.CREDENTIALS, STOP),
    (CONNECT, "535 5.7.8 wrong password", DEFERRED, Cause.CREDENTIALS, STOP),
    (MAIL, "538 5.7.11 encrypt first", DEFERRED, Cause.CREDENTIALS, STOP),
    (RCPT, "550 5.1.1 user unknown", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (DOT, "550 5.1.1 user unknown", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "550 5.1.2 no such domain", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "550 5.1.6 moved", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "550 5.1.10 not found", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "551 not here", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "553 5.1.0 no such mailbox", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "556 null MX", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "521 takes no mail", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "550 no such user", FAILED, Cause.UNKNOWN_RECIPIENT, {"suppress"}),
    (RCPT, "550 5.2.1 disabled", FAILED, Cause.INACTIVE, {"soft"}),
    (RCPT, "550 5.7.13 disabled", FAILED, Cause.INACTIVE, {"soft"}),
    (RCPT, "552 5.2.2 over quota", FAILED, Cause.FULL, {"soft"}),
    (DOT, "552 5.2.2 over quota", FAILED, Cause.FULL, {"soft"}),
    (MAIL, "552 5.3.4 too large", FAILED, Cause.SIZE, set()),
    (DOT, "552 5.3.4 too large", FAILED, Cause.SIZE, set()),
    (DOT, "552 5.2.3 too large", FAILED, Cause.SIZE, set()),
    (RCPT, "550 5.7.1 refused", FAILED, Cause.POLICY, {"domain"}),
    (DOT, "550 5.7.26 not authenticated", FAILED, Cause.POLICY, {"domain"}),
    (DOT, "550 5.7.515 access denied", FAILED, Cause.POLICY, {"domain"}),
    (DOT, "554 5.7.1 looks like spam", FAILED, Cause.POLICY, {"domain"}),
    (RCPT, "550 rejected: you are on a blocklist", FAILED, Cause.POLICY, {"domain"}),
    (DOT, "554 transaction failed", FAILED, Cause.POLICY, {"domain"}),
    (MAIL, "550 5.1.8 sender's domain is unknown", FAILED, Cause.POLICY, {"domain"}),
]


@pytest.mark.parametrize(("phase", "line", "kind", "cause", "does"), TABLE)
def test_a_reply_means_one_thing_in_one_phase(phase, line, kind, cause, does):
    found = verdict(phase, line)
    assert (found.kind, found.cause, effects(found)) == (kind, cause, does)


@given(
    st.sampled_from(Phase),
    st.integers(400, 599),
    st.sampled_from(["", "x.0.0", "x.1.1", "x.2.1", "x.2.2", "x.4.1", "x.5.3", "x.7.1", "x.9.9"]),
    st.sampled_from(["", "no such user", "blocked: spam", "throttling", "over quota"]),
)
def test_whatever_is_said_only_the_recipients_own_refusal_suppresses(phase, code, enhanced, text):
    found = classify(phase, code, enhanced.replace("x", str(code)[0]), text)
    if code < 500:
        assert (found.kind, found.suppress) == (DEFERRED, "")
    if found.suppress:
        assert phase in (RCPT, DOT)
        assert found.cause in (Cause.UNKNOWN_RECIPIENT, Cause.SYNTAX)
        assert not enhanced.startswith("x.7.")
    assert found.kind is not OutcomeKind.UNCERTAIN  # a reply was read


def test_an_enhanced_code_of_another_class_is_not_believed():
    assert parse_reply([b"550 2.1.5 ok"]).enhanced_code == ""
    assert verdict(RCPT, "450 5.1.1 user unknown").suppress == ""


@pytest.mark.parametrize(
    ("line", "at_least"),
    [
        ("450 4.2.0 greylisted", timedelta(minutes=5)),
        ("450 4.2.1 too quickly", timedelta(hours=1)),
        ("452 4.2.2 full", timedelta(hours=1)),
    ],
)
def test_some_refusals_ask_for_more_patience(line, at_least):
    found = verdict(RCPT, line)
    assert found.min_wait is not None
    assert found.min_wait >= at_least


def due(attempt: int, seed: int = 1, **changes):
    values = {"cause": Cause.TRANSIENT, "min_wait": None, "text": "", "not_after": None}
    found = retry_at(NOON, attempt, seed=seed, **(values | changes))
    return None if found is None else found - NOON


@pytest.mark.parametrize("attempt", range(1, 9))
def test_waits_grow_and_a_crowd_is_spread(attempt):
    step = RETRY_MINUTES[min(attempt, len(RETRY_MINUTES)) - 1]
    waits = [due(attempt, seed=n).total_seconds() / 60 for n in range(200)]
    assert 0.8 * step <= min(waits) < 0.9 * step < 1.1 * step < max(waits) <= 1.2 * step


def test_the_same_delivery_waits_the_same():
    assert due(3, seed=7) == due(3, seed=7)


def test_trying_ends_with_the_mails_age():
    assert due(3, not_after=NOON + timedelta(minutes=5)) is None
    assert due(3, not_after=NOON + timedelta(hours=5)) is not None


def test_a_full_mailbox_is_asked_three_times():
    waits = [due(n, cause=Cause.FULL) for n in (1, 2, 3)]
    for wait, hours in zip(waits, FULL_MAILBOX_HOURS, strict=True):
        assert wait >= 0.8 * timedelta(hours=hours)
    assert due(4, cause=Cause.FULL) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("greylisted, try again in 300 seconds", 300),
        ("please wait 10 minutes", 600),
        ("retry after 2 hours", 7200),
        ("come back in 99999 hours", 86_400),
        ("4.7.1 in 2024 we stopped", None),
    ],
)
def test_a_wait_that_is_asked_for_is_kept(text, seconds):
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert asked_wait(text) == wanted
    if wanted:
        assert due(1, text=text) >= wanted
