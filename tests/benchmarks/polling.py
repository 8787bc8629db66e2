"""Poll 1,000 loopback feeds, cold and unchanged, beside reader (lemon24) in the same run.

    python tests/benchmarks/polling.py --json

Both get the same feeds with ETags from the same server, each into a new SQLite file, in turns.
Ratios are of feeds per second, the median of the turns' own ratios; `peak_mb` is the largest sum of
resident memory of our process and its parsers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import multiprocessing
import multiprocessing.connection
import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from digest.app import open_app
from digest.config import load_config
from digest.pipeline.polling import poll_sources

Pipe = multiprocessing.connection.Connection
ITEM = """<item><title>Paper {n}-{i}: careful studies of things &amp; more</title>
<link>https://example.org/{n}/{i}</link><guid>https://example.org/{n}/{i}</guid>
<pubDate>Tue, 14 Apr 2026 08:{i:02}:00 GMT</pubDate>
<dc:creator>Ada Lovelace, Alan Turing</dc:creator>
<description>&lt;p&gt;{text}&lt;/p&gt;</description></item>"""
WORDS = "We study things carefully and they turn out to be more interesting than was thought. "


def feed(number: int, items: int) -> bytes:
    """Return one RSS feed."""
    body = "".join(ITEM.format(n=number, i=i, text=WORDS * 6) for i in range(items))
    return (
        '<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>Feed {number}</title><link>https://example.org/{number}</link>"
        f"<description>Bench</description>{body}</channel></rss>"
    ).encode()


class Server(asyncio.Protocol):
    """A small keep-alive server: /N is a feed, its ETag is the number."""

    items = 20

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.buffer = transport, b""

    def data_received(self, received: bytes) -> None:
        self.buffer += received
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            number = int(head.split(b" ", 2)[1][1:] or 0)
            etag = f'"{number}"'.encode()
            if b"if-none-match: " + etag in head.lower():
                answer = b"HTTP/1.1 304 Not Modified\r\nETag: " + etag + b"\r\n\r\n"
            else:
                body = feed(number, self.items)
                answer = (
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\nETag: %b\r\n"
                    b"Content-Length: %d\r\n\r\n%b" % (etag, len(body), body)
                )
            self.transport.write(answer)  # type: ignore[attr-defined]


def serve(pipe: Pipe, items: int) -> None:
    async def main() -> None:
        Server.items = items
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def ours(pipe: Pipe, port: int, feeds: int, rounds: int, items: int) -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sources = {
            f"f{n}": {"kind": "feed", "url": f"http://127.0.0.1:{port}/{n}"} for n in range(feeds)
        }
        config = load_config(overrides={"sources": sources, "http": {"allow_private": True}})
        with open_app(config) as app:
            _ = app.sources  # built from the configuration once, at the start of a program
            begun = time.perf_counter()
            reports = poll_sources(app)
            pipe.send(feeds / (time.perf_counter() - begun))
            assert all(report.status == "ok" for report in reports), reports[:3]
            assert all(report.records == items for report in reports), reports[:3]
            for number in range(rounds):
                moment = datetime.now(UTC) + timedelta(hours=3 * (number + 1))
                later = replace(app, clock=lambda moment=moment: moment)
                _ = later.sources
                begun = time.perf_counter()
                reports = poll_sources(later)
                pipe.send(feeds / (time.perf_counter() - begun))
                assert all(report.status == "unchanged" for report in reports), reports[:3]


def theirs(pipe: Pipe, port: int, feeds: int, rounds: int, items: int) -> None:
    from reader import make_reader  # noqa: PLC0415 - only its own process pays for it

    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, make_reader(f"{folder}/reader.db") as reader:
        for number in range(feeds):
            reader.add_feed(f"http://127.0.0.1:{port}/{number}")
        for _ in range(rounds + 1):
            begun = time.perf_counter()
            reader.update_feeds(scheduled=False, workers=10)
            pipe.send(feeds / (time.perf_counter() - begun))
            found = reader.get_entry_counts().total
            assert found == feeds * items, f"reader has {found} entries"


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process and its children, shared pages counted once."""
    pids, total = [pid], 0.0
    for one in pids:
        try:
            tasks = Path(f"/proc/{one}/task")
            for task in tasks.iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1024
        except (OSError, ValueError):
            continue
    return total


def measured(what, port: int, feeds: int, rounds: int, items: int) -> tuple[float, float, float]:
    """Return feeds per second cold, and unchanged (median), and the peak memory in MB."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=what, args=(there, port, feeds, rounds, items)
    )
    process.start()
    there.close()
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], resident_mb(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    rates = [here.recv() for _ in range(rounds + 1)]
    done.set()
    watcher.join()
    process.join()
    return rates[0], median(rates[1:]), peak[0]


def main() -> None:
    """Run both and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--reader-feeds", type=int, default=300, help="it is slow: fewer will do")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="unchanged polls; the median counts")
    parser.add_argument("--turns", type=int, default=3, help="pairs of runs; the median counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there, options.items), daemon=True)
    server.start()
    port, shape = here.recv(), (options.rounds, options.items)
    turns = []
    for number in range(options.turns):
        our = measured(ours, port, options.feeds, *shape)
        their = measured(theirs, port, options.reader_feeds, *shape)
        turns.append((*our, *their, our[0] / their[0], our[1] / their[1]))
        print(f"  turn {number + 1}: {our[0]:.0f} against {their[0]:.0f} feeds/s", file=sys.stderr)
    server.terminate()
    names = (
        "cold_per_s", "unchanged_per_s", "peak_mb", "reader_cold_per_s", "reader_unchanged_per_s",
        "reader_peak_mb", "cold_vs_reader", "unchanged_vs_reader",
    )  # fmt: skip
    found = {
        name: round(median(column), 2)
        for name, column in zip(names, zip(*turns, strict=True), strict=True)
    }
    found["peak_mb"] = round(max(turn[2] for turn in turns), 1)
    print(json.dumps(found, indent=2) if options.json else found)


if __name__ == "__main__":
    main()
