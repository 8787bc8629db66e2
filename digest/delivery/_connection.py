"""A connection to an SMTP server: the standard library's connect, STARTTLS and AUTH, then ours.

``smtplib`` opens, greets, encrypts and logs in. Its sending half is not used: it cannot say in
which phase a conversation broke (disconnects at RCPT and after the final dot raise the same
error), does not pipeline, and leaves the socket open after 421 (python/cpython#132796).
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digest.delivery._reply import Reply, parse_reply
from digest.delivery.policy import classify
from digest.errors import DeliveryError

from . import Phase

if TYPE_CHECKING:
    from digest.delivery.smtp import SmtpOptions

LINE_LIMIT = 4096
LINES_LIMIT = 200


class Lost(Exception):  # noqa: N818 - a state of the connection, handled where it is raised
    """The connection ended, timed out or spoke nonsense while we waited for a reply."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """What the server offered in its last EHLO."""

    pipelining: bool
    size_limit: int | None
    """Bytes; None where no SIZE was offered, 0 where it has no fixed limit."""
    eight_bit: bool
    smtputf8: bool


class Connection:
    """One open, greeted (encrypted, logged in) connection; bytes in, replies out."""

    def __init__(self, client: smtplib.SMTP, features: Features) -> None:
        assert client.sock is not None
        self._client = client
        self._socket: socket.socket = client.sock
        # The client's own reader where it has one: it may hold bytes already.
        self._reader = client.file or client.sock.makefile("rb")
        self.features = features
        self.messages = 0
        self.is_lost = False
        """Set by who found out: nothing more can be said on it."""

    def write(self, content: bytes, timeout_s: float) -> None:
        """Hand over all bytes, or raise Lost: then the last byte was not handed over."""
        view = memoryview(content)
        try:
            self._socket.settimeout(timeout_s)
            while view:
                view = view[self._socket.send(view) :]
        except OSError as exc:
            raise Lost(_plain(exc)) from exc

    def read(self, timeout_s: float) -> Reply:
        """Read one whole reply. Raises Lost."""
        lines: list[bytes] = []
        try:
            self._socket.settimeout(timeout_s)
            while len(lines) < LINES_LIMIT:
                line: bytes = self._reader.readline(LINE_LIMIT)
                if not line.endswith(b"\n"):
                    raise Lost("the connection was closed" if not line else "an endless line")
                lines.append(line)
                if line[3:4] != b"-":
                    return parse_reply(lines)
        except OSError as exc:
            raise Lost(_plain(exc)) from exc
        except ValueError as exc:
            raise Lost(f"not an SMTP reply: {lines[-1][:60]!r}") from exc
        raise Lost("an endless reply")

    def quit(self, timeout_s: float = 5) -> None:
        """Say good-bye and close; what the server thinks of it changes nothing."""
        with contextlib.suppress(Lost):
            self.write(b"QUIT\r\n", timeout_s)
            self.read(timeout_s)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        with contextlib.suppress(OSError):
            self._reader.close()
        with contextlib.suppress(OSError):
            self._client.close()


def connect(name: str, options: SmtpOptions) -> Connection:
    """Open a connection as the options say. Raises DeliveryError, permanent for a person to see."""
    client: smtplib.SMTP | None = None
    try:
        client = _opened(options)
        client.ehlo_or_helo_if_needed()
        if options.effective_security == "starttls":
            client.starttls(context=_context(options))
            client.ehlo_or_helo_if_needed()
        if options.user:
            client.login(options.user, options.revealed_password())
    except DeliveryError:
        raise
    except (smtplib.SMTPException, OSError, UnicodeError) as exc:
        if client is not None:
            client.close()
        raise _refused(name, options, exc) from exc
    return Connection(client, _features(client))


def _opened(options: SmtpOptions) -> smtplib.SMTP:
    place = (options.host, options.effective_port)
    if options.effective_security == "tls":
        return smtplib.SMTP_SSL(
            *place,
            local_hostname=options.greeting,
            timeout=options.connect_timeout_s,
            context=_context(options),
        )
    return smtplib.SMTP(*place, local_hostname=options.greeting, timeout=options.connect_timeout_s)


def _context(options: SmtpOptions) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(options.ca_file) if options.ca_file else None)


def _features(client: smtplib.SMTP) -> Features:
    offered = client.esmtp_features
    size = offered.get("size")
    return Features(
        pipelining="pipelining" in offered,
        size_limit=None if size is None else int(size) if size.isdigit() else 0,
        eight_bit="8bitmime" in offered,
        smtputf8="smtputf8" in offered,
    )


def _refused(name: str, options: SmtpOptions, exc: Exception) -> DeliveryError:
    where = f"{options.host}:{options.effective_port}"
    match exc:
        case smtplib.SMTPAuthenticationError(smtp_code=code, smtp_error=error):
            reason = f"{where} refused the login of {options.user}: {code} {_text(error)}"
            permanent = code >= 500
        case smtplib.SMTPNotSupportedError():
            missing = "AUTH" if "AUTH" in str(exc).upper() else "STARTTLS"
            reason = f"{where} does not offer {missing}"
            permanent = True
        case smtplib.SMTPResponseException(smtp_code=code, smtp_error=error):
            reason = f"{where} answered {code} {_text(error)}"
            permanent = classify(Phase.CONNECT, code).stops_relay
        case ssl.SSLCertVerificationError():
            reason = f"{where} has a certificate that does not hold: {exc.verify_message}"
            permanent = True
        case _:
            reason = f"{where} cannot be reached: {_plain(exc)}"
            permanent = False
    return DeliveryError(name, reason, permanent=permanent)


def _text(error: bytes | str) -> str:
    plain = error.decode("utf-8", "replace") if isinstance(error, bytes) else error
    return " ".join(plain.split())[:200]


def _plain(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "timed out"
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
