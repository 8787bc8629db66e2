"""Whole digests a second: rank 1,000 papers, freeze, compose, outbox, SMTP to a loopback sink.

Everything goes through the product's own pipeline. Compared, in one run and to the same sink
(Postfix's smtp-sink), with smtp-source sending one ready message of the same size, and with a
plain newsletter program: Jinja2, premailer, EmailMessage and a new connection for each mail.

    python tests/benchmarks/delivery.py --json
"""

from __future__ import annotations

import argparse
import json
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
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import jinja2
import premailer
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy import insert

from digest.app import open_app
from digest.config import load_config
from digest.model import Interest, Message, Profile, Purpose, Term
from digest.pipeline import composing
from digest.pipeline.editions import plan_due
from digest.pipeline.sending import send_ready
from digest.store import outbox
from digest.store.outbox import Planned
from digest.store.profiles import to_document
from digest.store.tables import papers, profiles, sightings, signals, subscribers, subscriptions

NOON = datetime(2026, 4, 14, 12, tzinfo=UTC)
WORDS = tuple(
    "attention graph diffusion language model reward policy sparse kernel token image video "  # noqa: SIM905
    "protein retrieval alignment bayesian causal speech robot planning memory agent tensor "
    "quantum privacy federated contrastive latent encoder decoder scaling reasoning".split()
)
CATEGORIES = ("cs.LG", "cs.CL", "cs.CV", "cs.RO", "cs.AI", "stat.ML", "quant-ph", "q-bio.BM")
CONNECTIONS = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--postgresql", default="", help="address of a database to compare with")
    given = parser.parse_args()
    if not (shutil.which("smtp-sink") and shutil.which("smtp-source")):
        print("needs Postfix's smtp-sink and smtp-source", file=sys.stderr)
        return 2
    found = measure(given.subscribers, given.pairs, given.postgresql)
    print(json.dumps(found, indent=2) if given.json else found)
    return 0


def measure(count: int, pairs: int, postgresql: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name, sink() as port:
        folder = Path(name)
        keys = make_keys(folder)
        ratios: dict[str, list[float]] = {}
        rates: list[float] = []
        for _ in range(pairs):
            source = smtp_source(port, 64_000, count * 2)
            mine, size = digests(folder, port, count)
            rates.append(mine)
            ratios.setdefault("vs_smtp_source", []).append(mine / source)
            ratios.setdefault("vs_plain", []).append(mine / plain(port, 12))
            carried = sending_alone(folder, port, count * 2, size)
            ratios.setdefault("sending_alone_vs_smtp_source", []).append(carried / source)
            for kind, path in keys.items():
                signed, _ = digests(folder, port, count, dkim=(kind, path))
                ratios.setdefault(f"vs_smtp_source_{kind}", []).append(signed / source)
            if postgresql:
                there, _ = digests(folder, port, count, url=postgresql)
                ratios.setdefault("postgresql_vs_sqlite", []).append(there / mine)
        found = {key: round(statistics.median(values), 3) for key, values in ratios.items()}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return found | {
            "digests_per_s": round(statistics.median(rates), 1),
            "message_kb": round(size / 1000, 1),
            "subscribers": count,
            "peak_mb": round(peak, 1),
        }


def digests(
    folder: Path, port: int, count: int, *, dkim: tuple[str, Path] | None = None, url: str = ""
) -> tuple[float, int]:
    """Return digests a second and the size of one, over a fresh store."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        mail: dict[str, object] = {
            "sender": "digest@example.org",
            "connections": CONNECTIONS,
            "batch_size": 500,
        }
        if dkim is not None:
            prefix = "ed25519_" if dkim[0] == "ed25519" else ""
            mail["dkim"] = {
                "mode": "sign",
                f"{prefix}selector": "k",
                f"{prefix}key_file": str(dkim[1]),
            }
        relay = {"kind": "smtp", "host": "127.0.0.1", "port": port}
        config = load_config(
            overrides={
                "digest": {"data_dir": data, "base_url": "https://papers.example.org"},
                "store": {"url": url},
                "mail": mail,
                "transports": {"sink": relay | {"max_messages_per_connection": 10_000}},
            }
        )
        with open_app(config, now=NOON) as app:
            fill(app, count)
            sizes: list[int] = []
            composed = composing.for_run(app)

            def compose(rows):
                made = composed(rows)
                sizes.extend(len(m.content) for m in list(made.values())[:1])
                return made

            begun = time.perf_counter()
            planned = plan_due(app)
            report = send_ready(app, compose=compose)
            took = time.perf_counter() - begun
            assert planned.mailed == count, planned
            assert report.counts["sent"] == count, report
            return count / took, sizes[0]


def sending_alone(folder: Path, port: int, count: int, size: int) -> float:
    """Return messages a second of outbox and SMTP alone: ready messages, no ranking."""
    with tempfile.TemporaryDirectory(dir=folder) as data:
        relay = {"kind": "smtp", "host": "127.0.0.1", "port": port}
        config = load_config(
            overrides={
                "digest": {"data_dir": data},
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
        for table in (subscriptions, profiles, subscribers, signals, sightings, papers):
            connection.execute(table.delete())
        connection.execute(insert(papers), rows)
        connection.execute(
            insert(signals),
            [
                {"paper_id": n, "kind": "hf_upvotes", "observed_at": made_at, "value": n % 70}
                for n in range(1, 1001)
            ],
        )
        common = {"created_at": made_at}
        people = range(1, count + 1)
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


PLAIN = jinja2.Template(
    "<html><head><style>body{font:16px serif}h2{color:#123}p{margin:0 0 1em}a{color:#00c}"
    ".meta{color:#666;font-size:13px}</style></head><body><h1>Papers</h1>{% for p in papers %}"
    "<div class=card><h2><a href='{{ p.url }}'>{{ p.title|e }}</a></h2>"
    "<p class=meta>{{ p.authors|e }}</p><p>{{ p.abstract|e }}</p><p class=meta><a "
    "href='{{ p.url }}'>more</a> <a href='{{ p.url }}'>less</a></p></div>{% endfor %}</body></html>"
)


def plain(port: int, count: int) -> float:
    chance = random.Random(5)
    cards = [
        {
            "url": f"https://arxiv.org/abs/2604.{n:05}",
            "title": " ".join(chance.choices(WORDS, k=9)),
            "authors": "Ada Lovelace, Alan Turing",
            "abstract": " ".join(chance.choices(WORDS, k=120)),
        }
        for n in range(20)
    ]
    begun = time.perf_counter()
    for n in range(count):
        html = premailer.transform(PLAIN.render(papers=cards))
        mail = EmailMessage()
        mail["From"], mail["To"] = "digest@example.org", f"r{n}@example.org"
        mail["Subject"] = "Papers"
        mail.set_content("\n".join(f"{c['title']}\n{c['abstract']}\n" for c in cards))
        mail.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", port, local_hostname="localhost") as client:
            client.send_message(mail)
    return count / (time.perf_counter() - begun)


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
