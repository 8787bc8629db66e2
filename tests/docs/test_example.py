"""The shipped example configuration: it loads, and no key of the settings is missing in it."""

import re
import tomllib
from pathlib import Path

import pytest

from digest.cli.example import example
from digest.cli.main import run
from digest.cli.reference import keys_of
from digest.config import Settings, load_config
from digest.plugins import resolve

FILE = Path(__file__).parents[2] / "config" / "digest.example.toml"
AGAIN = "run: digest docs reference --write README.md"
COMMENTED = re.compile(r"^# (?=\[[\w.]+\]$|\w+ = )", re.MULTILINE)


@pytest.fixture
def everything(tmp_path):
    """Give the example with every key switched on."""
    path = tmp_path / "digest.toml"
    path.write_text(COMMENTED.sub("", FILE.read_text("utf-8")), encoding="utf-8")
    return path


def _keys(table, prefix=""):
    for name, value in table.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")


def test_the_shipped_example_is_what_the_settings_say():
    assert FILE.read_text("utf-8") == example(), AGAIN


def test_the_example_loads_as_it_is_and_mails_nobody(tmp_path):
    config = load_config(FILE)
    assert config.settings.sources.keys() == {"huggingface", "arxiv"}
    assert [one.kind for one in config.settings.transports.values()] == ["file"]


def test_every_key_of_the_settings_is_in_the_example(everything):
    found = set(_keys(tomllib.loads(everything.read_text("utf-8"))))
    many = {"sources.NAME.": "sources.arxiv.", "transports.NAME.": "transports.file."}
    for path, _ in keys_of(Settings):
        wanted = path.replace("limits.NAME.", "limits.arxiv.")
        for placeholder, name in many.items():
            wanted = wanted.replace(placeholder, name)
        assert wanted in found, f"{path} is missing: {AGAIN}"


def test_every_commented_key_may_be_switched_on(everything):
    settings = load_config(everything).settings
    assert settings.sources.keys() > {"feed", "arxiv", "biorxiv"}
    for name, section in settings.sources.items():
        options = {key: value for key, value in section.options.items() if value != ""}
        assert resolve(section.kind, "digest.sources", "source")(name, options).kind


def test_the_command_prints_the_example(capsys, tmp_path):
    assert run(["docs", "example"]) == 0
    assert capsys.readouterr().out == example()
    assert run(["docs", "example", "--write", str(tmp_path / "e.toml")]) == 0
    assert (tmp_path / "e.toml").read_text("utf-8") == example()
