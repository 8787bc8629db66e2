"""A server that talks without end, slowly, or of something else, is left in time."""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
import time
import tracemalloc
from contextlib import closing

import pytest
from builders import NOON
from delivery.imapd import ImapServer
from delivery.returned_mail import a_reader, a_sent_mail, opened, sample

from digest.actions import bounces
from digest.errors import SourceError
from digest.imap import ImapError, ImapFolder, ImapMailError, ImapPlace
from digest.sources.listing import source

LIMIT_S = 1.0


class RudeServer(socketserver.ThreadingTCPServer):
    """Answers as IMAP servers do, but for one command: there it does what its ``habit`` says."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, at, habit):
        super().__init__(("127.0.0.1", 0), _Dialogue)
        self.at, self.habit = at, habit

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Dialogue(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self.answer("GREETING", "*", "* OK [CAPABILITY IMAP4rev1] ready")
            while line := self.rfile.readline():
                tag, _, rest = line.decode().strip().partition(" ")
                words = rest.upper().split()
                name = words[1] if words[0] == "UID" else words[0]
                self.answer(name, tag, f"{tag} OK done")

    def answer(self, name, tag, last):
        if name == self.server.at:
            for piece in self.server.habit(tag):
                self.wfile.write(piece)
            return
        known = {
            "CAPABILITY": "* CAPABILITY IMAP4rev1", "SELECT": "* OK [UIDVALIDITY 7] valid",
            "SEARCH": "* SEARCH 1 2", "LOGOUT": "* BYE",
        }  # fmt: skip
        lines = [known[name]] if name in known else []
        self.wfile.write("".join(f"{line}\r\n" for line in [*lines, last]).encode())


def endless(line):
    def habit(_):
        while True:
            yield line * 50
            time.sleep(0.001)

    return habit


def dripping(text):
    def habit(_):
        while True:
            for byte in text:
                yield bytes([byte])
                time.sleep(0.05)

    return habit


def said(*pieces):
    return lambda tag: iter([piece.replace(b"TAG", tag.encode()) for piece in pieces])


def silent(_):
    time.sleep(30)
    return iter(())


def huge(_):
    yield b"* 1 FETCH (UID 1 BODY[]<0> {300000000}\r\n"
    for _ in range(5000):
        yield b"x" * 60_000


HABITS = {
    "endless-ok": endless(b"* OK still here\r\n"),
    "endless-line": endless(b"x" * 1000),
    "endless-exists": endless(b"* 5 EXISTS\r\n"),
    "dripping": dripping(b"* OK still here\r\n"),
    "dripping-line": dripping(b"x"),
    "silent": silent,
    "huge-literal": said(b"* 1 FETCH (BODY[] {300000000}\r\n", b"x" * 1000),
    "literal-of-no-number": said(b"* 1 FETCH (BODY[] {" + b"9" * 9000 + b"}\r\n"),
    "no-ascii": said(b"* \xff\xfe\r\n\xff\xff\r\n"),
    "other-tag": said(b"A999 OK done\r\n"),
    "bye": said(b"* BYE too many\r\n"),
    "cut": said(b"* OK"),
    "bad": said(b"TAG BAD no\r\n"),
    "numbers": said(b"* SEARCH 1 x \xff 2\r\nTAG OK done\r\n"),
}
COMMANDS = ["GREETING", "LOGIN", "SELECT", "SEARCH", "FETCH"]


def place_of(server, **changes):
    wanted = {"timeout_s": LIMIT_S, "session_s": 3 * LIMIT_S} | changes
    return ImapPlace(
        host="127.0.0.1", port=server.server_address[1], user="u", password="p", folder="INBOX",
        security="none", **wanted,
    )  # fmt: skip


def read_all(place):
    folder = ImapFolder(place)
    try:
        for uid in folder.search("UID 1:*"):
            folder.content(uid, most_bytes=1000)
    finally:
        folder.close()


@pytest.mark.parametrize("at", COMMANDS)
@pytest.mark.parametrize("habit", HABITS)
def test_every_answer_ends_in_time_and_is_an_error_of_ours(at, habit):
    with RudeServer(at, HABITS[habit]) as server:
        began = time.monotonic()
        with contextlib.suppress(ImapError):
            read_all(place_of(server))
        assert time.monotonic() - began < 12 * LIMIT_S


def test_what_was_not_asked_for_is_not_kept():
    with RudeServer("FETCH", huge) as server:
        folder = ImapFolder(place_of(server))
        tracemalloc.start()
        with closing(folder), pytest.raises(ImapMailError) as caught:
            folder.content(1, most_bytes=1000)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert caught.value.is_last
        assert most < 5_000_000


def read_often(folder):
    for _ in range(100):
        folder.content(1, most_bytes=1000)


def test_a_slow_server_is_left_after_some_minutes_whatever_it_does():
    def slow(tag):
        time.sleep(0.3)
        return said(b"* 1 FETCH (BODY[]<0> {1}\r\nx)\r\nTAG OK done\r\n")(tag)

    with RudeServer("FETCH", slow) as server:
        folder = ImapFolder(place_of(server, session_s=1.0))
        with closing(folder), pytest.raises(ImapError, match=r"too slow|has not finished"):
            read_often(folder)


def test_a_listing_source_says_so(tmp_path):
    with RudeServer("SEARCH", HABITS["bye"]) as server:
        options = {
            "imap_host": "127.0.0.1", "imap_port": server.server_address[1], "imap_user": "u",
            "imap_password": "p", "imap_security": "none",
        }  # fmt: skip
        with pytest.raises(SourceError, match="cannot be read"):
            list(source("mails", options).fetch(None, watermark={}, now=NOON))


def test_what_was_read_before_the_server_failed_is_settled(tmp_path):
    with ImapServer() as server, opened(tmp_path, {"now": NOON}, server) as app:
        first = server.add(sample("postfix-unknown", app, a_sent_mail(app, a_reader(app))))
        server.add(sample("spam"))
        server.hangs_up_at = 2
        with pytest.raises(Exception, match="cannot be read"):
            bounces.take_in(app)
        assert first.flags == set()  # the connection is gone
        assert [row.effect for row in bounces.latest(app)] == ["suppressed"]
        server.hangs_up_at = 0
        assert bounces.take_in(app).seen == 1
    assert re.search(r"UID 2:\*", " ".join(server.commands))
