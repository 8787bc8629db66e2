"""One folder of an IMAP server (RFC 3501), read without deleting anything.

What the mails are is not known here: refusals and listings are read through it alike. A server
has a minute for each command and some minutes in all, and is not read for more than was asked.
"""

from __future__ import annotations

import contextlib
import imaplib
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from digest.imap.connection import Bounded, BoundedTls, TooMuchError

__all__ = ["ImapError", "ImapFolder", "ImapMailError", "ImapPlace", "Security"]

TIMEOUT_S = 60.0
SESSION_S = 600.0
ANSWER_BYTES = 256 * 1024
"""Most that a server may say besides what was asked for."""
UIDS_BYTES = 16 * 2**20

Security = Literal["tls", "starttls", "none"]

_FAULTS = (imaplib.IMAP4.error, OSError, ValueError)
"""``ValueError``: numbers and letters where the protocol has none."""


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
    timeout_s: float = TIMEOUT_S
    """Time for one command."""
    session_s: float = SESSION_S
    """Time for all of them."""


class ImapError(Exception):
    """The server or the folder cannot be read; the message says why, without the password."""


class ImapMailError(ImapError):
    """One mail cannot be fetched. ``is_last``: and the connection is of no use any more."""

    def __init__(self, reason: str, *, is_last: bool) -> None:
        self.is_last = is_last
        super().__init__(reason)


class ImapFolder:
    """One folder, selected. Raises ImapError where it cannot be opened."""

    def __init__(self, place: ImapPlace, *, read_only: bool = False) -> None:
        self._timeout_s = place.timeout_s
        self._ends = time.monotonic() + place.session_s
        self._client = _connected(place)
        try:
            self._allow()
            self._client.login(place.user, place.password)
            self._allow()
            _answer("SELECT", self._client.select(_quoted(place.folder), readonly=read_only))
            self.validity = _validity(self._client)
            """UIDs mean the same mails as long as this does not change."""
        except _FAULTS as exc:
            self.close()
            reason = f"{place.host} does not open {place.folder}: {_reason(exc)}"
            raise ImapError(reason) from exc

    def search(self, criteria: str) -> list[int]:
        """Return the UIDs that fit, in order. Raises ImapError."""
        try:
            self._allow(UIDS_BYTES)
            return sorted(map(int, _words(_answer("SEARCH", self._client.uid("SEARCH", criteria)))))
        except _FAULTS as exc:
            raise ImapError(f"the folder cannot be read: {_reason(exc)}") from exc

    def content(self, uid: int, *, most_bytes: int) -> bytes | None:
        """Return a mail's first bytes without marking it read; None if it is gone meanwhile.

        Raises ImapMailError where the server refuses this one or sends something else, ImapError
        where it does not answer.
        """
        wanted = f"(BODY.PEEK[]<0.{most_bytes}>)"
        try:
            self._allow(most_bytes + ANSWER_BYTES)
            answer = _answer("FETCH", self._client.uid("FETCH", str(uid), wanted))
        except (TooMuchError, ValueError) as exc:
            raise ImapMailError(f"it cannot be fetched: {_reason(exc)}", is_last=True) from exc
        except (imaplib.IMAP4.abort, OSError) as exc:
            raise ImapError(f"the folder cannot be read: {_reason(exc)}") from exc
        except imaplib.IMAP4.error as exc:
            raise ImapMailError(f"it cannot be fetched: {_reason(exc)}", is_last=False) from exc
        # A mail that was expunged meanwhile is answered with nothing.
        found = next((part[1] for part in answer if isinstance(part, tuple)), None)
        return found[:most_bytes] if isinstance(found, bytes) else None

    def flag(self, uid: str, flags: str) -> None:
        """Add flags to a mail; failing at that is no harm and never raises."""
        with contextlib.suppress(*_FAULTS):
            self._allow()
            self._client.uid("STORE", uid, "+FLAGS.SILENT", flags)

    def close(self) -> None:
        """Log out; nothing is expunged."""
        with contextlib.suppress(*_FAULTS):
            self._client.allow(ANSWER_BYTES, min(5.0, self._timeout_s))
            self._client.logout()
        _hang_up(self._client)

    def _allow(self, most_bytes: int = ANSWER_BYTES) -> None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise imaplib.IMAP4.abort("the server is too slow: reading goes on with the next pass")
        # What it says unasked is kept by the library until somebody asks for it.
        self._client.untagged_responses.clear()
        self._client.allow(most_bytes, min(self._timeout_s, left))


def _answer(command: str, answer: tuple[str, Any]) -> list[Any]:
    kind, lines = answer
    if kind != "OK":
        raise imaplib.IMAP4.error(f"{command}: {kind} {' '.join(_words(lines))}")
    return lines if isinstance(lines, list) else []


def _connected(place: ImapPlace) -> Bounded:
    host, port = place.host, place.port
    context = ssl.create_default_context(cafile=str(place.ca_file) if place.ca_file else None)
    try:
        if place.security == "tls":
            return BoundedTls(host, port, timeout_s=place.timeout_s, context=context)
        client = Bounded(host, port, timeout_s=place.timeout_s)
        if place.security == "starttls":
            with contextlib.ExitStack() as undoing:
                undoing.callback(_hang_up, client)
                client.allow(ANSWER_BYTES, place.timeout_s)
                client.starttls(context)
                undoing.pop_all()
    except _FAULTS as exc:
        raise ImapError(f"{host} port {port} does not answer: {_reason(exc)}") from exc
    return client


def _hang_up(client: imaplib.IMAP4) -> None:
    with contextlib.suppress(OSError):
        client.shutdown()


def _validity(client: imaplib.IMAP4) -> str:
    _, lines = client.response("UIDVALIDITY")
    return " ".join(_words(lines)) or "0"


def _words(lines: list[Any]) -> list[str]:
    return [
        word.decode("ascii", "replace")
        for line in lines or ()
        if isinstance(line, bytes)
        for word in line.split()
    ]


def _quoted(folder: str) -> str:
    escaped = folder.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _reason(exc: Exception) -> str:
    return " ".join(str(exc)[:1_000].split())[:200] or type(exc).__name__
