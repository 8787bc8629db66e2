"""A small real IMAP server on loopback: one mailbox, its UIDs and flags (RFC 3501).

It speaks what a client needs to log in, select, search, fetch without reading and flag; it keeps
every command, so that a test can say that nothing was ever deleted.
"""

from __future__ import annotations

import contextlib
import re
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass
class Kept:
    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)
    came_on: date = date.max


class ImapServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        *,
        password: str = "secret",
        validity: int = 7,
        tls: ssl.SSLContext | None = None,
        starttls: bool = False,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.tls = tls
        self.starttls = starttls
        self.mails: list[Kept] = []
        self.password = password
        self.validity = validity
        self.commands: list[str] = []
        self.folder = "INBOX"
        self.refused: set[int] = set()
        """UIDs that it does not give out."""
        self.hangs_up_at = 0
        """UID at which it closes the connection."""

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def add(self, content: bytes, came_on: date = date.max) -> Kept:
        uid = (self.mails[-1].uid if self.mails else 0) + 1
        kept = Kept(uid=uid, content=content, came_on=came_on)
        self.mails.append(kept)
        return kept

    def __enter__(self) -> ImapServer:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(5)


class _Dialogue(socketserver.StreamRequestHandler):
    server: ImapServer
    tag = ""

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            if self.server.tls and not self.server.starttls:
                self._encrypt()
            self._say("* OK [CAPABILITY IMAP4rev1] ready")
            while line := self.rfile.readline():
                self.tag, _, rest = line.decode().strip().partition(" ")
                self.server.commands.append(rest)
                name, _, arguments = rest.partition(" ")
                if name.upper() == "UID":
                    name, _, arguments = arguments.partition(" ")
                    name = f"uid_{name}"
                answer = getattr(self, f"_{name.lower()}", None)
                said = answer(arguments) if answer else "BAD unknown command"
                if said:
                    self._say(f"{self.tag} {said}")
                if name.upper() == "LOGOUT":
                    return

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def _capability(self, _: str) -> str:
        self._say("* CAPABILITY IMAP4rev1" + (" STARTTLS" if self.server.starttls else ""))
        return "OK done"

    def _starttls(self, _: str) -> str:
        self._say(f"{self.tag} OK begin")
        self._encrypt()
        return ""

    def _encrypt(self) -> None:
        assert self.server.tls
        self.rfile.close()
        try:
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        finally:
            self.rfile = self.connection.makefile("rb")
            self.wfile = socketserver._SocketWriter(self.connection)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _login(self, arguments: str) -> str:
        good = arguments.endswith(f'"{self.server.password}"')
        return "OK welcome" if good else "NO [AUTHENTICATIONFAILED] wrong password"

    def _select(self, arguments: str) -> str:
        if arguments.strip('"') != self.server.folder:
            return "NO [NONEXISTENT] there is no such folder"
        self._say(f"* {len(self.server.mails)} EXISTS")
        self._say(r"* FLAGS (\Seen \Flagged \Deleted)")
        self._say(f"* OK [UIDVALIDITY {self.server.validity}] valid")
        return "OK [READ-WRITE] selected"

    _examine = _select

    def _uid_search(self, arguments: str) -> str:
        uids = [mail.uid for mail in self.server.mails]
        if since := re.fullmatch(r"SINCE (\d{1,2}-[A-Z][a-z]{2}-\d{4})", arguments):
            first_on = datetime.strptime(since[1], "%d-%b-%Y").date()
            wanted = [mail.uid for mail in self.server.mails if mail.came_on >= first_on]
        else:
            found = re.fullmatch(r"UID (\d+):\*", arguments)
            assert found, arguments
            # As RFC 3501 has it: "n:*" holds the highest UID even where n is higher.
            wanted = [uid for uid in uids if uid >= int(found[1])] or uids[-1:]
        self._say(" ".join(["* SEARCH", *map(str, wanted)]))
        return "OK done"

    def _uid_fetch(self, arguments: str) -> str:
        found = re.fullmatch(r"(\d+) \(BODY\.PEEK\[\]<0\.(\d+)>\)", arguments)
        assert found, arguments
        if int(found[1]) in self.server.refused:
            return "NO [SERVERBUG] internal error"
        if int(found[1]) == self.server.hangs_up_at:
            raise ConnectionAbortedError
        for number, mail in enumerate(self.server.mails, 1):
            if mail.uid == int(found[1]):
                part = mail.content[: int(found[2])]
                head = f"* {number} FETCH (UID {mail.uid} BODY[]<0> {{{len(part)}}}\r\n"
                self.wfile.write(head.encode() + part + b")\r\n")
        return "OK done"

    def _uid_store(self, arguments: str) -> str:
        found = re.fullmatch(r"(\d+) \+FLAGS\.SILENT \(([^)]*)\)", arguments)
        assert found, arguments
        for mail in self.server.mails:
            if mail.uid == int(found[1]):
                mail.flags |= set(found[2].split())
        return "OK done"

    def _logout(self, _: str) -> str:
        self._say("* BYE")
        return "OK done"
