"""Are the ten picks of a recorded morning the ones that eight readers want? And how many are old?

Runs the judged mornings of a kit (its ``evaluate.py``, profiles and judgments) against the
product's commands: for each reader NDCG@10, the wanted papers among ten, and what known programs
reached there. Then polls and plans ten recorded days in a row and counts which picks of weekdays
had been seen by an earlier edition: ``carried_share``.

    python tests/benchmarks/mornings.py --json --kit MORNINGS --replay RECORDED_DAYS

The folders may also be named by ``DIGEST_MORNINGS`` and ``DIGEST_REPLAY``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from digest.app import open_app
from digest.config import load_config
from digest.store import editions, profiles

PEERS = {
    "tf-idf": (0.53, 0.66, 0.53, 0.59, 0.66, 0.74, 0.78, 0.74),
    "zotero-arxiv-daily, MiniLM": (0.58, 0.44, 0.47, 0.68, 0.69, 0.61, 0.67, 0.74),
    "MiniLM, best match": (0.51, 0.51, 0.47, 0.61, 0.63, 0.61, 0.58, 0.78),
    "votes": (0.08, 0.15, 0.01, 0.00, 0.02, 0.00, 0.05, 0.01),
}
"""NDCG@10 of others on the judged days, readers in the order of their names; from the kit."""

FIRST, DAYS = dt.date(2026, 5, 18), 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--kit", default=os.environ.get("DIGEST_MORNINGS", ""))
    parser.add_argument("--replay", default=os.environ.get("DIGEST_REPLAY", ""))
    parser.add_argument("--digest", default=str(Path(sys.executable).with_name("digest")))
    given = parser.parse_args()
    if not (given.kit and Path(given.kit, "evaluate.py").exists() and Path(given.replay).is_dir()):
        sys.stderr.write("skipped: name the judged mornings (--kit) and recorded days (--replay)\n")
        return 0
    kit, replay = Path(given.kit).resolve(), Path(given.replay).resolve()
    found = judged(kit, replay, given.digest) | carried(kit, replay, given.digest)
    print(json.dumps(found, indent=2) if given.json else found)
    return 0


def judged(kit: Path, replay: Path, digest: str) -> dict[str, object]:
    """Return the kit's measures with the peers' beside them."""
    command = [sys.executable, str(kit / "evaluate.py"), "--json"]
    done = subprocess.run(
        [*command, "--digest", digest, "--replay", str(replay)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    for place, name in enumerate(sorted(found["people"])):
        row = found["people"][name]
        row["peers"] = {peer: values[place] for peer, values in PEERS.items()}
        row["above_all"] = row["ndcg10"] > max(row["peers"].values())
    return found


def carried(kit: Path, replay: Path, digest: str) -> dict[str, object]:
    """Return the share of weekdays' picks that an earlier edition's window had held already."""
    evaluate = loaded(kit / "evaluate.py")
    server = evaluate.Replay(str(replay), str(FIRST))
    folder = Path(tempfile.mkdtemp(prefix="mornings-"))
    by_day: dict[str, tuple[int, int]] = {}
    try:
        config = evaluate.installation(folder, server.url)
        for number in range(DAYS + 1):
            day = FIRST + dt.timedelta(days=number)
            server.set(str(day))
            # A source that is late makes the exit code 1; what could be made is made.
            command = [digest, "-q", "-c", config, "--now", f"{day}T14:00:00+00:00", "run"]
            subprocess.run(command, capture_output=True, check=False)
            if number:  # before the first edition nothing was seen
                by_day[str(day)] = picks_on(Path(config), day)
    finally:
        server.close()
        shutil.rmtree(folder, ignore_errors=True)
    weekdays = [day for day in by_day if dt.date.fromisoformat(day).weekday() < 5]
    old, whole = (sum(by_day[day][n] for day in weekdays) for n in (0, 1))
    return {"carried_share": round(old / max(whole, 1), 3), "carried_and_picks": by_day}


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("mornings_evaluate", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def picks_on(config: Path, day: dt.date) -> tuple[int, int]:
    """Return how many of a day's picks were carried over, and how many there are."""
    with open_app(load_config(config)) as app, app.reading() as connection:
        ids = [stored.row_id for stored in profiles.all_profiles(connection)]
        subscriptions = [
            s for n in ids for s in profiles.subscriptions_of(connection, profile_id=n)
        ]
        made = [
            edition
            for subscription in subscriptions
            for edition in editions.of_subscription(connection, subscription.row_id, limit=2)
            if edition.edition_on == day
        ]
    picks = [pick for edition in made for pick in edition.picks]
    return sum(not pick.is_new for pick in picks), len(picks)


if __name__ == "__main__":
    raise SystemExit(main())
