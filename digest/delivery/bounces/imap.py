"""What came back, from a folder of an IMAP server (RFC 3501), read without deleting anything.

The cursor is ``UIDVALIDITY UID``: a folder that was made anew is read from its beginning, and
mail that somebody read meanwhile is not missed.
"""

from __future__ import annotations

import contextlib
import hashlib
import imaplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from digest.delivery.bounces import Mark, Returned
from digest.delivery.bounces.reading import READ_LIMIT
from digest.errors import DeliveryError

WHERE = "mail.bounces.imap_host"
TIMEOUT_S = 60

Security = Literal["tls", "starttls", "none"]


class ImapMailbox:
    """One folder, selected. Raises DeliveryError where it cannot be opened."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        password: str,
        folder: str,
        security: Security = "tls",
        ca_file: Path | None = None,
    ) -> None:
        which = hashlib.blake2b(f"{user}@{host}/{folder}".encode(), digest_size=12)
        self.name = f"bounces:imap:{which.hexdigest()}"
        self._client = _connected(host, port, security, ca_file)
        try:
            self._client.login(user, password)
            self._asked("SELECT", self._client.select(_quoted(folder)))
            self._validity = _validity(self._client)
        except (imaplib.IMAP4.error, OSError) as exc:
            self.close()
            raise DeliveryError(WHERE, f"{host} does not open {folder}: {_said(exc)}") from exc

    def unread(self, cursor: str, limit: int) -> Iterator[tuple[Returned, str]]:
        """Yield what has a higher UID than the cursor's, without marking it read."""
        validity, _, last = cursor.partition(" ")
        first = int(last) + 1 if validity == self._validity and last.isdigit() else 1
        try:
            found = self._asked("SEARCH", self._client.uid("SEARCH", f"UID {first}:*"))
            # "n:*" names the last mail even where its UID is lower than n (RFC 3501 6.4.8).
            uids = sorted(uid for uid in map(int, _words(found)) if uid >= first)
            for uid in uids[:limit]:
                content = self._content(uid)
                if content is not None:
                    yield Returned(key=self._key(uid), content=content), f"{self._validity} {uid}"
        except (imaplib.IMAP4.error, OSError) as exc:
            raise DeliveryError(WHERE, f"the folder cannot be read: {_said(exc)}") from exc

    def settle(self, key: str, mark: Mark) -> None:
        """Mark a mail as read, and flagged where a person should look."""
        if mark is Mark.LEFT:
            return
        uid = key.rpartition(":")[2]
        flags = r"(\Seen)" if mark is Mark.SEEN else r"(\Seen \Flagged)"
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._client.uid("STORE", uid, "+FLAGS.SILENT", flags)

    def close(self) -> None:
        """Log out; nothing is expunged."""
        with contextlib.suppress(imaplib.IMAP4.error, OSError):
            self._client.logout()

    def _key(self, uid: int) -> str:
        return f"{self.name}:{self._validity}:{uid}"

    def _content(self, uid: int) -> bytes | None:
        wanted = f"(BODY.PEEK[]<0.{READ_LIMIT}>)"
        answer = self._asked("FETCH", self._client.uid("FETCH", str(uid), wanted))
        # A mail that was expunged meanwhile is answered with nothing.
        return next((part[1] for part in answer if isinstance(part, tuple)), None)

    @staticmethod
    def _asked(command: str, answer: tuple[str, Any]) -> list[Any]:
        kind, found = answer
        if kind != "OK":
            raise imaplib.IMAP4.error(f"{command}: {kind} {' '.join(_words(found))}")
        return found if isinstance(found, list) else []


def _connected(host: str, port: int, security: Security, ca_file: Path | None) -> imaplib.IMAP4:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    try:
        if security == "tls":
            return imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=TIMEOUT_S)
        client = imaplib.IMAP4(host, port, timeout=TIMEOUT_S)
        if security == "starttls":
            client.starttls(context)
    except (imaplib.IMAP4.error, OSError) as exc:
        raise DeliveryError(WHERE, f"{host} port {port} does not answer: {_said(exc)}") from exc
    return client


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
