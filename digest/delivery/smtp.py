"""SMTP to any relay: connections kept, commands pipelined, every outcome with its phase.

One message is one MAIL/RCPT/DATA conversation. Which reply means what is ``policy``; when to
try again, and which relay, is the sender's business (``pipeline.sending``).
"""

from __future__ import annotations

import contextlib
import math
import re
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, model_validator

from digest.delivery import Outcome, OutcomeKind, Phase, Step, Turn
from digest.delivery._connection import Connection, connect, plainly
from digest.delivery._dialogue import Dialogue, outcome_of
from digest.delivery.policy import Cause, Verdict
from digest.errors import DeliveryError
from digest.exact import Exact
from digest.model import Message

Security = Literal["starttls", "tls", "none"]
_LOOPBACK = re.compile(r"^(127\.\d+\.\d+\.\d+|::1|localhost)$")
_ADDRESS = re.compile(r"[^\s<>\x00-\x20\x7f]+@[^\s<>@\x00-\x20\x7f]+")


class SmtpOptions(Exact):
    """``[transports.NAME]`` with ``kind = "smtp"``."""

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
    """One connection's worth of conversation: a Way, and a Session that renews it.

    ``send`` waits and opens a new connection where the old one is spent; the other methods never
    wait, and leave a spent way to be closed.
    """

    def __init__(self, name: str, options: SmtpOptions) -> None:
        self.name = name
        self._options = options
        self._open()

    def _open(self) -> None:
        self._connection: Connection | None = connect(self.name, self._options)
        self._dialogue = Dialogue(self._connection.features, pipelining=self._options.pipelining)
        self._text_left = 0
        self._used_at = time.monotonic()
        self.wants_write = False
        self.deadline = math.inf

    def send(self, message: Message, before_dot: Callable[[], bool]) -> Outcome:
        """Hand over one message; see ``delivery.Session``.

        A kept connection that turns out to be closed (or answers 421) before the message was
        begun is replaced, once: that was no attempt.
        """
        while True:
            self._renew()
            found = self._sent(message, before_dot)
            if found is not None:
                return found
            self._drop()

    def _renew(self) -> None:
        if self._connection is not None and (self.is_spent or not self._settled()):
            self.close()
        if self._connection is None:
            self._open()

    def _settled(self) -> bool:
        """Wait until a message can be begun; False where the connection is lost by that."""
        while not self._dialogue.is_free and not self._dialogue.is_over:
            self._wait()
        return not self._dialogue.is_over

    def _sent(self, message: Message, before_dot: Callable[[], bool]) -> Outcome | None:
        """Return what became of a message; None where it was not begun."""
        refused = self.begin(message)
        if refused is not None:
            return refused
        steps: list[Step] = self.flush()
        while True:
            for _, step in steps:
                if step is Turn.UNTOUCHED:
                    return None
                if isinstance(step, Outcome):
                    self.flush()
                    if self._dialogue.is_over:
                        self._drop()
                    return step
            if steps:  # READY
                if before_dot():
                    self.go()
                    steps = self.flush()
                else:
                    steps = self.withdraw()
                continue
            steps = self._wait()

    def _wait(self) -> list[Step]:
        """Wait for the other side, but not past the deadline."""
        left = self.deadline - time.monotonic()
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.wants_write else 0)
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.fileno(), wanted)
            if left > 0 and waiting.select(min(left, 3600)):
                return self.advance()
        return self.expire() if time.monotonic() >= self.deadline else []

    @property
    def is_free(self) -> bool:
        """Tell whether ``begin`` may be called."""
        return self._dialogue.is_free and not self.is_spent

    @property
    def is_spent(self) -> bool:
        """Tell whether the connection is lost, was idle for too long, or had its messages."""
        said = self._dialogue
        if said.is_over or said.messages >= self._options.max_messages_per_connection:
            return True
        return said.is_idle and time.monotonic() - self._used_at > self._options.idle_s

    def fileno(self) -> int:
        """Return the socket's number."""
        assert self._connection is not None
        return self._connection.socket.fileno()

    def begin(self, message: Message) -> Outcome | None:
        """Begin a message; see ``delivery.Way``."""
        if _ADDRESS.fullmatch(message.recipient) is None:
            note = "the address cannot be written in an SMTP command"
            syntax = Verdict(kind=OutcomeKind.FAILED, cause=Cause.SYNTAX)
            return outcome_of(syntax, Phase.MAIL, note=note)
        return self._dialogue.begin(message)

    def go(self) -> None:
        """Write the READY message's text and dot."""
        self._dialogue.go()
        self._text_left = sum(map(len, self._dialogue.out))

    def withdraw(self) -> list[Step]:
        """Take the READY message back, at the price of the connection."""
        return self._dialogue.withdraw()

    def flush(self) -> list[Step]:
        """Write what can be written now."""
        connection = self._connection
        if connection is None:
            return []
        if self._dialogue.out:
            if self._dialogue.is_silent and (steps := self._strays(connection)):
                return steps
            connection.write(self._dialogue.taken())
        before = sum(map(len, connection.unsent))
        try:
            connection.flush()
        except OSError as exc:
            return self._broken(exc, before - sum(map(len, connection.unsent)))
        left = sum(map(len, connection.unsent))
        self._text_left = max(0, self._text_left - (before - left))
        self.wants_write = left > 0
        self._touch()
        return []

    def advance(self) -> list[Step]:
        """Write and read what can be written and read now."""
        steps = self.flush() if self.wants_write or self._dialogue.out else []
        connection = self._connection
        if connection is None or self._dialogue.is_over:
            return steps
        try:
            heard = connection.read()
        except (OSError, EOFError) as exc:
            return steps + self._dialogue.lost(plainly(exc), dot_is_out=not self._text_left)
        said = self._dialogue.receive(heard, text_is_out=not self._text_left)
        steps += said
        if said and self._text_left:
            # Answered before it had the text: what is left of that would be taken for commands.
            steps += self._dialogue.lost("the server answered too early", dot_is_out=False)
        return steps + self.flush() if self._dialogue.out else steps

    def expire(self) -> list[Step]:
        """Give up waiting for a reply."""
        return self._dialogue.lost("timed out", dot_is_out=not self._text_left)

    def close(self) -> None:
        """Say QUIT; never raises."""
        if self._connection is None:
            return
        if self._dialogue.is_over or not self._dialogue.is_idle:
            self._connection.drop()
        else:
            self._connection.quit()
        self._connection = None

    def _broken(self, exc: OSError, written: int) -> list[Step]:
        """Tell what a failed write leaves; what the server said before it closed counts."""
        assert self._connection is not None
        self._text_left = max(0, self._text_left - written)
        steps: list[Step] = []
        with contextlib.suppress(OSError, EOFError):
            heard = self._connection.read()
            steps = self._dialogue.receive(heard, text_is_out=not self._text_left)
        return steps + self._dialogue.lost(plainly(exc), dot_is_out=not self._text_left)

    def _strays(self, connection: Connection) -> list[Step]:
        """Hear what a server says before it is asked: later it would pass for an answer."""
        try:
            heard = connection.read()
        except (OSError, EOFError) as exc:
            return self._dialogue.lost(plainly(exc))
        if not (heard or self._dialogue.is_interrupted):
            return []
        return self._dialogue.receive(heard) or self._dialogue.lost("out of step: half a reply")

    def _touch(self) -> None:
        """Set the time by which something has to happen."""
        now = time.monotonic()
        self._used_at = now
        options = self._options
        if self.wants_write:
            allowed = options.data_timeout_s
        elif self._dialogue.awaits is Phase.DOT:
            allowed = options.dot_timeout_s
        elif self._dialogue.awaits is Phase.DATA:
            allowed = options.data_timeout_s
        else:
            allowed = options.command_timeout_s
        self.deadline = now + allowed

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.drop()
            self._connection = None
