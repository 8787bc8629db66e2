"""`digest stats` over real editions, mails and feedback, on both databases."""

import json
import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
from builders import NOON
from crowd import fill
from sqlalchemy import insert, select, update

from digest.actions import stats
from digest.actions.run import run
from digest.app import open_app
from digest.cli.main import run as command
from digest.cli.stats import spark
from digest.config import load_config
from digest.model import Feedback, FeedbackKind
from digest.rendering import charts
from digest.store import feedback, merging
from digest.store.tables import bounces, shown, sightings, subscribers

DAY = NOON.date()


@pytest.fixture
def app(engine, tmp_path):
    config = load_config(
        overrides={
            "digest": {"data_dir": str(tmp_path)},
            "store": {"url": engine.url.render_as_string(hide_password=False)},
            "mail": {"sender": "digest@example.org"},
            "transports": {"out": {"kind": "file", "folder": str(tmp_path / "out")}},
        }
    )
    with open_app(config, now=NOON) as opened:
        with opened.writing() as connection:
            fill(connection, people=6, works=40, due_at=NOON)
            connection.execute(
                insert(sightings),
                [
                    {"paper_id": n, "source": "arxiv" if n % 4 else "<b>lab</b>",
                     "announced_on": DAY, "announce_type": "new", "seen_at": NOON}
                    for n in range(1, 41)
                ],
            )  # fmt: skip
        run(opened, poll=False)
        yield opened


def panel(app, name, days=7):
    found = {one.name: one for one in stats.collect(app, days=days).panels}[name]
    return {line.name: line.values[-1] for line in found.series}


def test_papers_are_counted_by_source_and_day(app):
    assert panel(app, "papers") == {"arxiv": 30, "<b>lab</b>": 10}


def test_editions_picks_and_scores_are_those_that_were_frozen(app):
    assert panel(app, "picks")["editions"] == 6
    scores = panel(app, "scores")
    assert 0 < scores["score"] <= 1


def test_mail_is_counted_by_state_and_bounces_by_kind(app):
    with app.writing() as connection:
        connection.execute(insert(bounces).values(received_at=NOON, kind="hard", mailbox_key="1"))
    assert panel(app, "mail") == {"sent": 6}
    assert panel(app, "bounces") == {"hard": 1}


def test_the_ranker_is_judged_by_what_readers_said_of_its_picks(app):
    assert panel(app, "quality") == {}
    with app.writing() as connection:
        rows = connection.execute(select(shown.c.subscriber_id, shown.c.paper_ids).limit(4)).all()
        for (person, ids), kind in zip(rows, ("more", "more", "saved", "less"), strict=True):
            paper = int(ids.split(",")[1])
            said = Feedback(paper_id=paper, kind=FeedbackKind(kind), at=NOON + timedelta(hours=1))
            feedback.record(connection, person, said)
    assert panel(app, "quality") == {"liked": 0.75}
    assert panel(app, "feedback") == {"more": 2, "saved": 1, "less": 1}
    with app.writing() as connection:
        merging.merge(connection, kept=1, absorbed=paper, reason="", evidence={}, now=NOON)
    assert panel(app, "quality") == {"liked": 0.75}


def test_growth_is_counted_back_from_today(app):
    with app.writing() as connection:
        connection.execute(
            update(subscribers)
            .where(subscribers.c.id == 1)
            .values(status="unsubscribed", unsubscribed_at=NOON)
        )
    found = {one.name: one for one in stats.collect(app, days=3).panels}["growth"]
    assert {line.name: line.values for line in found.series} == {
        "confirmed": (0, 0, 5), "joined": (0, 0, 6), "left": (0, 0, 1),
    }  # fmt: skip


def test_the_picture_is_one_well_formed_file_without_foreign_marks(app):
    found = stats.collect(app, days=30)
    svg = charts.page("Lab & friends\x08", found.days, found.panels)
    root = ET.fromstring(svg)
    assert "<b>" not in svg
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {one.title for one in found.panels} <= texts


def test_a_spark_has_a_bar_a_day():
    assert spark((0, 1, None, 8)) == "·▂ █"
    assert spark((0.5,), top=1.0) == "▅"


def test_the_command_prints_draws_and_gives_json(tmp_path, capsys):
    assert command(["stats", "--days", "3"]) == 0
    assert "New papers by source: none" in capsys.readouterr().out
    assert command(["stats", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["days"]) == 30
    assert command(["stats", "--out", "stats.svg"]) == 0
    assert (tmp_path / "stats.svg").read_text().startswith("<svg")
    assert command(["stats", "--out", "stats.gif"]) == 2


def test_png_is_a_png(tmp_path):
    pytest.importorskip("resvg_py")
    assert command(["stats", "--out", "stats.png"]) == 0
    assert (tmp_path / "stats.png").read_bytes().startswith(b"\x89PNG")
