"""Kill the sender at random, again and again, and count what was lost or doubled.

A recording SMTP server notes every Message-ID before it replies to the final dot. A sender is
started, killed with SIGKILL after a random number of mails, and started again until nothing is
left to send. ``hold``: no mail twice, and what is missing is listed as uncertain. ``resend``:
none missing, and no more doubles than kills times connections.

    python tests/benchmarks/crash.py --json
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from digest.app import App, open_app
from digest.config import load_config
from digest.model import Message, Purpose
from digest.pipeline.sending import send_ready
from digest.store import outbox
from digest.store.outbox import Planned
from digest.store.tables import deliveries

CONNECTIONS = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--mode", choices=("hold", "resend", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    modes = ("hold", "resend") if given.mode == "both" else (given.mode,)
    found = {mode: run(mode, given.kills, given.mails, given.seed) for mode in modes}
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        for mode, numbers in found.items():
            print(mode, *(f"{name}={number}" for name, number in numbers.items()))
    held, resent = found.get("hold"), found.get("resend")
    bad = bool(held and (held["lost"] or held["doubled"])) or bool(
        resent and (resent["lost"] or resent["doubled"] > resent["kills"] * CONNECTIONS)
    )
    return int(bad)


def run(mode: str, kills: int, mails: int, seed: int) -> dict[str, int]:
    """Return ``kills``, ``lost``, ``doubled``, ``uncertain``, ``connections``."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        port, sink = start_sink(folder / "received")
        try:
            plan(folder, port, mode, mails)
            done = 0
            while live(
                folder, port, mode, chance if done < kills else None, 3 * mails // (2 * kills)
            ):
                done += 1
            return numbers(folder, port, mode) | {"kills": done, "connections": CONNECTIONS}
        finally:
            os.kill(sink, signal.SIGKILL)
            os.waitpid(sink, 0)


def opened(folder: Path, port: int, mode: str):
    config = load_config(
        overrides={
            "digest": {"data_dir": str(folder / "data")},
            "mail": {
                "sender": "digest@example.org",
                "connections": CONNECTIONS,
                "uncertain": mode,
                "max_age_hours": 48,
            },
            "transports": {"sink": {"kind": "smtp", "host": "127.0.0.1", "port": port}},
        }
    )
    return open_app(config)


def plan(folder: Path, port: int, mode: str, mails: int) -> None:
    with opened(folder, port, mode) as app, app.writing() as connection:
        rows = (
            Planned(
                purpose=Purpose.NOTICE,
                address=f"reader{n}@example.org",
                address_hmac=f"{n:064x}",
                message_id=f"<m{n}@example.org>",
            )
            for n in range(mails)
        )
        assert outbox.plan(connection, rows, datetime.now(UTC)) == mails


def live(folder: Path, port: int, mode: str, chance: random.Random | None, most: int) -> bool:
    """Let one sender live; True where it was killed, False where it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with opened(folder, port, mode) as app:
                send(app)
            code = 0
        finally:
            os._exit(code)
    record = folder / "received"
    wanted = size(record) + (chance.randint(1, max(most, 1)) if chance else 10**9)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if status:
                raise RuntimeError(f"the sender failed: {status}")
            return False
        if chance and size(record) >= wanted:
            time.sleep(chance.random() * 0.003)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
        time.sleep(0.0005)


def size(record: Path) -> int:
    """Return the number of mails recorded so far (a line is 16 bytes)."""
    return record.stat().st_size // 16 if record.exists() else 0


def send(app: App) -> None:
    def compose(rows):
        return {row.row_id: message(row) for row in rows}

    report = send_ready(app, compose=compose)
    assert not report.problems, report.problems


def message(row) -> Message:
    head = f"Message-ID: {row.message_id}\r\nSubject: Papers\r\n\r\n"
    return Message(
        message_id=row.message_id,
        sender="digest@example.org",
        recipient=row.address,
        subject="Papers",
        content=(head + "Nothing much.\r\n" * 100).encode(),
    )


def numbers(folder: Path, port: int, mode: str) -> dict[str, int]:
    lines = (folder / "received").read_text().split()
    seen = Counter(f"<m{int(line)}@example.org>" for line in lines)
    with opened(folder, port, mode) as app, app.reading() as connection:
        states = dict(connection.execute(select(deliveries.c.message_id, deliveries.c.state)).all())
    uncertain = {key for key, state in states.items() if state == "uncertain"}
    left = {key for key, state in states.items() if state not in ("sent", "uncertain")}
    return {
        "lost": len((set(states) - set(seen) - uncertain) | left),
        "doubled": sum(seen.values()) - len(seen),
        "uncertain": len(uncertain),
    }


def start_sink(record: Path) -> tuple[int, int]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    child = os.fork()
    if child == 0:
        with record.open("ab", buffering=0) as file:
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection, file), daemon=True).start()
    listener.close()
    return port, child


def serve(connection: socket.socket, record) -> None:
    try:
        with connection, connection.makefile("rb") as reader:
            connection.sendall(b"220 sink ESMTP\r\n")
            while line := reader.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    connection.sendall(b"250-sink\r\n250 PIPELINING\r\n")
                elif verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    if not take(reader, record):
                        return
                    connection.sendall(b"250 2.0.0 Ok\r\n")
                else:
                    connection.sendall(b"250 2.0.0 Ok\r\n")
                    if verb == b"QUIT":
                        return
    except OSError:
        return


def take(reader, record) -> bool:
    number = b""
    while line := reader.readline():
        if line == b".\r\n":
            record.write(b"%015d\n" % int(number))
            return True
        if line.startswith(b"Message-ID: <m"):
            number = line[14:].partition(b"@")[0]
    return False


if __name__ == "__main__":
    sys.exit(main())
