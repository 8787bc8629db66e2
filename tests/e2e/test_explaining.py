import json
import re
from datetime import timedelta

import pytest
from builders import NOON, a_record

from digest.actions import ranking
from digest.app import App
from digest.cli.main import run
from digest.config import load_config
from digest.errors import UsageError
from digest.model import Signal
from digest.pipeline import planning
from digest.store import profiles
from digest.store.ingest import ingest

PROFILE = """
addresses = ["ada@example.org"]
mutes = ["blockchain"]
max_papers = 2
exploration = 0
[[interests]]
name = "compilers"
terms = ["kernel fusion", {text = "tiling", weight = 2}, {text = "quantum", mode = "must-not"}]
"""

TITLES = {
    1: "Kernel fusion by tiling",
    2: "Kernel fusion for accelerators",
    3: "Kernel fusion in the abstract",
    4: "Kernel fusion on a blockchain",
    5: "Soil bacteria under drought",
    6: "Quantum kernel fusion",
}


def key(number):
    return f"arxiv:2604.{number:05}"


@pytest.fixture
def app(tmp_path, sqlite_engine):
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "ada.toml").write_text(PROFILE)
    (tmp_path / "digest.toml").write_text(
        f'[digest]\nbase_url = "https://digest.example.org"\n'
        f'[store]\nurl = "sqlite:///{tmp_path}/digest.db"\n'
    )
    found = App(load_config(tmp_path / "digest.toml"), lambda: NOON, sqlite_engine)
    take(found, *(told(n, title) for n, title in TITLES.items()), now=NOON - timedelta(hours=3))
    return found


def told(number, title, **changes):
    votes = (Signal(kind="hf_upvotes", value=30.0),) if number == 2 else ()
    return a_record(number, title=title, abstract="", signals=votes, **changes)


def take(app, *records, now):
    with app.writing() as connection:
        ingest(connection, source="arxiv-ml", records=records, now=now)


def send(app):
    """Make the editions that are due, as a run does."""
    return planning.plan_due(app)


def cause(app, number, **more):
    return ranking.explain(app, "ada", paper=key(number), **more).paper


def test_the_table_has_the_best_first_with_parts_and_reasons(app):
    found = ranking.rank(app, "ada")
    assert {p.key for p in found.picks} == {key(1), key(2)}
    assert [p.score for p in found.picks] == sorted((p.score for p in found.picks), reverse=True)
    one, two = (next(p for p in found.picks if p.key == key(n)) for n in (1, 2))
    assert one.parts["terms"] > two.parts["terms"] > 0.15
    assert "tiling" in one.account
    assert found.considered == 6


def test_every_cause_is_told_of_the_paper_it_kept_out(app):
    found = {n: cause(app, n) for n in TITLES}
    assert {n: p.cause for n, p in found.items()} == {
        1: "picked", 2: "picked", 3: "cap", 4: "muted", 5: "floor", 6: "must-not",
    }  # fmt: skip
    assert "max_papers (2)" in found[3].account
    assert "'blockchain'" in found[4].account
    assert "min_score 0.15" in found[5].account
    assert "'quantum'" in found[6].account


def test_a_paper_left_out_still_has_the_parts_of_its_score(app):
    found = cause(app, 3)
    assert found.section == "compilers"
    left = (1 - found.parts["terms"]) * (1 - found.parts["likeness"])
    assert 1 - left == pytest.approx(found.interest, abs=1e-3)


def test_a_paper_shown_before_is_seen_and_names_its_edition(app):
    ranking.rank(app, "ada")  # brings the store in line with the profile's file
    assert send(app).picks == 2
    found = cause(app, 1)
    assert found.cause == "seen"
    assert "edition of 2026-04-14: Close to your" in found.account
    assert {p.key for p in ranking.rank(app, "ada").picks} == {key(1), key(2)}
    assert {p.key for p in ranking.rank(app, "ada@example.org").picks} == {key(3)}


def test_a_paper_outside_the_window_is_said_to_be(app):
    take(app, told(9, "Kernel fusion, long ago", announced_on=None), now=NOON - timedelta(days=60))
    found = cause(app, 9)
    assert found.cause == "window"
    assert "2026-02-13" in found.account


def test_an_archive_paper_is_no_news(app):
    old = NOON - timedelta(days=900)
    take(
        app,
        told(10, "Kernel fusion of old", announced_on=old.date(), published_at=old),
        now=NOON - timedelta(hours=1),
    )
    assert cause(app, 10).cause == "not news"


def test_a_key_nobody_told_of_is_unknown_and_rubbish_is_an_error(app):
    assert cause(app, 77).cause == "unknown"
    with pytest.raises(UsageError, match="names no paper"):
        ranking.explain(app, "ada", paper="hello")
    with pytest.raises(UsageError, match="there are: ada"):
        ranking.explain(app, "bob")
    with pytest.raises(UsageError, match="nobody subscribed"):
        ranking.explain(app, "bob@example.org")


def test_explaining_and_ranking_leave_no_edition_behind(app):
    ranking.rank(app, "ada")
    ranking.explain(app, "ada", paper=key(1))
    with app.reading() as connection:
        (subscription,) = profiles.subscriptions_of(connection)
    assert ranking.explain(app, "ada").last_edition_on is None
    assert subscription.next_slot_at == NOON


def test_the_account_names_the_best_that_were_left_out(app):
    found = ranking.explain(app, "ada")
    assert found.reader == "ada@example.org"
    assert found.ranking.left_out == {"cap": 1, "muted": 1, "floor": 1, "must-not": 1}
    assert {p.key for p in found.nearest} == {key(3), key(4), key(5), key(6)}


def digest(tmp_path, *arguments):
    return run(["--config", str(tmp_path / "digest.toml"), "--now", NOON.isoformat(), *arguments])


def test_the_commands_print_the_same_as_text_and_as_json(app, tmp_path, capsys):
    assert digest(tmp_path, "rank", "ada", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [p["key"] for p in found["picks"]] == [p.key for p in ranking.rank(app, "ada").picks]
    assert digest(tmp_path, "rank", "ada") == 0
    printed = capsys.readouterr().out
    for pick in found["picks"]:
        assert re.search(rf"{pick['score']:.3f} .*{pick['key']} .*\n +{pick['title']}\n", printed)
    assert digest(tmp_path, "explain", "ada") == 0
    assert "left out: " in capsys.readouterr().out
    assert digest(tmp_path, "explain", "ada", "--paper", "https://arxiv.org/abs/2604.00004") == 0
    assert "it holds a muted term: 'blockchain'" in capsys.readouterr().out
    assert digest(tmp_path, "explain", "ada", "--paper", key(77), "--json") == 0
    assert json.loads(capsys.readouterr().out)["account"]["paper"]["cause"] == "unknown"
    assert digest(tmp_path, "rank", "nobody") == 2


def test_an_addresss_mail_is_explained_beside_its_papers(app, tmp_path, capsys):
    ranking.rank(app, "ada")  # reads the profile's file
    send(app)
    assert digest(tmp_path, "explain", "ada@example.org") == 0
    said = capsys.readouterr().out
    assert said.startswith("mail: the latest mail waits to be sent\n  1  2026-04-14 12:00  edition")
    assert "last edition: 2026-04-14" in said
    assert digest(tmp_path, "explain", "nobody@example.org") == 2


def test_a_paper_is_explained_with_the_liked_papers_it_is_nearest_to(tmp_path, sqlite_engine):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "lib.bib").write_text(
        "@article{a, title={Tumour growth in mice}}\n@article{b, title={Prices of old coins}}\n"
    )
    (tmp_path / "profiles" / "ada.toml").write_text(
        'exploration = 0\n[[interests]]\nname = "medicine"\nlibrary = "lib.bib"\n'
        '[[interests]]\nname = "rivers"\nterms = ["river"]\n'
    )
    (tmp_path / "digest.toml").write_text("[digest]\n")
    app = App(load_config(tmp_path / "digest.toml"), lambda: NOON, sqlite_engine)
    take(
        app, told(1, "Cancer progression in rodents"), told(2, "Soil under drought"),
        now=NOON - timedelta(hours=3),
    )  # fmt: skip
    found = ranking.explain(app, "ada", paper=key(1)).near
    assert [(one.title, one.interest) for one in found] == [("Tumour growth in mice", "medicine")]
    assert 0.1 < found[0].strength <= 1
    assert ranking.explain(app, "ada", paper=key(2)).near == ()
    assert ranking.explain(app, "ada", paper=key(99)).near == ()
