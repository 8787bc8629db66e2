"""The fault table: what breaks in which phase decides what became of the message."""

from __future__ import annotations

import time

import pytest
from delivery.messages import a_message, yes
from delivery.smtpd import DROP, HANG

from digest.delivery import OutcomeKind, Phase
from digest.delivery._dialogue import Dialogue, Features
from digest.delivery.policy import Cause
from digest.errors import DeliveryError

SENT, DEFERRED = OutcomeKind.SENT, OutcomeKind.DEFERRED
FAILED, UNCERTAIN = OutcomeKind.FAILED, OutcomeKind.UNCERTAIN


@pytest.mark.parametrize(
    ("command", "reply", "kind", "phase"),
    [
        ("MAIL", DROP, DEFERRED, Phase.MAIL),
        ("MAIL", HANG, DEFERRED, Phase.MAIL),
        ("MAIL", "451 4.3.0 later", DEFERRED, Phase.MAIL),
        ("MAIL", "552 5.3.4 too big", FAILED, Phase.MAIL),
        ("RCPT", DROP, DEFERRED, Phase.RCPT),
        ("RCPT", HANG, DEFERRED, Phase.RCPT),
        ("RCPT", "450 4.2.0 greylisted", DEFERRED, Phase.RCPT),
        ("RCPT", "550 5.1.1 nobody here", FAILED, Phase.RCPT),
        ("DATA", DROP, DEFERRED, Phase.DATA),
        ("DATA", "421 4.3.2 shutting down", DEFERRED, Phase.DATA),
        ("DATA", "451 4.3.0 later", DEFERRED, Phase.DATA),
        (".", "451 4.3.0 later", DEFERRED, Phase.DOT),
        (".", "421 4.3.2 shutting down", DEFERRED, Phase.DOT),
        (".", "554 5.7.1 spam", FAILED, Phase.DOT),
        (".", DROP, UNCERTAIN, Phase.DOT),
        (".", HANG, UNCERTAIN, Phase.DOT),
        (".", "garbage", UNCERTAIN, Phase.DOT),
    ],
)
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_fault_ends_in_its_phase(server, session_to, command, reply, kind, phase, pipelining):
    smtp = server({command: [reply]})
    session = session_to(smtp, pipelining=pipelining)
    outcome = session.send(a_message(), yes)
    session.close()
    assert (outcome.kind, outcome.phase) == (kind, phase)
    assert smtp.received == []


@pytest.mark.parametrize(
    "script",
    [
        {"MAIL": ["451 4.3.0 later"]},
        {"RCPT": ["550 5.1.1 nobody"]},
        {"DATA": ["451 4.3.0 later"]},
        {".": ["451 4.3.0 later"]},
        {"RCPT": ["450 4.2.1 slow down"], "DATA": ["354 go on"]},
    ],
)
def test_a_refusal_leaves_the_connection_good_for_the_next_message(server, session_to, script):
    smtp = server(script)
    session = session_to(smtp)
    session.send(a_message(1), yes)
    assert session.send(a_message(2), yes).kind is SENT
    session.close()
    assert smtp.connections == 1
    assert [m.recipient for m in smtp.received] == ["ada2@example.org"]


def test_no_reset_after_success(server, session_to):
    smtp = server()
    session = session_to(smtp)
    for number in range(3):
        session.send(a_message(number), yes)
    session.close()
    assert (smtp.connections, smtp.count("RSET"), smtp.count("MAIL")) == (1, 0, 3)


def test_a_421_closes_our_side_too(server, session_to):
    smtp = server({"DATA": ["421 4.7.0 too many"]})
    session = session_to(smtp)
    outcome = session.send(a_message(1), yes)
    assert (outcome.cause, outcome.blames_relay) == (Cause.RATE, True)
    assert session.send(a_message(2), yes).kind is SENT
    assert smtp.connections == 2


def test_a_421_to_an_idle_connection_is_no_attempt(server, session_to):
    smtp = server({"MAIL": ["250 ok", "421 4.4.2 idle too long"]})
    session = session_to(smtp)
    session.send(a_message(1), yes)
    assert session.send(a_message(2), yes).kind is SENT
    assert (smtp.connections, len(smtp.received)) == (2, 2)


def test_a_connection_that_idled_too_long_is_not_tried(server, session_to):
    smtp = server()
    session = session_to(smtp, idle_s=0.05)
    session.send(a_message(1), yes)
    time.sleep(0.1)
    session.send(a_message(2), yes)
    assert (smtp.connections, smtp.count("MAIL"), len(smtp.received)) == (2, 2, 2)


@pytest.mark.parametrize(("extensions", "commands"), [(("PIPELINING",), 3), ((), 1)])
def test_commands_go_in_one_write_where_that_is_offered(extensions, commands):
    offered = "PIPELINING" in extensions
    features = Features(pipelining=offered, size_limit=None, eight_bit=False, smtputf8=False)
    said = Dialogue(features)
    said.begin(a_message())
    [written] = said.out
    assert written.count(b"\r\n") == commands
    assert (b"DATA\r\n" in written) is offered
    assert not written.endswith(b"DATA\r\n") or offered


def test_the_next_message_is_begun_behind_the_text_of_the_one_before():
    features = Features(pipelining=True, size_limit=None, eight_bit=False, smtputf8=False)
    said = Dialogue(features)
    said.begin(a_message(1))
    said.taken()
    said.receive(b"250 ok\r\n250 ok\r\n354 go on\r\n")
    said.go()
    assert said.is_free
    said.begin(a_message(2))
    written = b"".join(said.out)
    assert written.index(b"\r\n.\r\n") < written.index(b"RCPT TO:<ada2@example.org>")


def test_connections_are_renewed_after_their_share_of_messages(server, session_to):
    smtp = server()
    session = session_to(smtp, max_messages_per_connection=2)
    for number in range(5):
        session.send(a_message(number), yes)
    session.close()
    assert (smtp.connections, len(smtp.received), smtp.count("QUIT")) == (3, 5, 3)


def test_a_withdrawn_message_never_gets_its_dot(server, session_to):
    smtp = server()
    session = session_to(smtp)
    assert session.send(a_message(1), lambda: False).kind is OutcomeKind.WITHDRAWN
    assert session.send(a_message(2), yes).kind is SENT
    assert [m.recipient for m in smtp.received] == ["ada2@example.org"]


def test_the_marker_comes_after_354_and_before_the_text(server, session_to):
    smtp = server()
    seen = []

    def before_dot():
        seen.append((smtp.count("DATA"), len(smtp.received)))
        return True

    session_to(smtp).send(a_message(), before_dot)
    assert (seen, len(smtp.received)) == ([(1, 0)], 1)


def test_no_marker_where_the_recipient_is_refused(server, session_to):
    smtp = server({"RCPT": ["550 5.1.1 nobody"]})
    session_to(smtp).send(a_message(), lambda: pytest.fail("marked"))


def test_dots_and_trailing_space_arrive_as_they_were(server, session_to):
    smtp = server()
    content = b"Subject: x\r\n\r\n.\r\n.x\r\n..\r\nend  \r\n"
    session_to(smtp).send(a_message(content=content), yes)
    assert smtp.received[0].content == content


def test_too_large_for_the_relay_is_refused_without_asking(server, session_to):
    smtp = server(extensions=("SIZE 100",))
    outcome = session_to(smtp).send(a_message(content=b"x" * 101), yes)
    assert (outcome.kind, outcome.cause, smtp.count("MAIL")) == (FAILED, Cause.SIZE, 0)


def test_parameters_are_used_only_where_offered(server, session_to):
    content = "Subject: x\r\n\r\ncafé\r\n".encode()
    for extensions, expected in (((), ""), (("SIZE 0", "8BITMIME"), " SIZE=21 BODY=8BITMIME")):
        smtp = server(extensions=extensions)
        session_to(smtp).send(a_message(content=content), yes)
        assert [line for line in smtp.lines if line.startswith("MAIL")] == [
            f"MAIL FROM:<digest@example.org>{expected}"
        ]


def test_an_address_cannot_smuggle_a_command(server, session_to):
    smtp = server()
    message = a_message(recipient="ada@example.org>\r\nRCPT TO:<eve@example.org")
    assert session_to(smtp).send(message, yes).kind is FAILED
    assert smtp.count("RCPT") == 0


def test_an_international_domain_goes_out_as_a_label(server, session_to):
    smtp = server()
    session_to(smtp).send(a_message(recipient="ada@bücher.example"), yes)
    assert smtp.received[0].recipient == "ada@xn--bcher-kva.example"


def test_queue_id_is_kept(server, session_to):
    assert session_to(server()).send(a_message(), yes).queue_id == "4F00BA"


@pytest.mark.parametrize(
    ("script", "permanent"),
    [
        ({"connect": ["554 5.7.1 your address is blocked"]}, True),
        ({"connect": ["421 4.3.2 busy"]}, False),
        ({"connect": [DROP]}, False),
    ],
)
def test_a_relay_that_does_not_greet_is_a_delivery_error(server, session_to, script, permanent):
    with pytest.raises(DeliveryError, match="main: 127") as caught:
        session_to(server(script), connect_timeout_s=2)
    assert caught.value.permanent is permanent


def test_a_relay_that_is_not_there_is_a_delivery_error(server, relay):
    smtp = server()
    closed = relay(smtp)
    smtp.__exit__()
    with pytest.raises(DeliveryError, match="cannot be reached"):
        closed.open()


def test_encryption_that_is_required_and_not_offered_ends_before_the_login(server, relay):
    smtp = server()
    wants = relay(smtp, security="starttls", user="ada", password="secret")
    with pytest.raises(DeliveryError, match="does not offer STARTTLS") as caught:
        wants.open()
    assert caught.value.permanent
    assert smtp.count("AUTH") == 0
