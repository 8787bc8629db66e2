"""What a person is told where the store or the way out is not there."""

import pytest

from digest.cli.main import run


@pytest.mark.parametrize("command", [("run",), ("serve",), ("db", "status"), ("doctor",)])
def test_a_database_that_does_not_answer_is_one_line(command, monkeypatch, capsys):
    pytest.importorskip("psycopg")
    monkeypatch.setenv("DIGEST_STORE__URL", "postgresql://ada:hush@127.0.0.1:1/x")
    assert run([*command]) == 1
    said = capsys.readouterr().err
    assert said.startswith("digest: the database does not answer as it should: ")
    assert "127.0.0.1" in said
    assert len(said.splitlines()) == 1
    assert "hush" not in said


def test_a_file_that_is_no_database_is_one_line(tmp_path, capsys, monkeypatch):
    (tmp_path / "digest.db").write_text("not a database, and long enough to be looked at" * 50)
    monkeypatch.setenv("DIGEST_STORE__URL", f"sqlite:///{tmp_path / 'digest.db'}")
    assert run(["run"]) == 1
    assert "the store is damaged (file is not a database)" in capsys.readouterr().err


def test_serving_without_a_way_out_is_refused_at_the_start(capsys):
    assert run(["serve"]) == 2
    assert "there is no [transports.NAME]" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["mysqlx://h/x", "postgresql+foo://h/x"])
def test_a_database_that_nobody_knows_is_one_line(url, monkeypatch, capsys):
    monkeypatch.setenv("DIGEST_STORE__URL", url)
    assert run(["run"]) == 1
    assert "store.url: no database is called" in capsys.readouterr().err
