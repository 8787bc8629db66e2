"""Every example under `--help` is a call that the program understands."""

import shlex

import pytest

from digest.cli import reference
from digest.cli._usage import USAGE
from digest.cli.main import run

COMMANDS = dict(reference.walk(reference.whole_command()))
CALLS = [(name, line) for name, lines in USAGE.items() for line in lines]


@pytest.mark.parametrize(("name", "line"), CALLS, ids=[line for _, line in CALLS])
def test_an_example_is_understood(name, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.csv").touch()
    words = shlex.split(line)
    words = words[words.index("digest") :]
    place = next(n for n in range(len(words)) if words[n : n + len(name.split())] == name.split())
    before, after = words[1:place], words[place + len(name.split()) :]
    root = reference.whole_command()
    root.make_context("digest", [*before, name.split()[0]])
    command = COMMANDS.get(name) or root.commands[name]
    context = command.make_context(name, after)
    assert not context.args


def test_every_command_has_an_example():
    assert set(COMMANDS) <= set(USAGE)


def test_help_shows_the_examples(capsys):
    assert run(["send", "--help"]) == 0
    said = capsys.readouterr().out
    for line in USAGE["send"]:
        assert line in said
    assert run(["workers", "--help"]) == 0
    assert "digest workers --json" in capsys.readouterr().out


def test_the_shell_completes_commands(monkeypatch, capsys):
    monkeypatch.setenv("_DIGEST_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "digest back")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        run([])
    assert capsys.readouterr().out.split() == ["backup"]
