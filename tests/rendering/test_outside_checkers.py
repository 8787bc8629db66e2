"""Mails before other people's judges, where they are installed: the Nu checker, html-validate.

``npm install -g vnu-jar html-validate`` brings both (the first needs Java).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import an_edition, an_edition_input
from rendering.editions import a_full_edition, a_hostile_edition

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
        pytest.skip(f"{name} is not installed")
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
