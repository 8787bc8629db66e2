"""Measure what commands cost to start, against ``pip --version`` in the same run.

    python tests/benchmarks/startup.py [--rounds 5] [--json]

Each round runs every command once in a folder with a store and no configuration, and takes its
CPU time (user and system, in seconds) and its peak of memory (MB) from the kernel. What is
printed is the median over the rounds of the ratios within a round, so that a busy machine slows
both sides. ``import sqlalchemy`` shows the least that a command can cost which reads the store.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIP = "pip --version"
SQLALCHEMY = "import sqlalchemy"
COMMANDS = (
    "--version", "--help", "config check", "sources", "runs", "deliveries list",
    "subscribers list", "profiles list", "poll",
)  # fmt: skip
COMPLETION = {"_DIGEST_COMPLETE": "complete_bash", "COMP_WORDS": "digest p", "COMP_CWORD": "1"}


def cost(words: list[str], **environment: str) -> tuple[float, float]:
    """Run Python with these words; return CPU seconds and peak memory in MB."""
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, *words],
        os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        file_actions=null,
    )
    _, _, used = os.wait4(process, 0)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return used.ru_utime + used.ru_stime, used.ru_maxrss / unit


def one_round() -> dict[str, tuple[float, float]]:
    """Return the cost of each call, once."""
    found = {
        PIP: cost(["-m", "pip", "--version"]),
        SQLALCHEMY: cost(["-c", "import sqlalchemy"]),
        "completion": cost(["-m", "digest"], **COMPLETION),
    }
    return found | {name: cost(["-m", "digest", *name.split()]) for name in COMMANDS}


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Return, for each call, the medians and their ratios to the two references."""
    cost(["-m", "digest", "sources"])  # makes the store, and compiles what was not
    seen = [one_round() for _ in range(rounds)]
    return {
        name: {
            "cpu_s": statistics.median(one[name][0] for one in seen),
            "peak_mb": statistics.median(one[name][1] for one in seen),
            "cpu_to_pip": statistics.median(one[name][0] / one[PIP][0] for one in seen),
            "peak_to_pip": statistics.median(one[name][1] / one[PIP][1] for one in seen),
            "cpu_to_sqlalchemy": statistics.median(
                one[name][0] / one[SQLALCHEMY][0] for one in seen
            ),
            "peak_to_sqlalchemy": statistics.median(
                one[name][1] / one[SQLALCHEMY][1] for one in seen
            ),
        }
        for name in seen[0]
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what commands cost to start.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = measure(arguments.rounds)
        os.chdir(ROOT)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    for name, one in found.items():
        print(
            f"{name:<18}{one['cpu_s']:7.2f} s {one['cpu_to_pip']:6.2f} times pip, "
            f"{one['peak_mb']:5.0f} MB {one['peak_to_pip']:5.2f} times pip, "
            f"{one['cpu_to_sqlalchemy']:6.2f} times SQLAlchemy"
        )


if __name__ == "__main__":
    main()
