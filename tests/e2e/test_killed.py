"""A pass that is killed between any two stages, then started again: one mail each."""

import subprocess
import sys
from collections import Counter

import pytest
from installation import a_feed, installed
from sqlalchemy import select

from digest.store.tables import deliveries

DIES_AFTER = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config

def die(stage, _report):
    if stage == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with open_app(load_config(Path(sys.argv[1])), now=datetime.fromisoformat(sys.argv[3])) as app:
    run(app, on_stage=die)
"""


@pytest.mark.parametrize("stage", ["profiles", "poll", "plan", "send"])
def test_killed_after_a_stage_everybody_still_gets_one_mail(tmp_path, stage):
    with installed(tmp_path) as site:
        site.add_profile("bob")
        site.add_feed("good", a_feed("A steady result", "Another result"))
        asked = [sys.executable, "-c", DIES_AFTER, site.config, stage, "2026-04-14T14:00:00+00:00"]
        assert subprocess.run(asked, check=False).returncode == -9
        site.run(hours=0.1)
        site.run(hours=0.2)
        received = Counter(mail.recipient for mail in site.mailbox.mails)
        assert received == {"ada@example.org": 1, "bob@example.org": 1}
        with site.open() as app, app.reading() as connection:
            assert set(connection.scalars(select(deliveries.c.state))) == {"sent"}
