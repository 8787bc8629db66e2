import json

from digest.cli.main import run


def test_config_check_without_a_file_is_good(capsys):
    assert run(["config", "check"]) == 0
    assert "good" in capsys.readouterr().out


def test_unknown_key_is_named_with_the_nearest_right_one(tmp_path, capsys):
    path = tmp_path / "digest.toml"
    path.write_text('[mail]\n# who\nsendr = "a@example.org"\n')
    assert run(["--config", str(path), "config", "check"]) == 2
    assert f"{path}:3: mail.sendr" in capsys.readouterr().err


def test_an_unknown_kind_is_told_with_those_there_are(tmp_path, capsys):
    path = tmp_path / "digest.toml"
    path.write_text('[sources.blog]\nkind = "fed"\n')
    assert run(["--config", str(path), "config", "check"]) == 2
    said = capsys.readouterr().err
    assert "sources.blog: no source called 'fed' (there are: arxiv, biorxiv," in said
    assert "_" not in said.partition("there are")[2]


def test_config_show_masks_secrets(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DIGEST_DIGEST__SECRET", "hush, not a soul knows")
    assert run(["config", "show", "--json"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown)["digest"]["secret"] == "**********"
    assert "hush" not in shown
