import json

import pytest

from digest.cli.main import run

CONFIG = """
[digest]
secret = "a-secret-that-is-long-enough-for-tests"
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "config/profiles").mkdir(parents=True)
    (tmp_path / "config/digest.toml").write_text(CONFIG)
    (tmp_path / "config/profiles/ml.toml").write_text(
        'name = "ml"\n[[interests]]\nname = "x"\nterms = ["y"]\n'
    )
    return tmp_path


def test_a_list_is_imported_exported_and_a_reader_erased(files, capsys):
    (files / "list.csv").write_text("email\nada@example.org\nrubbish\nbob@example.org\n")
    assert (
        run(["subscribers", "import", "list.csv", "--profile", "ml", "--rejected", "bad.csv"]) == 1
    )
    assert "line 3: expected an address" in capsys.readouterr().out
    assert (files / "bad.csv").read_text().startswith("3,")
    assert run(["subscribers", "export", "out.csv"]) == 0
    assert (files / "out.csv").read_text().count("confirmed,ml,") == 2
    assert run(["subscribers", "erase", "bob@example.org", "--yes"]) == 0
    assert run(["subscribers", "import", "out.csv", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.partition("erased")[2])
    assert (report["held"], report["known"]) == (1, 1)


def test_a_file_without_addresses_is_wrong_use(files, capsys):
    (files / "list.csv").write_text("name\nAda\n")
    assert run(["subscribers", "import", "list.csv"]) == 2
    assert "no column called address" in capsys.readouterr().err
