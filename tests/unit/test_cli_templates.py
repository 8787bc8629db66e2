import json

from builders import an_edition_input

from digest.cli.main import run
from digest.rendering.compose import Composer
from digest.rendering.lint import lint
from digest.rendering.parts import load_templates
from digest.rendering.templates import template_folders

CARD = "mail/edition/card.html"


def test_ejected_templates_are_told_how_to_be_used(tmp_path, capsys):
    assert run(["templates", "eject", str(tmp_path / "mine")]) == 0
    assert f'templates_dir = "{tmp_path / "mine"}"' in capsys.readouterr().out
    assert (tmp_path / "mine" / CARD).read_text().endswith("</td></tr>\n")


def test_a_changed_copy_is_what_is_sent(tmp_path, capsys):
    run(["templates", "eject", str(tmp_path)])
    changed = (tmp_path / CARD).read_text().replace('<p class="links">', "<p>Mine</p><p>")
    (tmp_path / CARD).write_text(changed)
    composer = Composer(load_templates(template_folders(tmp_path)))
    message = composer.compose(an_edition_input(), bodies=True)
    assert "Mine</p>" in message.html
    assert lint(message) == ()


def test_a_file_of_the_owner_is_kept_unless_forced(tmp_path, capsys):
    (tmp_path / "mail/edition").mkdir(parents=True)
    (tmp_path / CARD).write_text("mine")
    assert run(["templates", "eject", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kept"] == [CARD]
    assert (tmp_path / CARD).read_text() == "mine"
    assert run(["templates", "eject", str(tmp_path), "--force"]) == 0
    assert (tmp_path / CARD).read_text() != "mine"


def test_the_shipped_folder_itself_is_refused(capsys):
    shipped = template_folders()[0]
    before = (shipped / CARD).read_bytes()
    assert run(["templates", "eject", str(shipped), "--force"]) == 2
    assert "name another folder" in capsys.readouterr().err
    assert (shipped / CARD).read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["templates", "eject", str(tmp_path / "file")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
