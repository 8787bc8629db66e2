"""SMTP to any relay: connections kept, commands pipelined, every outcome with its phase.

One message is one MAIL/RCPT/DATA conversation. Which reply means what is ``policy``; when to
try again, and which relay, is the sender's business (``pipeline.sending``).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery._connection import Connection, Lost, connect
from digest.delivery._reply import Reply
from digest.delivery.policy import DROPPED, LOST, Cause, Verdict, classify
from digest.errors import DeliveryError
from digest.model import Message

Security = Literal["starttls", "tls", "none"]
_LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|::1|localhost)$")
_ADDRESS = re.compile(r"[^\s<>\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")


class SmtpOptions(BaseModel):
    """``[transports.NAME]`` with ``kind = "smtp"``."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    host: str = Field("localhost", min_length=1, description="Name or address of the relay.")
    port: int | None = Field(
        None, ge=1, le=65535, description="587, or 465 with tls, or 25 without encryption."
    )
    security: Security | None = Field(
        None,
        description="starttls (required, the default off loopback), tls (the default on port "
        "465), or none.",
    )
    user: str = Field("", description="User name of the login; none if empty.")
    password: SecretStr | None = Field(None, description="Its password.")
    password_file: Path | None = Field(None, description="File that holds the password instead.")
    ca_file: Path | None = Field(None, description="PEM file of a private certificate authority.")
    local_hostname: str = Field("", description="Name in EHLO; this machine's if empty.")
    connect_timeout_s: float = Field(30, gt=0, description="Time to connect, and for login.")
    command_timeout_s: float = Field(300, gt=0, description="Time for MAIL and RCPT (RFC 5321).")
    data_timeout_s: float = Field(180, gt=0, description="Time for DATA and each block of it.")
    dot_timeout_s: float = Field(
        600,
        gt=0,
        description="Time for the reply to the final dot; shorter ones make doubles (RFC 5321).",
    )
    idle_s: float = Field(30, gt=0, description="An unused connection is not used after this.")
    max_messages_per_connection: int = Field(
        50, ge=1, description="Then a new connection is opened; 20 for Yahoo-like relays."
    )
    pipelining: bool = Field(True, description="Use PIPELINING where it is offered.")

    @model_validator(mode="after")
    def _password_stays_secret(self) -> SmtpOptions:
        if self.password and self.password_file:
            raise ValueError("expected password or password_file, not both")
        if self.user and not (self.password or self.password_file):
            raise ValueError("user needs password or password_file")
        if self.user and self.effective_security == "none" and not self.is_loopback:
            raise ValueError('a login needs security = "starttls" or "tls" off this machine')
        return self

    @property
    def is_loopback(self) -> bool:
        """Tell a relay on this machine."""
        return _LOOPBACK.match(self.host) is not None

    @property
    def effective_security(self) -> Security:
        """Return what is in force: encryption is required unless switched off or on loopback."""
        if self.security is not None:
            return self.security
        if self.port == 465:
            return "tls"
        return "none" if self.is_loopback else "starttls"

    @property
    def effective_port(self) -> int:
        """Return the port in force."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.effective_security]

    @property
    def greeting(self) -> str:
        """Return the name in EHLO, without asking the DNS for it."""
        name = self.local_hostname or socket.gethostname()
        return name if "." in name or name.startswith("[") else "[127.0.0.1]"

    def revealed_password(self) -> str:
        """Return the password. Raises DeliveryError where its file cannot be read."""
        if self.password_file is not None:
            try:
                return self.password_file.read_text(encoding="utf-8").strip()
            except OSError as exc:
                raise DeliveryError(
                    self.host, f"password_file cannot be read: {exc}", permanent=True
                ) from exc
        return self.password.get_secret_value() if self.password else ""


def transport(name: str, options: Mapping[str, Any]) -> SmtpTransport:
    """Make the transport of its block of the configuration."""
    return SmtpTransport(name, SmtpOptions(**options))


class SmtpTransport:
    """One relay."""

    kind = "smtp"

    def __init__(self, name: str, options: SmtpOptions) -> None:
        self.name = name
        self.options = options

    def open(self) -> SmtpSession:
        """Connect and log in. Raises DeliveryError."""
        return SmtpSession(self.name, self.options)


class SmtpSession:
    """One connection's worth of conversation; renews the connection where it has to."""

    def __init__(self, name: str, options: SmtpOptions) -> None:
        self.name = name
        self._options = options
        self._connection: Connection | None = connect(name, options)
        self._used_at = time.monotonic()

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Hand over one message; see ``delivery.Session``.

        A kept connection that turns out to be closed (or answers 421) before the message was
        begun is replaced, once: that was no attempt.
        """
        if _ADDRESS.fullmatch(message.recipient) is None:
            return _outcome(
                Verdict(kind=OutcomeKind.FAILED, cause=Cause.SYNTAX),
                Phase.MAIL,
                note="the address cannot be written in an SMTP command",
            )
        is_reused = self._ready()
        outcome = self._converse(message, before_dot)
        if is_reused and outcome.phase is Phase.MAIL and self._connection is None:
            self._ready()
            outcome = self._converse(message, before_dot)
        return outcome

    def close(self) -> None:
        """Say QUIT; never raises."""
        if self._connection is not None:
            self._connection.quit()
            self._connection = None

    def _ready(self) -> bool:
        """Have an open connection; tell whether it was used before."""
        found = self._connection
        if found is not None and (
            found.messages >= self._options.max_messages_per_connection
            or time.monotonic() - self._used_at > self._options.idle_s
        ):
            self.close()
        if self._connection is None:
            self._connection = connect(self.name, self._options)
        self._used_at = time.monotonic()
        return self._connection.messages > 0

    def _converse(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        connection = self._connection
        assert connection is not None
        refused = _refused_here(connection, message)
        if refused is not None:
            return refused
        connection.messages += 1
        outcome = _Conversation(connection, self._options, message).run(before_dot)
        # After 354 only closing takes a message back: RSET would be a line of its text.
        is_withdrawn = outcome.kind is OutcomeKind.WITHDRAWN
        if connection.is_lost or outcome.code == 421 or is_withdrawn:
            self._drop()
        self._used_at = time.monotonic()
        return outcome

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None


class _Conversation:
    """MAIL, RCPT, DATA, the dot: one message over an open connection."""

    def __init__(self, connection: Connection, options: SmtpOptions, message: Message) -> None:
        self._connection = connection
        self._options = options
        self._message = message
        self._phase = Phase.MAIL

    def run(self, before_dot: Callable[[], bool]) -> Outcome:
        try:
            refusal = self._open_data()
            if refusal is not None:
                return refusal
            self._phase = Phase.DATA
            if not before_dot():
                return Outcome(kind=OutcomeKind.WITHDRAWN, phase=Phase.DATA)
            # The dot is the last of these bytes: where the write fails it was not handed over.
            self._connection.write(stuffed(self._message.content), self._options.data_timeout_s)
        except Lost as lost:
            self._connection.is_lost = True
            return _outcome(DROPPED, self._phase, note=str(lost))
        self._phase = Phase.DOT
        try:
            reply = self._connection.read(self._options.dot_timeout_s)
        except Lost as lost:
            self._connection.is_lost = True
            return _outcome(LOST, Phase.DOT, note=str(lost))
        return _judged(Phase.DOT, reply)

    def _open_data(self) -> Outcome | None:
        """Get as far as 354; None where text is wanted, else the refusal."""
        commands = self._commands()
        if self._connection.features.pipelining and self._options.pipelining:
            self._connection.write(b"".join(commands), self._options.command_timeout_s)
            return self._pipelined_replies()
        for phase, command in zip((Phase.MAIL, Phase.RCPT, Phase.DATA), commands, strict=True):
            self._phase = phase
            self._connection.write(command, self._options.command_timeout_s)
            reply = self._read(phase)
            if not reply.is_positive:
                return self._reset(_judged(phase, reply))
        return None

    def _pipelined_replies(self) -> Outcome | None:
        """Match the group's replies one to one; the first refusal is the message's."""
        refusal: Outcome | None = None
        for phase in (Phase.MAIL, Phase.RCPT, Phase.DATA):
            try:
                reply = self._read(phase)
            except Lost:
                if refusal is None:
                    raise
                self._connection.is_lost = True
                return refusal
            if refusal is None and not reply.is_positive:
                refusal = _judged(phase, reply)
                if reply.code == 421:  # nothing more comes: it closes the connection
                    return refusal
        return self._taken_back(refusal, reply) if refusal is not None else None

    def _taken_back(self, refusal: Outcome, last: Reply) -> Outcome:
        """End a pipelined group of which some commands were refused (RFC 2920, 3.1)."""
        if last.code != 354:
            return self._reset(refusal)
        # No recipient was taken, yet text is wanted: an empty one, and its reply ignored.
        try:
            self._connection.write(b".\r\n", self._options.data_timeout_s)
            self._connection.read(self._options.dot_timeout_s)
        except Lost:
            self._connection.is_lost = True
        return refusal

    def _reset(self, outcome: Outcome) -> Outcome:
        """Make the connection ready for the next message; not after 421, which closes it."""
        if outcome.code == 421:
            return outcome
        try:
            self._connection.write(b"RSET\r\n", self._options.command_timeout_s)
            self._connection.read(self._options.command_timeout_s)
        except Lost:
            self._connection.is_lost = True
        return outcome

    def _read(self, phase: Phase) -> Reply:
        self._phase = phase
        timeout = (
            self._options.data_timeout_s if phase is Phase.DATA else self._options.command_timeout_s
        )
        return self._connection.read(timeout)

    def _commands(self) -> tuple[bytes, bytes, bytes]:
        features = self._connection.features
        content = self._message.content
        mail = f"MAIL FROM:<{_a_label(self._message.sender)}>"
        if features.size_limit is not None:
            mail += f" SIZE={len(content)}"
        if features.eight_bit and not content.isascii():
            mail += " BODY=8BITMIME"
        recipient = _a_label(self._message.recipient)
        if not recipient.isascii():
            mail += " SMTPUTF8"
        return (
            f"{mail}\r\n".encode(),
            f"RCPT TO:<{recipient}>\r\n".encode(),
            b"DATA\r\n",
        )


def stuffed(content: bytes) -> bytes:
    """Return the text as it goes over the wire: dots doubled, ended by the final dot."""
    if b"\r\n." in content:
        content = content.replace(b"\r\n.", b"\r\n..")
    if content.startswith(b"."):
        content = b"." + content
    end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
    return content + end


def _refused_here(connection: Connection, message: Message) -> Outcome | None:
    """Refuse what the server said it will not take, without asking it."""
    features = connection.features
    if features.size_limit and len(message.content) > features.size_limit:
        note = f"{len(message.content)} bytes; the relay takes {features.size_limit}"
        return _outcome(Verdict(kind=OutcomeKind.FAILED, cause=Cause.SIZE), Phase.MAIL, note=note)
    if not message.recipient.rpartition("@")[0].isascii() and not features.smtputf8:
        note = "the relay does not take addresses outside ASCII (SMTPUTF8)"
        return _outcome(Verdict(kind=OutcomeKind.FAILED, cause=Cause.SYNTAX), Phase.MAIL, note=note)
    return None


def _a_label(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{domain.encode('idna').decode()}"


def _judged(phase: Phase, reply: Reply) -> Outcome:
    if phase is Phase.DOT and not 200 <= reply.code < 300 and reply.is_positive:
        return _outcome(LOST, phase, reply)
    return _outcome(classify(phase, reply.code, reply.enhanced_code, reply.text), phase, reply)


def _outcome(
    verdict: Verdict, phase: Phase, reply: Reply | None = None, *, note: str = ""
) -> Outcome:
    return Outcome(
        kind=verdict.kind,
        phase=Phase.DONE if verdict.kind is OutcomeKind.SENT else phase,
        code=reply.code if reply else None,
        enhanced_code=reply.enhanced_code if reply else "",
        reply=reply.text if reply else note,
        queue_id=reply.queue_id if reply and verdict.kind is OutcomeKind.SENT else "",
        suppress=verdict.suppress,
        blames_relay=verdict.blames_relay,
        cause=verdict.cause,
        min_wait=verdict.min_wait,
        soft_bounce=verdict.soft_bounce,
        pauses_domain=verdict.pauses_domain,
        stops_relay=verdict.stops_relay,
    )
