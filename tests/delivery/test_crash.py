from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "crash.py"


@pytest.mark.parametrize("mode", ["hold", "resend"])
def test_killed_at_random_nothing_is_lost_and_nothing_comes_twice_unasked(mode):
    command = [sys.executable, SCRIPT, "--json", "--kills=8", "--mails=80", f"--mode={mode}"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)[mode]
    assert found["lost"] == 0
    assert found["kills"] > 0
    most = found["kills"] * found["connections"]
    assert found["uncertain"] <= most
    assert found["doubled"] <= (0 if mode == "hold" else most)
