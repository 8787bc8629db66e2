"""The README names every command, option, key, kind and word, and they are the real ones."""

from pathlib import Path

import pytest

from digest import plugins
from digest.cli import reference
from digest.cli.glossary import WORDS
from digest.cli.main import run
from digest.config import Settings
from digest.config.profiles import ProfileEntry

README = Path(__file__).parents[2] / "README.md"
AGAIN = "run: digest docs reference --write README.md"
ROOT = reference.whole_command()


def _section() -> str:
    text = README.read_text(encoding="utf-8")
    return text.partition(reference.BEGIN)[2].partition(reference.END)[0]


def test_the_readmes_reference_is_what_the_program_says():
    assert _section().strip() == reference.reference(ROOT).strip(), AGAIN


def test_every_command_and_option_is_in_the_reference():
    section = _section()
    for name, command in reference.walk(ROOT):
        assert f"#### `digest {name}`" in section, AGAIN
        part = section.partition(f"#### `digest {name}`")[2].partition("####")[0]
        for spelled, _ in reference.options_of(command):
            assert f"`{spelled}`" in part, f"{name} {spelled}: {AGAIN}"


def test_every_command_and_option_says_what_it_does():
    for name, command in reference.walk(ROOT):
        assert command.help, f"digest {name} has no help"
        for spelled, text in reference.options_of(command):
            assert text, f"digest {name} {spelled} has no help"


@pytest.mark.parametrize("model", [Settings, ProfileEntry])
def test_every_configuration_key_is_described(model):
    section = _section()
    for path, field in reference.keys_of(model):
        assert f"| `{path}` |" in section, AGAIN
        assert field.description, f"{path} has no description"


@pytest.mark.parametrize(("title", "package", "factory", "_place"), reference.PLUGINS)
def test_every_kind_is_in_the_reference(title, package, factory, _place):
    part = _section().partition(f"### {title}\n")[2].partition("\n### ")[0]
    for module in plugins.modules_with(package, factory):
        assert f"| `{module.__name__.rpartition('.')[2]}` |" in part, AGAIN


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_glossary_is_explained(word):
    assert f"**{word}**" in _section(), AGAIN


def test_replacing_the_section_keeps_the_rest():
    text = f"before\n{reference.BEGIN}\nold\n{reference.END}\nafter\n"
    new = reference.replace_section(text, "new")
    assert new == f"before\n{reference.BEGIN}\n\nnew\n{reference.END}\nafter\n"


def test_a_document_without_markers_is_left_alone(tmp_path, capsys):
    path = tmp_path / "README.md"
    path.write_text("no markers", encoding="utf-8")
    assert run(["docs", "reference", "--write", str(path)]) == 2
    assert path.read_text(encoding="utf-8") == "no markers"


def test_wrong_use_is_a_line_and_not_a_traceback(capsys):
    assert run(["nonsense"]) == 2
    assert run(["docs", "reference", "--nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err
