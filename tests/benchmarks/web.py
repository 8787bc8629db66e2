"""Time the daily page and the one-click POST beside a bare "hello" route, served by uvicorn.

    python tests/benchmarks/web.py [--seconds 4] [--rounds 3] [--clicks 500] [--papers 60] [--json]

Each server runs in a process of its own on SQLite; the client keeps connections open and sends
the next request when it has read the answer. Rounds alternate between the routes, so the ratios
hold on a busy machine. Then so many one-click POSTs arrive at once, each of another reader, and
every one of them must be unsubscribed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders import a_profile
from web_builders import store_paper

from digest.app import App, open_app
from digest.config import load_config
from digest.model import SubscriberStatus
from digest.store import profiles, subscribers
from digest.store.tables import subscriptions
from digest.subscribers.tokens import Signer, TokenPurpose
from digest.web.app import create_app

CONNECTIONS = 8
BODY = b"List-Unsubscribe=One-Click"


def settings(folder: str) -> dict[str, Any]:
    return {
        "digest": {"data_dir": folder, "secret": "s" * 40, "name": "Benchmark"},
        "mail": {"sender": "digest@example.org"},
    }


def serve_pages(folder: str, port: int) -> None:
    with open_app(load_config(overrides=settings(folder))) as app:
        _run(create_app(app), port)


def serve_hello(_folder: str, port: int) -> None:
    web = FastAPI()

    @web.get("/")
    def hello() -> str:
        return "hello"

    @web.post("/")
    def hello_posted() -> str:
        return "hello"

    _run(web, port)


def _run(web: Any, port: int) -> None:
    uvicorn.run(web, host="127.0.0.1", port=port, log_level="error", access_log=False)


@contextlib.contextmanager
def served(target: Any, folder: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=target, args=(folder, port))
    process.start()
    try:
        for _ in range(400):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.join()


class Connection:
    """A plain HTTP/1.1 connection that is kept open."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._file = self._socket.makefile("rb")

    def ask(self, request: bytes) -> int:
        """Send a request, read the whole answer, return its status."""
        self._socket.sendall(request)
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        self._file.read(length)
        return status

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def post(path: str) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


def rate(port: int, requests: list[bytes], seconds: float) -> float:
    """Return answered requests per second over CONNECTIONS connections."""
    end = time.perf_counter() + seconds
    counts = [0] * CONNECTIONS

    def work(place: int) -> None:
        connection = Connection(port)
        turn = place
        while time.perf_counter() < end:
            assert connection.ask(requests[turn % len(requests)]) == 200
            counts[place] += 1
            turn += CONNECTIONS
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def fill(app: App, papers: int, readers: int) -> list[str]:
    """Store a day of papers and readers; return their one-click addresses."""
    now = app.now()
    signer = Signer(app.secret_keys)
    with app.writing() as connection:
        for number in range(1, papers + 1):
            title = f"Paper {number} on careful studies of many things"
            store_paper(connection, number, title, "cs.LG", number, now)
        profile_id, _ = profiles.save(connection, a_profile(), origin=profiles.CONFIG, now=now)
        ids = subscribers.ensure_many(
            connection, [f"reader{n}@example.org" for n in range(readers)],
            status=SubscriberStatus.CONFIRMED, now=now, via="benchmark",
        )  # fmt: skip
        found = [
            (
                row_id,
                profiles.subscribe(
                    connection, subscriber_id=row_id, profile_id=profile_id, next_slot_at=now,
                    status=SubscriberStatus.CONFIRMED, now=now,
                ),
            )
            for row_id in ids.values()
        ]  # fmt: skip
    return [
        "/u/" + signer.make(TokenPurpose.UNSUBSCRIBE, person, subscription_id=subscription)
        for person, subscription in found
    ]


def at_once(port: int, addresses: list[str]) -> tuple[list[int], float]:
    """Open a connection for each POST, then send all of them in the same moment."""
    connections = [Connection(port) for _ in addresses]
    barrier = threading.Barrier(len(addresses) + 1)

    def click(connection: Connection, address: str) -> int:
        barrier.wait()
        return connection.ask(post(address))

    with ThreadPoolExecutor(len(addresses)) as pool:
        waiting = [
            pool.submit(click, connection, address)
            for connection, address in zip(connections, addresses, strict=True)
        ]
        barrier.wait()
        started = time.perf_counter()
        statuses = [future.result() for future in waiting]
    taken = time.perf_counter() - started
    for connection in connections:
        connection.close()
    return statuses, taken


def unsubscribed(app: App, subscription_count: int) -> int:
    """Return how many of the last so many subscriptions ended."""
    with app.reading() as connection:
        highest = connection.scalar(select(func.max(subscriptions.c.id))) or 0
        return (
            connection.scalar(
                select(func.count()).where(
                    subscriptions.c.id > highest - subscription_count,
                    subscriptions.c.status == SubscriberStatus.UNSUBSCRIBED.value,
                )
            )
            or 0
        )


def measure(options: argparse.Namespace, folder: str) -> dict[str, float]:
    readers = 20_000
    with open_app(load_config(overrides=settings(folder))) as app:
        addresses = fill(app, options.papers, readers + options.clicks)
    fresh, crowd = addresses[:readers], addresses[readers:]
    rounds: dict[str, list[float]] = {"hello": [], "daily": [], "hello_post": [], "one_click": []}
    with served(serve_hello, folder) as bare, served(serve_pages, folder) as pages:
        rate(bare, [get("/")], 0.5)
        rate(pages, [get("/")], 0.5)
        for turn in range(options.rounds):
            part = fresh[turn * len(fresh) // options.rounds :]
            rounds["hello"].append(rate(bare, [get("/")], options.seconds))
            rounds["daily"].append(rate(pages, [get("/")], options.seconds))
            rounds["hello_post"].append(rate(bare, [post("/")], options.seconds))
            rounds["one_click"].append(
                rate(pages, [post(address) for address in part], options.seconds)
            )
        statuses, taken = at_once(pages, crowd)
    with open_app(load_config(overrides=settings(folder))) as app:
        ended = unsubscribed(app, len(crowd))
    found = {f"{name}_per_s": round(statistics.median(v), 1) for name, v in rounds.items()}
    return found | {
        "daily_vs_hello": _ratio(rounds["daily"], rounds["hello"]),
        "one_click_vs_hello": _ratio(rounds["one_click"], rounds["hello_post"]),
        "clicks_at_once": len(crowd),
        "clicks_answered_200": statuses.count(200),
        "clicks_lost": len(crowd) - ended,
        "clicks_seconds": round(taken, 2),
    }


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each route in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clicks", type=int, default=500, help="one-click POSTs at once")
    parser.add_argument("--papers", type=int, default=60, help="on the daily page's day")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, folder)
    sys.stdout.write(
        json.dumps(report) + "\n"
        if options.json
        else "".join(f"{key:<24}{value:>12}\n" for key, value in report.items())
    )
    if report["clicks_lost"] or report["clicks_answered_200"] != report["clicks_at_once"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
