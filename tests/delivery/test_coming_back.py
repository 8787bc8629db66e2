"""From the mailbox to what follows: real IMAP on loopback, a real Maildir, a real store."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from builders import NOON
from delivery.imapd import ImapServer
from delivery.returned_mail import (
    QUOTED,
    SAMPLES,
    a_reader,
    a_sent_mail,
    opened,
    sample,
    suppressed,
)
from delivery.smtpd import ScriptedServer
from sqlalchemy import update

from digest.actions import bounces
from digest.actions.doctor.mail import look
from digest.actions.explaining import explain
from digest.actions.outbox import explain_mail
from digest.app import open_app
from digest.config import load_config
from digest.delivery.bounces.imap import ImapMailbox
from digest.errors import DeliveryError, UsageError
from digest.imap import ImapPlace
from digest.model import Purpose, SubscriberStatus
from digest.pipeline import composing
from digest.pipeline.sending import send_ready
from digest.store import alerts, outbox, subscribers
from digest.store import tables as t
from digest.store.outbox import Planned
from digest.subscribers.tokens import Signer, TokenPurpose


@pytest.fixture
def server():
    with ImapServer() as started:
        yield started


@pytest.fixture
def clock():
    return {"now": NOON}


@pytest.fixture
def open_with(tmp_path, clock):
    with ExitStack() as stack:
        yield lambda server=None, **wanted: stack.enter_context(
            opened(tmp_path, clock, server, **wanted)
        )


def test_a_hard_bounce_suppresses_and_ends_the_subscription(open_with, server):
    app = open_with(server)
    reader = a_reader(app)
    mail = server.add(sample("postfix-unknown", app, a_sent_mail(app, reader)))
    report = bounces.take_in(app)
    assert (report.seen, report.suppressed, dict(report.kinds)) == (1, 1, {"hard": 1})
    assert suppressed(app) == "hard"
    assert mail.flags == {"\\Seen"}
    with app.reading() as connection:
        assert subscribers.get(connection, reader).status is SubscriberStatus.UNSUBSCRIBED


def test_a_complaint_suppresses_for_good(open_with, server):
    app = open_with(server)
    server.add(sample("arf-abuse", app, a_sent_mail(app, a_reader(app))))
    assert bounces.take_in(app).suppressed == 1
    assert suppressed(app) == "complaint"


def test_policy_delays_and_away_notices_suppress_nobody(open_with, server):
    app = open_with(server)
    delivery = a_sent_mail(app, a_reader(app))
    for name in ("postfix-spamhaus", "postfix-delayed", "away-outlook", "gmail-rate"):
        server.add(sample(name, app, delivery))
    report = bounces.take_in(app)
    assert (report.seen, report.suppressed, report.scored) == (4, 0, 0)
    assert dict(report.kinds) == {"policy": 2, "delayed": 1, "auto-reply": 1}
    assert suppressed(app) == ""


def test_a_second_pass_changes_nothing_and_nothing_is_ever_deleted(open_with, server):
    app = open_with(server)
    server.add(sample("postfix-over-quota", app, a_sent_mail(app, a_reader(app))))
    assert bounces.take_in(app).scored == 1
    assert bounces.take_in(app).seen == 0
    server.validity += 1  # the folder was made anew: everything is read again, counted once
    again = bounces.take_in(app)
    assert again.seen == 1
    said = " ".join(server.commands).upper()
    assert "DELETED" not in said
    assert "EXPUNGE" not in said


def test_five_days_of_a_full_mailbox_are_the_end(open_with, server, clock):
    app = open_with(server)
    reader = a_reader(app)
    for day in range(5):
        assert suppressed(app) == ""
        clock["now"] = NOON + timedelta(days=day)
        delivery = a_sent_mail(app, reader, sent_at=clock["now"])
        server.add(sample("postfix-over-quota", app, delivery))
        bounces.take_in(app)
    assert suppressed(app) == "hard"


def test_mail_that_got_through_in_between_starts_anew(open_with, server, clock):
    app = open_with(server)
    reader = a_reader(app)
    for day in range(12):
        clock["now"] = NOON + timedelta(days=day)
        delivery = a_sent_mail(app, reader, sent_at=clock["now"])
        if day % 2 == 0:
            server.add(sample("postfix-over-quota", app, delivery))
        bounces.take_in(app)
    assert suppressed(app) == ""


def test_a_refusal_of_where_a_reader_forwards_to_only_counts(open_with, server):
    app = open_with(server)
    reader = a_reader(app, "someone@else.example")
    delivery = a_sent_mail(app, reader, "someone@else.example")
    server.add(sample("postfix-unknown", app, delivery))
    report = bounces.take_in(app)
    assert (report.suppressed, report.scored) == (0, 1)


def test_what_nobody_is_known_by_is_kept_and_flagged(open_with, server):
    app = open_with(server)
    mail = server.add(sample("postfix-unknown"))
    letter = server.add(sample("a-persons-letter"))
    report = bounces.take_in(app)
    assert report.unmatched == 1
    assert mail.flags == {"\\Seen", "\\Flagged"}
    assert letter.flags == set()


def test_a_forged_envelope_sender_suppresses_nobody(open_with, server):
    app = open_with(server)
    delivery = a_sent_mail(app, a_reader(app))
    path = app.return_paths.make(delivery)
    local, _, domain = path.rpartition("@")
    forged = f"{local[:-1]}{'b' if local.endswith('a') else 'a'}@{domain}"
    content = sample("postfix-unknown").replace(b"nobody@bounces.example.org", forged.encode())
    server.add(content.replace(QUOTED, b"<x@elsewhere.example>"))
    assert bounces.take_in(app).unmatched == 1
    assert suppressed(app) == ""


def test_a_mail_unsubscribes_by_its_token_alone(open_with, server):
    app = open_with(server)
    reader = a_reader(app)
    token = Signer(app.secret_keys).make(TokenPurpose.UNSUBSCRIBE, reader)
    letter = (SAMPLES / "unsubscribe-letter.eml").read_bytes()
    server.add(letter)
    server.add(letter.replace(b"AQEyZ0EHBwAAABk3mTQ8uJ7yQnJvXcV6sT9z", token.encode()))
    report = bounces.take_in(app)
    assert (report.left, report.unmatched) == (1, 1)
    assert suppressed(app) == "unsubscribed"


def test_refusals_on_the_wire_count_as_if_they_had_come_back(open_with):
    app = open_with()
    reader = a_reader(app)
    full, unknown = a_sent_mail(app, reader), a_sent_mail(app, a_reader(app, "b@uni.example"))
    with app.writing() as connection:
        for row, cause in ((full, "full"), (unknown, "unknown-recipient")):
            connection.execute(
                update(t.deliveries)
                .where(t.deliveries.c.id == row)
                .values(state="failed", cause=cause, sent_at=None)
            )
    first, second = bounces.count_wire_refusals(app), bounces.count_wire_refusals(app)
    assert (first.scored, first.suppressed) == (1, 1)
    assert dict(second.kinds) == {}


def test_a_maildir_keeps_every_mail(open_with, tmp_path):
    folder = tmp_path / "Maildir"
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir(parents=True)
    app = open_with(maildir=str(folder))
    delivery = a_sent_mail(app, a_reader(app))
    (folder / "new" / "1.a.host").write_bytes(sample("qmail-no-mailbox", app, delivery))
    (folder / "new" / "2.b[1].host").write_bytes(sample("postfix-unknown"))
    (folder / "new" / "3.c.host").write_bytes(sample("spam"))
    report = bounces.take_in(app)
    assert (report.seen, report.unmatched) == (3, 1)
    assert sorted(path.name for path in (folder / "cur").iterdir()) == [
        "1.a.host:2,S",
        "2.b[1].host:2,FS",
        "3.c.host:2,",
    ]
    assert bounces.take_in(app).seen == 0


def test_mail_goes_out_under_its_own_envelope_sender(tmp_path):
    with ScriptedServer() as relay:
        config = load_config(
            overrides={
                "digest": {"data_dir": str(tmp_path / "data")},
                "mail": {
                    "sender": "digest@example.org",
                    "bounces": {"domain": "bounces.example.org"},
                },
                "transports": {"main": {"kind": "smtp", "host": "127.0.0.1", "port": relay.port}},
            }
        )
        with open_app(config, now=NOON) as app:
            with app.writing() as connection:
                planned = Planned(
                    purpose=Purpose.NOTICE,
                    address="ada@uni.example",
                    address_hmac="0" * 64,
                    message_id="<n1@example.org>",
                    content={
                        "notice": "preferences",
                        "values": {"preferences_url": "https://x.example/p", "expires": "soon"},
                    },
                )
                outbox.plan(connection, [planned], NOON)
            send_ready(app, compose=lambda rows: composing.messages(app, rows))
            assert [mail.sender for mail in relay.received] == [app.return_paths.make(1)]


def test_a_wrong_password_and_folder_are_named(server):
    values = {"host": "127.0.0.1", "port": server.port, "user": "b", "security": "none"}
    with pytest.raises(DeliveryError, match="wrong password"):
        ImapMailbox(ImapPlace(**values, password="wrong", folder="INBOX"))
    with pytest.raises(DeliveryError, match="no such folder"):
        ImapMailbox(ImapPlace(**values, password="secret", folder="Archive"))


def test_no_mailbox_is_a_sentence(open_with):
    with pytest.raises(UsageError, match="maildir or imap_host"):
        bounces.take_in(open_with())


def test_a_huge_mail_is_read_in_part(open_with, server):
    app = open_with(server)
    content = sample("postfix-unknown", app, a_sent_mail(app, a_reader(app)))
    server.add(content + b"x" * 3_000_000)
    assert bounces.take_in(app).suppressed == 1


def test_explain_tells_what_came_back(open_with, server):
    app = open_with(server)
    server.add(sample("postfix-over-quota", app, a_sent_mail(app, a_reader(app))))
    bounces.take_in(app)
    found = explain_mail(app, "ada@uni.example")
    assert "then came back soft 5.2.2: 552 5.2.2" in found.verdict
    assert "ada@" not in found.verdict
    assert explain(app, "ada@uni.example").account is not None


def test_explain_knows_an_address_that_nobody_has_any_more(open_with):
    app = open_with()
    a_sent_mail(app, None, "gone@uni.example")
    found = explain(app, "gone@uni.example")
    assert found.account is None
    assert found.mail.deliveries
    with pytest.raises(UsageError, match="nobody subscribed"):
        explain(app, "stranger@uni.example")


def doctor_of(app):
    return {one.subject: (one.level.value, one.message) for one in look(app)}


def test_the_doctor_looks_into_the_mailbox(open_with, server):
    assert doctor_of(open_with(server))["bounces"] == ("good", "the mailbox can be read")
    server.password = "another"
    level, message = doctor_of(open_with(server))["bounces"]
    assert level == "wrong"
    assert "wrong password" in message


def test_the_doctor_warns_where_nobody_reads_what_comes_back(open_with):
    level, message = doctor_of(open_with())["bounces"]
    assert (level, message) == ("warning", "envelope senders are signed, but nobody reads them")


def wrong_of(app):
    with app.reading() as connection:
        return {a.subject: a.detail for a in alerts.open_alerts(connection) if not a.right_at}


def test_a_mailbox_that_cannot_be_read_is_an_alert_until_it_can(open_with, server):
    app = open_with(server)
    server.password = "another"
    with pytest.raises(DeliveryError):
        bounces.routine(app)
    assert "wrong password" in wrong_of(app)["bounces"]
    server.password = "secret"
    bounces.routine(app)
    assert wrong_of(app) == {}


@pytest.mark.parametrize(("complaints", "sent", "is_wrong"), [(3, 20, True), (2, 20, False)])
def test_too_many_complaints_are_an_alert(open_with, server, complaints, sent, is_wrong):
    app = open_with(server)
    for number in range(sent):
        address = f"reader{number}@uni.example"
        delivery = a_sent_mail(app, a_reader(app, address), address)
        if number < complaints:
            server.add(sample("arf-abuse", app, delivery))
    bounces.routine(app)
    assert ("complaints about" in wrong_of(app).get("bounces", "")) is is_wrong
