"""How many processors this process may use: a container or a service is given fewer than there are.

The kernel counts all of them for everybody; what is allowed stands in the control group (version
2, Documentation/admin-guide/cgroup-v2.rst, ``cpu.max``).
"""

from __future__ import annotations

import os
from pathlib import Path


def available(groups: Path = Path("/sys/fs/cgroup"), mine: Path = Path("/proc/self/cgroup")) -> int:
    """Return how many processes can compute at once; at least 1."""
    counted = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        counted = len(os.sched_getaffinity(0))
    return max(1, min([counted, *_quotas(groups, mine)]))


def _quotas(groups: Path, mine: Path) -> list[int]:
    """Return how many processors each of the groups around this process may use, where limited."""
    try:
        lines = mine.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    named = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    inner = groups / named
    found = []
    for folder in (inner, *inner.parents):
        if not folder.is_relative_to(groups):
            break
        try:
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            found.append(round(int(quota) / int(period)))
        except (OSError, ValueError):  # none there, or "max"
            continue
    return found
