"""Mails before other people's judges, where they are installed.

``npm install -g vnu-jar html-validate mailauth`` brings three (the first needs Java),
``apt-get install spamassassin`` the fourth. None of them asks the network here.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import a_pick, an_edition, an_edition_input
from rendering.editions import a_full_edition, a_hostile_edition, a_rich_paper
from rendering.keys import a_signer, published

from digest.model import Paper
from digest.rendering.compose import Composer

ALLOWED = ("supported-color-schemes", "mso-", "xmlns:v", "xmlns:o")
"""What mail programs want and the web does not know."""

OFF = ("no-inline-style", "no-deprecated-attr", "no-conditional-comment", "prefer-tbody",
       "long-title")  # fmt: skip
"""Rules that are good for pages and wrong for mails."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    composer = Composer()
    editions = {
        "full": a_full_edition(),
        "hostile": a_hostile_edition(),
        "empty": an_edition_input(an_edition(picks=())),
    }
    for name, edition in editions.items():
        html = composer.compose(edition, bodies=True).html
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return sorted(folder.iterdir())


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; see the head of this file")
    return found


def test_the_nu_checker_finds_only_what_mail_needs(pages: list[Path]) -> None:
    command = [_tool("vnu"), "--format", "json", "--also-check-css", "--errors-only"]
    found = subprocess.run(
        [*command, *map(str, pages)], check=False, capture_output=True, timeout=120
    )
    said = json.loads(found.stderr or found.stdout)["messages"]
    errors = [one["message"] for one in said if one["type"] == "error"]
    assert [text for text in errors if not any(word in text for word in ALLOWED)] == []


def test_html_validate_has_nothing_to_say(pages: list[Path], tmp_path: Path) -> None:
    rules = {"extends": ["html-validate:recommended"], "rules": dict.fromkeys(OFF, "off")}
    config = tmp_path / "rules.json"
    config.write_text(json.dumps(rules))
    command = [_tool("html-validate"), "--config", str(config), *map(str, pages)]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout


def _about_its_own(number: int) -> Paper:
    """Return a paper in words that no other has: one vocabulary for all looks like spam."""
    draw = random.Random(number)
    words = ["".join(draw.choices("aeioulnrstdm", k=draw.randint(3, 9))) for _ in range(90)]
    title, abstract = " ".join(words[:9]).capitalize(), " ".join(words[9:]).capitalize() + "."
    return a_rich_paper(number, title=title, abstract=abstract)


@pytest.fixture(scope="module")
def mails(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write signed mails: usual, hostile, empty and large ones."""
    folder = tmp_path_factory.mktemp("mails")
    composer = Composer(dkim=a_signer())
    numbers = range(1, 31)
    editions = {
        "full": a_full_edition(),
        "hostile": a_hostile_edition(),
        "empty": an_edition_input(an_edition(picks=())),
        "large": an_edition_input(
            an_edition(*map(a_pick, numbers)), papers={n: _about_its_own(n) for n in numbers}
        ),
    }
    for name, edition in editions.items():
        (folder / f"{name}.eml").write_bytes(composer.compose(edition).content)
    return {path.stem: path for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("name", ["full", "hostile", "empty", "large"])
def test_mailauth_lets_dkim_spf_and_dmarc_pass_strictly(
    mails: dict[str, Path], tmp_path: Path, name: str
) -> None:
    keys = (b"r._domainkey.example.org.", b"e._domainkey.example.org.")
    records = {
        "example.org": "v=spf1 ip4:192.0.2.1 -all",
        "_dmarc.example.org": "v=DMARC1; p=reject; adkim=s; aspf=s",
    } | {key.decode().rstrip("."): published(key).decode() for key in keys}
    cache = tmp_path / "dns.json"
    cache.write_text(json.dumps({key: {"TXT": [[text]]} for key, text in records.items()}))
    command = [
        _tool("mailauth"), "report", "-i", "192.0.2.1", "-e", "mail.example.org",
        "-f", "digest@example.org", "-n", str(cache), str(mails[name]),
    ]  # fmt: skip
    found = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert [one["status"]["result"] for one in found["dkim"]["results"]] == ["pass", "pass"]
    assert {one["algo"] for one in found["dkim"]["results"]} == {"rsa-sha256", "ed25519-sha256"}
    assert (found["spf"]["status"]["result"], found["dmarc"]["status"]["result"]) == ("pass",) * 2
    assert found["dmarc"]["alignment"]["dkim"]["strict"]


HARMLESS = {"NO_RECEIVED", "NO_RELAYS", "HTML_MESSAGE", "MAILING_LIST_MULTI"}
"""That it never travelled, has HTML, and is a list's."""


@pytest.mark.parametrize("name", ["full", "hostile", "empty", "large"])
def test_spamassassin_finds_nothing_against_it(mails: dict[str, Path], name: str) -> None:
    command = [_tool("spamassassin"), "--local", "--test-mode", "--nocreate-prefs"]
    with mails[name].open("rb") as content:
        found = subprocess.run(command, check=True, stdin=content, capture_output=True, timeout=180)
    report = found.stdout.decode("utf-8", "replace").partition("Content analysis details:")[2]
    fired = re.findall(r"^ *-?[0-9.]+ ([A-Z][A-Z0-9_]+) ", report, re.MULTILINE)
    assert fired
    assert set(fired) <= HARMLESS, report
