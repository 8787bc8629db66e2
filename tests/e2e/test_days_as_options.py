from __future__ import annotations

import pytest
from installation import installed

from digest.cli.main import run


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "14.4.2026"])
@pytest.mark.parametrize(
    "command", ["rank ada", "explain ada", "preview ada", "send ada --dry-run",
                "edition --profile ada"],
)  # fmt: skip
def test_a_day_that_no_edition_can_have_is_a_usage_error(tmp_path, capsys, command, day):
    with installed(tmp_path) as owner:
        assert run(["-c", str(owner.config), "profiles", "sync"]) == 0
        assert run(["-c", str(owner.config), *command.split(), "--date", day]) == 2
    assert "expected a day such as 2026-04-14" in " ".join(capsys.readouterr().err.split())


def test_a_day_as_an_option_is_the_day_of_the_edition(tmp_path, capsys):
    with installed(tmp_path) as owner:
        assert run(["-c", str(owner.config), "profiles", "sync"]) == 0
        assert run(["-c", str(owner.config), "rank", "ada", "--date", "2026-04-14"]) == 0
    assert "ada, 2026-04-14: 0 of 0 papers" in capsys.readouterr().out
