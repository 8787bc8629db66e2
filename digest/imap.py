"""One folder of an IMAP server (RFC 3501), read without deleting anything.

What the mails are is not known here: refusals and listings are read through it alike.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TIMEOUT_S = 60

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, kw_only=True)
class ImapPlace:
    """Where a folder is, and who may read it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str
    security: Security = "tls"
    ca_file: Path | None = None
    """Certificate of a private authority."""


class ImapError(Exception):
    """The server or the folder cannot be read; the message says why, without the password."""


class ImapFolder:
    """One folder, selected. Raises ImapError where it cannot be opened."""

    def __init__(self, place: ImapPlace, *, read_only: bool = False) -> None:
        self._client = _connected(place)
        try:
            self._client.login(place.user, place.password)
            self._asked("SELECT", self._client.select(_quoted(place.folder), readonly=read_only))
        except (imaplib.IMAP4.error, OSError) as exc:
            self.close()
            reason = f"{place.host} does not open {place.folder}: {_said(exc)}"
            raise ImapError(reason) from exc
        self.validity = _validity(self._client)
        """UIDs mean the same mails as long as this does not change."""

    def search(self, criteria: str) -> list[int]:
        """Return the UIDs that fit, in order. Raises ImapError."""
        try:
            found = self._asked("SEARCH", self._client.uid("SEARCH", criteria))
            return sorted(map(int, _words(found)))
        except (imaplib.IMAP4.error, OSError, ValueError) as exc:
            raise ImapError(f"the folder cannot be read: {_said(exc)}") from exc

    def content(self, uid: int, *, most_bytes: int) -> bytes | None:
        """Return a mail's first bytes without marking it read; None if it is gone meanwhile.

        Raises ImapError.
        """
        wanted = f"(BODY.PEEK[]<0.{most_bytes}>)"
        try:
            answer = self._asked("FETCH", self._client.uid("FETCH", str(uid), wanted))
        except (imaplib.IMAP4.error, OSError) as exc:
            raise ImapError(f"the folder cannot be read: {_said(exc)}") from exc
        # A mail that was expunged meanwhile is answered with nothing.
        return next((part[1] for part in answer if isinstance(part, tuple)), None)

    def flag(self, uid: str, flags: str) -> None:
        """Add flags to a mail; failing at that is no harm and never raises."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._client.uid("STORE", uid, "+FLAGS.SILENT", flags)

    def close(self) -> None:
        """Log out; nothing is expunged."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._client.logout()

    @staticmethod
    def _asked(command: str, answer: tuple[str, Any]) -> list[Any]:
        kind, found = answer
        if kind != "OK":
            raise imaplib.IMAP4.error(f"{command}: {kind} {' '.join(_words(found))}")
        return found if isinstance(found, list) else []


def _connected(place: ImapPlace) -> imaplib.IMAP4:
    host, port = place.host, place.port
    context = ssl.create_default_context(cafile=str(place.ca_file) if place.ca_file else None)
    try:
        if place.security == "tls":
            return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=TIMEOUT_S)
        client = imaplib.IMAP4(host, port, timeout=TIMEOUT_S)
        if place.security == "starttls":
            with contextlib.ExitStack() as undoing:
                undoing.callback(_hang_up, client)
                client.starttls(context)
                undoing.pop_all()
    except (imaplib.IMAP4.error, OSError) as exc:
        raise ImapError(f"{host} port {port} does not answer: {_said(exc)}") from exc
    return client


def _hang_up(client: imaplib.IMAP4) -> None:
    with contextlib.suppress(OSError):
        client.shutdown()


def _validity(client: imaplib.IMAP4) -> str:
    _, found = client.response("UIDVALIDITY")
    return " ".join(_words(found)) or "0"


def _words(found: list[Any]) -> list[str]:
    return [
        word.decode("ascii", "replace")
        for line in found or ()
        if isinstance(line, bytes)
        for word in line.split()
    ]


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _said(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200] or type(exc).__name__
