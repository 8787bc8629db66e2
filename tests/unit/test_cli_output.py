"""What is printed steers no terminal, whoever wrote it."""

import json

import pytest

from digest.cli import _output
from digest.errors import UsageError

EVIL = "a\x1b[2J\x1b]0;owned\x07b\x9b31mc\u202ed\rE\x7f"
STEERING = set("\x1b\x07\x9b\u202e\r\x7f")


def _printed(capsys):
    shown = capsys.readouterr()
    return shown.out + shown.err


@pytest.mark.parametrize(
    "show",
    [
        lambda: _output.print_line(EVIL),
        lambda: _output.print_error(UsageError(EVIL)),
        lambda: _output.print_table(["name"], [[EVIL]], title=EVIL),
        lambda: _output.print_notes({EVIL: EVIL}),
        lambda: _output.print_json({EVIL: [EVIL]}),
    ],
)
def test_control_characters_do_not_reach_the_terminal(capsys, show):
    show()
    printed = _printed(capsys)
    assert "owned" in printed
    assert not STEERING & set(printed)


def test_json_keeps_every_character(capsys):
    _output.print_json({"name": EVIL})
    assert json.loads(_printed(capsys)) == {"name": EVIL}


def test_lines_stay(capsys):
    _output.print_line("one\ntwo")
    assert _printed(capsys) == "one\ntwo\n"
