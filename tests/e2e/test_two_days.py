"""The two sample days of `digest demo`: everything real, asserted on the received bytes."""

from __future__ import annotations

import re
from collections import Counter
from email import message_from_bytes, policy

import orjson
import pytest
from sqlalchemy import func, select

from digest.actions.run import run
from digest.app import open_app
from digest.cli.main import run as command
from digest.config import load_config
from digest.demo.play import play
from digest.errors import UsageError
from digest.store.tables import deliveries, editions, paper_ids, signals


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return play(tmp_path_factory.mktemp("demo") / "out")


def parsed(mail):
    return message_from_bytes(mail.eml.read_bytes(), policy=policy.default)


def test_each_reader_gets_one_mail_a_day(demo):
    assert Counter(mail.recipient for mail in demo.mails) == {
        "ada@example.org": 2,
        "noor@example.org": 2,
    }
    assert [run.problems for run in demo.runs] == [(), ()]


def test_nobody_is_shown_a_paper_twice(demo):
    with open_app(load_config(demo.config)) as app, app.reading() as connection:
        shown = Counter(
            (row.subscriber_id, paper_id)
            for row in connection.execute(select(editions.c.subscriber_id, editions.c.content))
            for paper_id in orjson.loads(row.content)["picks"]["paper_ids"]
        )
    assert shown
    assert set(shown.values()) == {1}


def test_versions_cross_lists_and_daily_papers_are_one_paper(demo):
    with open_app(load_config(demo.config)) as app, app.reading() as connection:
        owners = connection.execute(
            select(paper_ids.c.value, func.count())
            .where(paper_ids.c.scheme == "arxiv")
            .group_by(paper_ids.c.paper_id)
            .having(func.count() > 1)
        ).all()
        assert owners == []


def test_votes_grow_as_signals(demo):
    with open_app(load_config(demo.config)) as app, app.reading() as connection:
        histories = connection.execute(
            select(signals.c.paper_id, func.min(signals.c.value), func.max(signals.c.value))
            .where(signals.c.kind == "hf_upvotes")
            .group_by(signals.c.paper_id)
            .having(func.count() > 1)
        ).all()
    assert histories
    assert all(last > first for _, first, last in histories)


def test_mail_is_whole_and_can_be_left(demo):
    for mail in demo.mails:
        message = parsed(mail)
        assert message.defects == []
        assert re.fullmatch(
            r"<https://[^>]+>(, <mailto:[^>]+>)?", message["List-Unsubscribe"].strip()
        )
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert message.get_body(("html",)).get_content().count("<h1") == 1
    assert len({parsed(mail)["Message-ID"] for mail in demo.mails}) == len(demo.mails)


def test_running_again_sends_nothing(demo):
    with open_app(load_config(demo.config), now=demo.runs[-1].ended_at) as app:
        again = run(app, poll=False)
        assert again.planned.mailed == 0
        with app.reading() as connection:
            assert set(connection.scalars(select(deliveries.c.state))) == {"sent"}


def test_preview_is_written_and_changes_nothing(demo, tmp_path, capsys):
    out = tmp_path / "preview"
    now = demo.runs[-1].ended_at.isoformat()
    code = command(
        ["--config", str(demo.config), "--now", now, "preview", "ada", "--out", str(out)]
    )
    assert code == 0
    assert {path.name for path in out.iterdir()} == {
        "edition.html",
        "edition.txt",
        "edition.eml",
    }
    with open_app(load_config(demo.config)) as app, app.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(deliveries)) == len(demo.mails)


def test_demo_leaves_other_peoples_folders_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(UsageError, match="something else"):
        play(tmp_path)
