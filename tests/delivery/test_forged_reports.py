"""Who was passed on a mail knows its Message-ID, and shuts nobody out with it."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta

import pytest
from builders import NOON
from delivery.imapd import ImapServer
from delivery.returned_mail import QUOTED, a_reader, a_sent_mail, opened, sample, suppressed
from sqlalchemy import select

from digest.actions import bounces
from digest.store import tables as t
from digest.subscribers.tokens import Signer, TokenPurpose

FORGED = {
    "dsn": "exim-unknown",
    "arf": "arf-abuse",
    "arf-opt-out": "arf-opt-out",
    "plain": "qmail-no-mailbox",
    "full": "postfix-over-quota",
}
SERVER = "mail.example.org"
OURS = b"Received: by mail.example.org (Postfix) id 4F1; Tue, 14 Apr 2026 05:31:40 +0000\n"
FROM_OUTSIDE = b"Received: from uni.example (evil.example [192.0.2.66])\n\tby mail.example.org\n"


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
        yield lambda server, **wanted: stack.enter_context(
            opened(tmp_path, clock, server, **wanted)
        )


def mail_of(app, number=1, *, address="ada@uni.example", reader=None, sent_at=NOON):
    """Give a reader a mail that was sent; return its Message-ID."""
    message_id = f"<{number:032x}.20260414@example.org>"
    reader = reader or a_reader(app, address)
    a_sent_mail(app, reader, address, message_id=message_id, sent_at=sent_at)
    return message_id


def forged(kind, message_id):
    """Return a report that quotes a mail, as anybody can write it."""
    content = sample(FORGED[kind]).replace(b"ada@qmail.example", b"ada@uni.example")
    if QUOTED not in content:
        return content + f"\nMessage-ID: {message_id}\n".encode()
    return content.replace(QUOTED, message_id.encode())


def effects(app):
    with app.reading() as connection:
        return list(connection.scalars(select(t.bounces.c.effect).order_by(t.bounces.c.id)))


@pytest.mark.parametrize("kind", FORGED)
def test_with_signed_envelope_senders_nothing_else_counts(open_with, server, clock, kind):
    app = open_with(server, trusted_server=SERVER)
    for day in range(8):
        clock["now"] = NOON + timedelta(days=day)
        message_id = mail_of(app, day + 1, sent_at=clock["now"])
        mail = server.add(OURS + forged(kind, message_id))
        bounces.take_in(app)
        assert suppressed(app) == ""
        assert "\\Flagged" in mail.flags
    assert set(effects(app)) == {"unmatched"}


@pytest.mark.parametrize("kind", FORGED)
def test_without_them_one_report_waits_however_often_it_is_repeated(open_with, server, clock, kind):
    app = open_with(server, domain="")
    message_id = mail_of(app)
    for day in range(8):
        clock["now"] = NOON + timedelta(days=day)
        mail = server.add(forged(kind, message_id))
        report = bounces.take_in(app)
        assert (report.unconfirmed, report.suppressed, report.scored) == (1, 0, 0)
        assert mail.flags == {"\\Seen", "\\Flagged"}
    assert suppressed(app) == ""


@pytest.mark.parametrize(
    ("kind", "reason"), [("dsn", "hard"), ("plain", "hard"), ("arf", "complaint")]
)
def test_a_report_about_another_mail_confirms_it(open_with, server, kind, reason):
    app = open_with(server, domain="")
    reader = a_reader(app)
    for number in (1, 2):
        assert suppressed(app) == ""
        server.add(forged(kind, mail_of(app, number, reader=reader)))
        bounces.take_in(app)
    assert suppressed(app) == reason


def test_a_refusal_confirms_no_complaint(open_with, server):
    app = open_with(server, domain="")
    reader = a_reader(app)
    server.add(forged("dsn", mail_of(app, 1, reader=reader)))
    server.add(forged("arf", mail_of(app, 2, reader=reader)))
    assert bounces.take_in(app).unconfirmed == 2
    assert suppressed(app) == ""


def test_a_report_that_our_own_server_wrote_counts_at_once(open_with, server):
    app = open_with(server, domain="", trusted_server=SERVER)
    lmtp = b"Received: from mail.example.org by mail.example.org with LMTP id x\n"
    server.add(lmtp + OURS + forged("dsn", mail_of(app)))
    assert bounces.take_in(app).suppressed == 1


@pytest.mark.parametrize("sender", ["postmaster@uni.example", "MAILER-DAEMON@mx.uni.example"])
def test_a_report_that_the_refusing_domain_wrote_counts_where_our_server_vouches(
    open_with, server, sender
):
    app = open_with(server, domain="", trusted_server=SERVER)
    content = forged("dsn", mail_of(app)).replace(
        b"From: Mail Delivery System <Mailer-Daemon@exim.example.net>",
        f"From: <{sender}>".encode(),
    )
    proof = f"Authentication-Results: {SERVER}; dkim=pass header.d=uni.example\n".encode()
    if "mx." in sender:
        proof = proof.replace(b"header.d=uni", b"header.d=mx.uni")
    server.add(proof + FROM_OUTSIDE + content)
    assert bounces.take_in(app).suppressed == 1


@pytest.mark.parametrize(
    ("results", "sender"),
    [
        ("other.example.org; dkim=pass header.d=uni.example", "postmaster@uni.example"),
        (f"{SERVER}; dkim=fail header.d=uni.example", "postmaster@uni.example"),
        (f"{SERVER}; dkim=pass header.d=evil.example", "postmaster@uni.example"),
        (f"{SERVER}; dkim=pass header.d=evil.example", "postmaster@evil.example"),
        (f"{SERVER}; spf=pass smtp.mailfrom=uni.example", "postmaster@uni.example"),
        (f"{SERVER}; dkim=pass header.d=uni.example", "eve@uni.example"),
        (f"{SERVER}; dkim=pass header.d=uni.example\nFrom: x@uni.example", "postmaster@evil.org"),
    ],
)
def test_nobody_vouches_for_a_strangers_report(open_with, server, results, sender):
    app = open_with(server, domain="", trusted_server=SERVER)
    content = forged("dsn", mail_of(app)).replace(
        b"From: Mail Delivery System <Mailer-Daemon@exim.example.net>",
        f"From: <{sender}>".encode(),
    )
    head = f"Authentication-Results: {results}\n".encode()
    server.add(head + FROM_OUTSIDE + OURS + content)
    assert bounces.take_in(app).suppressed == 0
    assert suppressed(app) == ""


def test_a_true_report_about_the_strangers_own_mail_says_nothing_of_the_reader(open_with, server):
    """ORCPT and the returned header are the sender's words, and whoever sends may be a stranger."""
    app = open_with(server, domain="", trusted_server=SERVER)
    content = forged("dsn", mail_of(app)).replace(
        b"Final-Recipient: rfc822;ada@uni.example",
        b"Original-Recipient: rfc822;ada@uni.example\nFinal-Recipient: rfc822;nobody@uni.example",
    )
    server.add(OURS + content)
    bounces.take_in(app)
    assert suppressed(app) == ""


def test_an_old_mail_that_was_passed_on_says_nothing(open_with, server):
    app = open_with(server, domain="", trusted_server=SERVER)
    server.add(OURS + forged("dsn", mail_of(app, sent_at=NOON - timedelta(days=15))))
    assert bounces.take_in(app).unmatched == 1


def test_one_mail_is_counted_as_soft_once(open_with, server, clock):
    app = open_with(server)
    delivery = a_sent_mail(app, a_reader(app))
    for day in range(8):
        clock["now"] = NOON + timedelta(days=day)
        server.add(sample("postfix-over-quota", app, delivery))
        bounces.take_in(app)
    assert suppressed(app) == ""
    assert effects(app) == ["scored"] + ["none"] * 7


def test_an_unsubscribe_token_that_ends_does_nothing_after_its_end(open_with, server):
    app = open_with(server)
    token = Signer(app.secret_keys).make(
        TokenPurpose.UNSUBSCRIBE, a_reader(app), issued_at=NOON - timedelta(days=8),
        expires_at=NOON - timedelta(days=1),
    )  # fmt: skip
    server.add(f"From: e@evil.example\nSubject: unsubscribe {token}\n\n".encode())
    report = bounces.take_in(app)
    assert (report.left, report.unmatched) == (0, 1)
