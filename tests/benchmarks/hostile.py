"""Attack a running `digest serve` over HTTP, and tell whether it stays well.

    python tests/benchmarks/hostile.py [--papers 20000] [--inputs 0] [--minutes 2] [--slow 2000]
                                       [--json]

The process runs for real: a store of so many papers, a source that is polled every minute, a mail
server. Each hostile input is sent while /healthz is asked again and again. Then slow clients hold
connections while pages are read and a subscription is mailed. Last, with a still source, the
process is visited for so many minutes and its memory is watched (30 for the figure that counts).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.remove(str(Path(__file__).parent))  # a benchmark there is called delivery, too
sys.path.insert(0, str(Path(__file__).parents[1]))

from http_attacks import CONFIG, attack, by_http
from running import Running, running
from slow_clients import slow_clients

VISITED = ("/", "/search?q=model", "/feeds/daily.atom", "/subscribe?terms=model", "/metrics")


def hold(server: Running, count: int) -> dict[str, float]:
    """Let slow clients hold connections while pages are read and a mail is sent."""
    mails, polls = server.mails(), len(server.web.asked("/feed"))
    worst, failures = 0.0, 0
    with slow_clients(server.port, count) as slow:
        end = time.monotonic() + 90
        most = 0
        asked = False
        while time.monotonic() < end:
            most = max(most, slow.held)
            started = time.monotonic()
            for path in ("/healthz", "/", "/subscribe"):
                failures += server.ask(path, headers={"X-Forwarded-For": "10.9.9.9"})[0] != 200
            worst = max(worst, time.monotonic() - started)
            if not asked and slow.opened >= count:
                asked = server.subscribe(f"r{time.time_ns()}@example.org") == 200
            time.sleep(0.3)
    return {
        "slow_connections": count, "slow_held": most, "slow_page_failures": failures,
        "slow_three_pages_worst_s": round(worst, 3), "slow_mails": server.mails() - mails,
        "slow_polls": len(server.web.asked("/feed")) - polls,
    }  # fmt: skip


def watch(server: Running, minutes: float) -> dict[str, float]:
    """Visit the pages for so long and return what was added to the resident memory."""
    if not minutes:
        return {}
    for _ in range(2):
        visit(server)
        time.sleep(1)
    first = server.resident_mb
    end = time.monotonic() + minutes * 60
    most = first
    while time.monotonic() < end:
        visit(server)
        most = max(most, server.resident_mb)
        time.sleep(2)
    return {"rss_mb": round(first, 1), "rss_growth_mb": round(server.resident_mb - first, 1),
            "rss_most_mb": round(most, 1), "minutes": minutes}  # fmt: skip


def visit(server: Running) -> None:
    turn = time.monotonic_ns() % 250
    for path in VISITED:
        server.ask(path, headers={"X-Forwarded-For": f"10.8.{turn}.1"})


def measure(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    def note(text: str) -> None:
        sys.stderr.write(text + "\n")

    with running(folder, works=options.papers, people=50, web=CONFIG) as server:
        chosen = islice(by_http(), 0, None, options.every)
        found = attack(server, islice(chosen, options.inputs or None), note)
        if options.slow:
            found |= hold(server, options.slow)
        found |= watch(server, options.minutes)
        found["log_kb"] = round(server.log.stat().st_size / 1000, 1)
        found["tracebacks"] = server.log.read_text(errors="replace").count("Traceback")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--papers", type=int, default=20_000, help="stored")
    parser.add_argument("--inputs", type=int, default=0, help="most of them; 0: all")
    parser.add_argument("--every", type=int, default=1, help="every so many-th input")
    parser.add_argument("--slow", type=int, default=2000, help="slow clients; 0: none")
    parser.add_argument("--minutes", type=float, default=2, help="of visits with a still source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(options, Path(folder))
    sys.stdout.write(
        json.dumps(report) + "\n"
        if options.json
        else "".join(f"{key:<26}{value:>12}\n" for key, value in report.items())
    )
    if any(report[name] for name in ("crashed", "stuck", "failed", "healthz_failures")):
        sys.exit(1)


if __name__ == "__main__":
    main()
