"""`digest edition` builds a past day again, byte for byte, or says why it cannot."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOON, a_profile
from crowd import fill
from sqlalchemy import insert, select, update

from digest.actions.rebuilding import UNEXPLAINED, rebuild
from digest.app import open_app
from digest.cli.main import run as command
from digest.config import load_config
from digest.errors import UsageError
from digest.pipeline import planning, sending
from digest.pipeline.composing import messages
from digest.store.profiles import to_document
from digest.store.tables import deliveries, events, papers, profiles, signals, subscriptions

DAY = NOON.date()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "digest.toml"
    path.write_text(
        f"""
        [digest]
        data_dir = "{tmp_path / "data"}"
        base_url = "https://digest.example.org"
        [mail]
        sender = "digest@example.org"
        [transports.out]
        kind = "file"
        folder = "{tmp_path / "out"}"
        """
    )
    return path


@pytest.fixture
def app(config):
    with open_app(load_config(config), now=NOON) as opened:
        with opened.writing() as connection:
            fill(connection, people=1, works=40, due_at=NOON)
            connection.execute(
                update(profiles).values(
                    origin="config", name="ada", document=to_document(a_profile(min_score=0.0))
                )
            )
            connection.execute(
                insert(signals),
                [
                    {"paper_id": n, "kind": "hf_upvotes", "value": 5.0 + n,
                     "observed_at": NOON - timedelta(hours=1)}
                    for n in range(1, 41)
                ],
            )  # fmt: skip
        (mail,) = _sent(opened)
        opened.config.data_dir.joinpath("mail").write_bytes(mail)
        yield opened


def _sent(app):
    kept = []

    def compose(rows):
        made = messages(app, rows)
        kept.extend(message.content for message in made.values())
        return made

    assert planning.plan_due(app).picks
    assert sending.send_ready(app, compose=compose).counts["sent"] == 1
    return kept


def test_a_past_day_is_the_same_bytes_though_votes_have_grown(app):
    with app.writing() as connection:
        connection.execute(
            insert(signals),
            [
                {"paper_id": n, "kind": "hf_upvotes", "value": 900.0,
                 "observed_at": NOON + timedelta(days=1)}
                for n in range(1, 41)
            ],
        )  # fmt: skip
    (found,) = rebuild(app, "ada", DAY)
    assert (found.is_same, found.differences) == (True, ())
    assert found.message.content == app.config.data_dir.joinpath("mail").read_bytes()


def test_what_has_changed_since_is_named(app):
    with app.writing() as connection:
        (first,) = rebuild(app, "ada", DAY)
        pick = first.edition.picks[0]
        connection.execute(update(papers).where(papers.c.id == pick.paper_id).values(title="New"))
        connection.execute(
            insert(events).values(
                paper_id=pick.paper_id, kind="retitled", at=NOON + timedelta(hours=5), detail={}
            )
        )
        connection.execute(update(profiles).values(changed_at=NOON + timedelta(hours=5)))
    (found,) = rebuild(app, "ada", DAY)
    said = "; ".join(found.differences)
    assert f"{pick.key} has changed since: retitled" in said
    assert "profile" in said


def test_other_templates_and_settings_are_named_as_the_cause(app, tmp_path):
    templates = tmp_path / "mine"
    (templates / "mail" / "edition").mkdir(parents=True)
    (templates / "mail" / "edition" / "empty.txt").write_text("other words\n")
    settings = app.config.settings
    later = settings.model_copy(
        update={
            "mail": settings.mail.model_copy(
                update={"sender_name": "Somebody else", "templates_dir": templates}
            )
        }
    )
    changed = replace(app, config=replace(app.config, settings=later))
    (found,) = rebuild(changed, "ada", DAY)
    assert found.is_same is False
    assert [said.partition(" have ")[0] for said in found.differences] == [
        "the mail templates",
        "settings that show in mails ([mail], digest.name, base_url)",
    ]


def test_a_change_that_left_no_trace_is_found_by_the_sum_of_the_bytes(app):
    (first,) = rebuild(app, "ada", DAY)
    with app.writing() as connection:
        pick = first.edition.picks[0].paper_id
        connection.execute(update(papers).where(papers.c.id == pick).values(title="Other"))
    (found,) = rebuild(app, "ada", DAY)
    assert found.is_same is False
    assert found.differences == (UNEXPLAINED,)


def test_without_a_sum_nothing_is_called_proven(app):
    with app.writing() as connection:
        connection.execute(update(deliveries).values(content_hash=""))
    (found,) = rebuild(app, "ada", DAY)
    assert (found.is_same, found.differences) == (None, ())


def test_a_day_without_an_edition_names_those_with_one(app):
    with pytest.raises(UsageError, match=str(DAY)):
        rebuild(app, "ada", DAY - timedelta(days=3))


def test_rebuilding_changes_nothing(app):
    before = _rows(app)
    rebuild(app, "ada", DAY)
    assert _rows(app) == before


def _rows(app):
    with app.reading() as connection:
        return [connection.execute(select(table)).all() for table in (deliveries, subscriptions)]


def test_the_command_writes_the_files_of_then(app, config, tmp_path, capsys):
    arguments = ["-c", str(config), "edition", "--date", str(DAY), "--profile", "ada"]
    assert command([*arguments, "--out", str(tmp_path / "then")]) == 0
    assert "the same bytes" in capsys.readouterr().out
    (mail,) = (tmp_path / "then").glob("*/edition.eml")
    assert mail.read_bytes() == app.config.data_dir.joinpath("mail").read_bytes()
    assert command([*arguments, "--json"]) == 0
