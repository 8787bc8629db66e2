"""Replies that do not fit their phase: what is recorded as sent has arrived, whatever is said."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from delivery.messages import a_message, yes
from delivery.runs import compose, plan
from delivery.test_sending import counts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.delivery import OutcomeKind, Phase
from digest.delivery.smtp import SmtpSession, transport
from digest.errors import DeliveryError
from digest.pipeline.sending import send_ready

SENT, DEFERRED, UNCERTAIN = OutcomeKind.SENT, OutcomeKind.DEFERRED, OutcomeKind.UNCERTAIN
USUAL = {"MAIL": b"250 ok\r\n", "RCPT": b"250 ok\r\n", "DATA": b"354 go\r\n", ".": b"250 ok\r\n"}
PHASES = {"MAIL": Phase.MAIL, "RCPT": Phase.RCPT, "DATA": Phase.DATA, ".": Phase.DOT}


@dataclass
class Babbler:
    """A relay that answers each command with bytes of the test's choice, whether they fit or not.

    It takes a text in only after a reply to DATA that begins with 354, and reads on to the dot.
    """

    replies: dict[str, bytes] = field(default_factory=dict)
    pipelining: bool = True
    pieces: int = 0
    """Bytes to a write; 0: each answer in one."""
    got: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _say(self, connection: socket.socket, answer: bytes) -> None:
        # A surplus reply that comes after the next command cannot be told from the reply to that.
        is_surplus = sum(line[3:4] != b"-" for line in answer.splitlines()) > 1
        size = len(answer) if is_surplus else self.pieces or len(answer) or 1
        for start in range(0, len(answer), size):
            if start:
                time.sleep(0.0005)
            connection.sendall(answer[start : start + size])

    def _serve(self, connection: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            connection,
            connection.makefile("rb") as reader,
        ):
            connection.sendall(b"220 babbler\r\n")
            while line := reader.readline():
                verb = line[:4].upper().decode("latin-1")
                if verb == "EHLO":
                    offered = b"250-babbler\r\n250 PIPELINING\r\n"
                    connection.sendall(offered if self.pipelining else b"250 babbler\r\n")
                    continue
                answer = self.replies.get(verb, USUAL.get(verb, b"250 ok\r\n"))
                self._say(connection, answer)
                if verb == "DATA" and answer.startswith(b"354"):
                    text = self._text(reader)
                    if text is None:
                        return
                    if text:
                        self.got.append(text)
                    self._say(connection, self.replies.get(".", USUAL["."]))

    @staticmethod
    def _text(reader) -> bytes | None:
        lines = []
        while line := reader.readline():
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line)
        return None


@contextlib.contextmanager
def babbling(replies: dict[str, bytes], *, pipelining: bool, pieces: int = 0) -> Iterator[Babbler]:
    server = Babbler(replies, pipelining=pipelining, pieces=pieces)
    try:
        yield server
    finally:
        server.end()


def session_to(server: Babbler) -> SmtpSession:
    options = {"command_timeout_s": 0.3, "data_timeout_s": 0.3, "dot_timeout_s": 0.3}
    found = transport("main", {"host": "127.0.0.1", "port": server.port} | options).open()
    assert isinstance(found, SmtpSession)
    return found


def sent_through(server: Babbler, count: int) -> tuple[list[bytes], list[OutcomeKind]]:
    """Send mails one after the other; return the texts recorded as sent, and every outcome."""
    texts, kinds = [], []
    session = None
    for number in range(count):
        message = a_message(number)
        try:
            session = session or session_to(server)
            kinds.append(session.send(message, yes).kind)
        except DeliveryError:
            session = None
            continue
        if kinds[-1] is SENT:
            texts.append(message.content)
    if session is not None:
        session.close()
    return texts, kinds


STRANGE = (
    "220 hi",
    "221 bye",
    "235 in",
    "214 help",
    "334 go",
    "300 what",
    "150 wait",
    "999 no",
    "hm",
)
WRONG = {
    "MAIL": (*STRANGE, "354 go"),
    "RCPT": (*STRANGE, "354 go"),
    "DATA": (*STRANGE, "250 ok", "251 ok", "252 ok"),
    ".": (*STRANGE, "354 go"),
}


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(("phase", "reply"), [(p, r) for p, rs in WRONG.items() for r in rs])
def test_a_reply_of_another_phase_is_no_acceptance(phase, reply, pipelining):
    with babbling({phase: reply.encode() + b"\r\n"}, pipelining=pipelining) as server:
        session = session_to(server)
        outcome = session.send(a_message(), yes)
        session.close()
    assert outcome.kind is (UNCERTAIN if phase == "." else DEFERRED)
    assert outcome.phase is PHASES[phase]
    assert (outcome.suppress, outcome.blames_relay) == ("", phase != ".")


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    "surplus", ["250 ok", "354 go", "550 5.1.1 nobody", "250-ok\r\n250 ok", "25"]
)
@pytest.mark.parametrize("phase", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("is_before", [True, False])
def test_a_surplus_reply_is_no_acceptance(phase, surplus, pipelining, is_before):
    extra = surplus.encode() + b"\r\n"
    answer = extra + USUAL[phase] if is_before else USUAL[phase] + extra
    with babbling({phase: answer}, pipelining=pipelining) as server:
        session = session_to(server)
        outcome = session.send(a_message(), yes)
        session.close()
    # DATA can be refused by 550, too; it blames nobody for good.
    may_be_refused = surplus.startswith("550") and phase == "RCPT" and not is_before
    assert outcome.kind is DEFERRED or (may_be_refused and outcome.kind is OutcomeKind.FAILED)
    assert outcome.suppress == ""
    assert server.got == []


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("surplus", [b"250 ok\r\n", b"550 5.1.1 no\r\n", b"25"])
def test_a_surplus_reply_after_the_message_ends_the_connection(surplus, pipelining):
    with babbling({".": USUAL["."] + surplus}, pipelining=pipelining) as server:
        texts, kinds = sent_through(server, 4)
    assert kinds == [SENT] * 4
    assert texts == server.got


def test_a_reply_with_two_codes_is_none():
    with babbling({"RCPT": b"250-ok\r\n550 no\r\n"}, pipelining=True) as server:
        assert sent_through(server, 1)[1] == [DEFERRED]


def test_an_acceptance_before_the_text_has_left_is_none():
    """The relay says 250 and reads nothing more: the text does not even fit into the buffers."""
    message = a_message(content=b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 8_000_000)
    with babbling({}, pipelining=True) as server:
        server._text = lambda _reader: time.sleep(0.2) or b""  # type: ignore[method-assign]
        session = session_to(server)
        assert session.send(message, yes).kind is DEFERRED
        session.close()


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("pipelining", [True, False])
def test_replies_in_pieces_are_in_step(pieces, pipelining):
    many = {"RCPT": b"250-first\r\n250-second\r\n250 third\r\n"}
    with babbling(many, pipelining=pipelining, pieces=pieces) as server:
        texts, kinds = sent_through(server, 3)
    assert (kinds, texts) == ([SENT] * 3, server.got)


ANY_REPLY = (
    "250 ok", "251 ok", "354 go", "220 hi", "221 bye", "421 closing", "451 later", "550 no",
    "250-a\r\n250 b", "250-a\r\n354 b", "hm", "25",
)  # fmt: skip
replies = st.lists(st.sampled_from(ANY_REPLY), min_size=1, max_size=3).map(
    lambda lines: "\r\n".join([*lines, ""]).encode()
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    script=st.dictionaries(st.sampled_from(["MAIL", "RCPT", "DATA", ".", "RSET"]), replies),
    pipelining=st.booleans(),
    pieces=st.sampled_from([0, 0, 1, 4, 9]),
)
def test_what_is_recorded_as_sent_has_arrived(script, pipelining, pieces):
    with babbling(script, pipelining=pipelining, pieces=pieces) as server:
        texts, _ = sent_through(server, 3)
    assert set(texts) <= set(server.got)


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("script", [{"DATA": b"250 ok\r\n"}, {"RCPT": b"250 ok\r\n250 ok\r\n"}])
def test_a_run_over_a_relay_out_of_step_records_nothing_as_sent(
    server, open_digest, script, pipelining
):
    good = server()
    with babbling(script, pipelining=pipelining) as babbler:
        app = open_digest(babbler, good, connections=2)
        plan(app, 8)
        report = send_ready(app, compose=compose)
    assert "out of step" in report.problems[0]
    assert counts(app)["sent"] == len(good.received) >= 4
    assert set(counts(app)) <= {"sent", "deferred"}
    assert babbler.got == []
