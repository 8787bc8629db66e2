"""Where a scenario happens: an installation, relays that count, and the commands of the product."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from digest.app import App, open_app
from digest.config import load_config
from digest.model import Purpose
from digest.store import outbox
from digest.store.outbox import Planned
from digest.store.tables import deliveries
from fault_scenarios import Counts

PATIENCE_S = 180
WAITING = "deferred"
"""To be tried again at its time."""
FINAL = ("sent", "uncertain", "failed", "expired", "cancelled", "suppressed")


class Relay:
    """An SMTP server on loopback that notes each Message-ID before it answers the dot."""

    def __init__(self) -> None:
        self.received: list[str] = []
        self.reply_s = 0.0
        """So long it waits before it answers the dot."""
        self.replies: dict[str, bytes] = {}
        """Other replies than the usual ones, by command; ``.`` is the dot, ``close`` closes."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for(self, count: int) -> None:
        """Wait until so many mails have come."""
        ends = time.monotonic() + PATIENCE_S
        while len(self.received) < count:
            if time.monotonic() > ends:
                raise TimeoutError(f"{len(self.received)} of {count} mails came")
            time.sleep(0.002)

    def close(self) -> None:
        """Accept no more."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        usual = {"EHLO": b"250-relay\r\n250 PIPELINING\r\n", "DATA": b"354 go on\r\n"}
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            connection.sendall(b"220 relay ESMTP\r\n")
            while line := reader.readline():
                verb = line[:4].upper().decode("latin-1").strip()
                answer = self.replies.get(verb, usual.get(verb, b"250 2.0.0 Ok\r\n"))
                if answer == b"close":
                    return
                connection.sendall(answer)
                if verb == "QUIT" or (verb == "DATA" and answer.startswith(b"354")):
                    if verb == "QUIT" or not self._took(reader):
                        return
                    time.sleep(self.reply_s)
                    if self.replies.get(".") == b"close":
                        return
                    connection.sendall(self.replies.get(".", b"250 2.0.0 Ok\r\n"))

    def _took(self, reader: Any) -> bool:
        number = ""
        while line := reader.readline():
            if line == b".\r\n":
                self.received.append(number)
                return True
            if found := re.match(rb"Message-ID: (<m\d+@[^>]+>)", line, re.IGNORECASE):
                number = found[1].decode()
        return False


@dataclass
class Ended:
    """A command of the product that came to its end."""

    code: int
    output: str

    @property
    def has_traceback(self) -> bool:
        """Tell whether a person got to see one."""
        return "Traceback (most recent call last)" in self.output


@dataclass
class Place:
    """An installation of its own in a folder."""

    folder: Path
    store: str
    """Address of its database."""
    relays: list[Relay]
    mails: int
    lock_s: float
    """How long another process locks SQLite."""
    server: Any = None
    """The PostgreSQL server; None on SQLite."""
    mail: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lines = [
            f'[digest]\ndata_dir = "{self.folder}/data"',
            f'[store]\nurl = "{self.store}"',
            f'[mail]\nsender = "digest@example.org"\n{self.mail}',
        ]
        for number, relay in enumerate(self.relays):
            lines.append(
                f'[transports.relay{number}]\nkind = "smtp"\nhost = "127.0.0.1"\n'
                f"port = {relay.port}\ncommand_timeout_s = 20\ndot_timeout_s = 20"
            )
        self.config = self.folder / "digest.toml"
        self.config.write_text("\n".join(lines) + "\n")

    @property
    def relay(self) -> Relay:
        """Return the first relay."""
        return self.relays[0]

    def opened(self) -> Any:
        """Open the installation in this process."""
        return open_app(load_config(self.config))

    def plan(self, count: int = 0) -> None:
        """Put mails into the outbox."""
        content = {"notice": "alert", "values": {"wrong": [["A", "b"]], "right": [], "advice": ""}}
        with self.opened() as app, app.writing() as connection:
            rows = (
                Planned(
                    purpose=Purpose.NOTICE,
                    address=f"reader{n}@example.org",
                    address_hmac=f"{n:064x}",
                    message_id=f"<m{n}@example.org>",
                    content=content,
                )
                for n in range(count or self.mails)
            )
            outbox.plan(connection, rows, datetime.now(UTC))

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command of the product."""
        return subprocess.Popen(
            [sys.executable, "-m", "digest", "--config", str(self.config), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | self.environ,
            **options,
        )

    def run(self, *words: str, **options: Any) -> Ended:
        """Run a command of the product to its end."""
        return ended(self.start(*words, **options))

    def send(self) -> subprocess.Popen[str]:
        """Start to send what is due."""
        return self.start("run", "--no-poll")

    def counts(self, faulted: Ended | None, *, is_silent: bool = False) -> Counts:
        """Run again now that the fault is over, and count what became of the mails.

        ``faulted``: how the command ended that met the fault; None where it was killed.
        """
        silent = int(is_silent)
        if faulted is not None:
            silent += self._silence(faulted)
        last = self.run("run", "--no-poll")
        with self.opened() as app:
            states = self.states(app)
        seen = Counter(number for relay in self.relays for number in relay.received)
        uncertain = {key for key, state in states.items() if state == "uncertain"}
        is_stuck = [state for state in states.values() if state not in (*FINAL, WAITING)]
        silent += int(bool(is_stuck or uncertain) and not self._names(last))
        return Counts(
            lost=len(
                {key for key, state in states.items() if state in FINAL} - set(seen) - uncertain
            ),
            doubled=sum(seen.values()) - len(seen),
            stuck=len(is_stuck),
            silent=silent,
            uncertain=len(uncertain),
        )

    def _silence(self, faulted: Ended) -> int:
        """Count what was wrong and not named, or by a traceback."""
        with self.opened() as app:
            states = set(self.states(app).values())
        is_wrong = bool(states - {"sent", WAITING})
        return int(faulted.has_traceback) + int(is_wrong and not self._names(faulted))

    def _names(self, faulted: Ended) -> bool:
        return bool(faulted.code) or bool(self.run("verify").code)

    def states(self, app: App) -> dict[str, str]:
        """Return the state of each planned mail by Message-ID."""
        query = select(deliveries.c.message_id, deliveries.c.state).where(
            deliveries.c.message_id.like("<m%")
        )
        with app.reading() as connection:
            return dict(connection.execute(query).all())

    def verify(self) -> dict[str, Any]:
        """Return what `digest verify --json` says."""
        found: dict[str, Any] = json.loads(self.run("verify", "--json").output)
        return found


def ended(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a command."""
    try:
        output, _ = process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
        return Ended(0, f"{output}\nstill running after {PATIENCE_S} s")
    return Ended(process.returncode, output)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a command without warning."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.01)


def processes_of(pid: int) -> Sequence[int]:
    """Return a process and its children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *map(int, listed.read_text().split())] if listed.exists() else [pid]
