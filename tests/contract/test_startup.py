"""What a command loads: only what it needs, so that it starts at once."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import digest
from digest.cli import reference
from digest.cli._commands import COMMANDS

TYPER = {"typer", "click", "annotated_doc", "shellingham", "typing_extensions"}
PYDANTIC = {
    "pydantic", "pydantic_core", "pydantic_settings", "annotated_types", "typing_inspection",
    "dotenv",
}  # fmt: skip
BARE = {
    "digest", "digest.__main__", "digest.cli", "digest.cli._commands", "digest.cli._globals",
    "digest.cli._output", "digest.cli._usage", "digest.cli.main", "digest.errors", "digest.files",
    "digest.lazily",
}  # fmt: skip
"""All of the program that is loaded before it is known which command is meant."""

LOADED = """
import json, sys
from digest.cli.main import run
try:
    code = run(sys.argv[1:])
except SystemExit as exc:
    code = exc.code
print("\\n" + json.dumps([code, sorted(sys.modules)]))
"""


def loaded(folder, *words, **environment):
    """Run a command in a process of its own; return the modules of ours, and others' packages."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(digest.__file__).parents[1])}
        | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    code, names = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    ours = {name for name in names if name.partition(".")[0] == "digest"}
    others = {
        name for name in {name.partition(".")[0] for name in names}
        if name not in sys.stdlib_module_names and not name.startswith(("_", "__"))
    }  # fmt: skip
    return ours, others - {"digest", "sitecustomize"}


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("-h",)])
def test_version_and_help_load_the_command_line_alone(tmp_path, words):
    ours, others = loaded(tmp_path, *words)
    assert ours <= BARE
    assert others <= TYPER


def test_completing_loads_no_command(tmp_path):
    ours, others = loaded(
        tmp_path, _DIGEST_COMPLETE="complete_bash", COMP_WORDS="digest p", COMP_CWORD="1"
    )
    assert ours <= BARE
    assert others <= TYPER | PYDANTIC, "Typer itself takes pydantic to complete"


def test_every_command_of_every_module_is_listed():
    modules = Path(digest.__file__).parent.joinpath("cli").glob("*.py")
    registering = {
        path.stem
        for path in modules
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "register"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    }
    assert {known.module for known in COMMANDS.values()} == registering
    commands = reference.whole_command().commands
    assert set(commands) == set(COMMANDS)
    for name in COMMANDS:
        assert commands[name] is not None
    assert list(commands.data) == list(COMMANDS), "a module registers a command that is not listed"


@pytest.mark.parametrize("name", COMMANDS)
def test_the_line_in_the_list_is_the_first_of_the_commands_help(name):
    command = reference.whole_command().commands[name]
    assert COMMANDS[name].summary == command.help.splitlines()[0]
