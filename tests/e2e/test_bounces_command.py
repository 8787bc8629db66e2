"""``digest bounces``: one pass over a Maildir, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import NOON

from digest.cli.main import run

SAMPLES = Path(__file__).parents[1] / "golden" / "returned"


@pytest.fixture
def digest(tmp_path):
    for part in ("new", "cur", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    config = tmp_path / "digest.toml"
    config.write_text(
        f"""
        [digest]
        data_dir = "{tmp_path / "data"}"
        [mail]
        sender = "digest@example.org"
        [mail.bounces]
        maildir = "{tmp_path / "box"}"
        """
    )

    def digest(*arguments):
        return run(["--config", str(config), "--now", NOON.isoformat(), *arguments])

    return digest


def put(tmp_path, *names):
    for name in names:
        (tmp_path / "box" / "new" / f"{name}.host").write_bytes(
            (SAMPLES / f"{name}.eml").read_bytes()
        )


def test_a_pass_says_what_came_back(digest, tmp_path, capsys):
    put(tmp_path, "postfix-unknown", "away-gmail", "spam")
    assert digest("bounces") == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 mails read: 1 auto-reply, 1 hard",
        "0 addresses suppressed, 0 soft bounces counted, 0 unsubscribed by mail",
        "1 about nobody known here: flagged in the mailbox",
    ]
    assert digest("bounces", "--latest", "5") == 0
    said = capsys.readouterr().out
    assert "hard" in said
    assert "unmatched" in said


def test_a_pass_as_json_has_every_number(digest, tmp_path, capsys):
    put(tmp_path, "arf-abuse")
    assert digest("bounces", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["seen"], found["kinds"], found["unmatched"]) == (1, {"complaint": 1}, 1)


def test_a_mailbox_that_is_not_there_is_a_failure_with_a_sentence(digest, tmp_path, capsys):
    (tmp_path / "box").rename(tmp_path / "moved")
    assert digest("bounces") == 1
    assert "is no Maildir" in capsys.readouterr().err


def test_without_a_mailbox_the_command_says_what_to_set(tmp_path, capsys):
    assert run(["bounces"]) == 2
    assert "maildir or imap_host" in capsys.readouterr().err
