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
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from digest.delivery._dialogue import Features
from digest.delivery.policy import classify
from digest.errors import DeliveryError

from . import Phase

if TYPE_CHECKING:
    from digest.delivery.smtp import SmtpOptions

READ_LIMIT = 65536


class Connection:
    """One open, greeted (encrypted, logged in) connection that never makes anybody wait."""

    def __init__(self, client: smtplib.SMTP, features: Features) -> None:
        assert client.sock is not None
        self._client = client
        self.socket: socket.socket = client.sock
        self.features = features
        self.unsent: deque[memoryview] = deque()
        """Handed over by us, not yet by the system."""
        self.is_encrypted = isinstance(self.socket, ssl.SSLSocket)
        self.socket.setblocking(False)
        with contextlib.suppress(OSError):  # several small writes must not wait for each other
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, pieces: list[bytes]) -> None:
        """Take bytes to be written."""
        self.unsent.extend(map(memoryview, pieces))

    def flush(self) -> bool:
        """Write what the system takes now; tell whether it took anything. Raises OSError."""
        took = False
        while self.unsent:
            try:
                count = self._send()
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return took
            took = True
            while self.unsent and count >= len(self.unsent[0]):
                count -= len(self.unsent.popleft())
            if count:
                self.unsent[0] = self.unsent[0][count:]
        return took

    def _send(self) -> int:
        if self.is_encrypted:
            return self.socket.send(self.unsent[0])
        return self.socket.sendmsg(list(islice(self.unsent, 16)))

    def read(self) -> bytes:
        """Return what is there; empty where nothing is yet. Raises EOFError, OSError."""
        content = b""
        while len(content) < READ_LIMIT:
            try:
                found = self.socket.recv(16384)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            if not found:
                if content:
                    break
                raise EOFError("the connection was closed")
            content += found
            if not self.is_encrypted:  # what TLS has decrypted already wakes nobody
                break
        return content

    def quit(self, timeout_s: float = 5) -> None:
        """Say good-bye and close; what the server thinks of it changes nothing."""
        with contextlib.suppress(OSError, ValueError):
            self.socket.settimeout(timeout_s)
            self.socket.sendall(b"QUIT\r\n")
            self.socket.recv(512)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
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
            reason = f"{where} cannot be reached: {plainly(exc)}"
            permanent = False
    return DeliveryError(name, reason, permanent=permanent)


def _text(error: bytes | str) -> str:
    plain = error.decode("utf-8", "replace") if isinstance(error, bytes) else error
    return " ".join(plain.split())[:200]


def plainly(exc: Exception) -> str:
    """Return what went wrong in a few words."""
    if isinstance(exc, TimeoutError):
        return "timed out"
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
