"""Ten recorded days, weekend included, through the whole program; needs the replay corpus."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import orjson
import pytest
import recorded
from sqlalchemy import func, select

from digest.actions.run import run
from digest.app import open_app
from digest.config import load_config
from digest.demo.servers import take_mail
from digest.store.tables import deliveries, editions, paper_ids, shown, signals

DAYS = 10

pytestmark = [
    pytest.mark.skipif(not recorded.HERE, reason="no replay corpus here"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


@pytest.fixture
def replay():
    with recorded.replaying() as url:
        yield url


def test_ten_days_tell_everybody_everything_once(replay, tmp_path):
    folder = tmp_path / "mails"
    with take_mail(folder) as (mailbox, port):
        path = recorded.write_installation(tmp_path, replay, port)
        for day in range(DAYS):
            now = recorded.FIRST + timedelta(days=day)
            recorded.move_to(replay, now)
            with open_app(load_config(path), now=now) as app:
                report = run(app)
                assert report.problems == ()
                again = run(app)
                assert again.planned.mailed == 0
                assert again.sent.counts.get("sent", 0) == 0
        assert_nothing_twice(path)
        assert_mails(mailbox)


def assert_nothing_twice(path):
    with open_app(load_config(path)) as app, app.reading() as connection:
        picked = Counter(
            (row.subscriber_id, paper_id)
            for row in connection.execute(select(editions.c.subscriber_id, editions.c.content))
            for paper_id in orjson.loads(row.content)["picks"]["paper_ids"]
        )
        assert picked
        assert max(picked.values()) == 1
        marked = connection.scalars(select(shown.c.paper_ids)).all()
        assert sum(len(ids.strip(",").split(",")) for ids in marked) == len(picked)
        states = Counter(connection.scalars(select(deliveries.c.state)))
        assert states == {"sent": 4 * DAYS}
        growing = connection.execute(
            select(signals.c.paper_id, func.count().label("n"))
            .where(signals.c.kind == "hf_upvotes")
            .group_by(signals.c.paper_id)
            .having(func.count() > 1)
        ).all()
        assert len(growing) > 50
        doubled = connection.execute(
            select(paper_ids.c.paper_id, func.count().label("n"))
            .where(paper_ids.c.scheme == "arxiv")
            .group_by(paper_ids.c.paper_id)
            .having(func.count() > 1)
        ).all()
        assert doubled == []


def assert_mails(mailbox):
    by_reader = Counter(mail.recipient for mail in mailbox.mails)
    assert set(by_reader.values()) == {DAYS}
    seen: Counter[tuple[str, str]] = Counter()
    ids = set()
    for mail in mailbox.mails:
        message = message_from_bytes(Path(mail.eml).read_bytes(), policy=policy.default)
        assert message["Message-ID"] not in ids
        ids.add(message["Message-ID"])
        text = message.get_body(("plain",)).get_content()
        picks = text.partition("Every other new title")[0]
        for key in set(re.findall(r"arxiv\.org/abs/(\d{4}\.\d{5})", picks)):
            seen[mail.recipient, key] += 1
    assert len(seen) > 100
    quiet = [mail for mail in mailbox.mails if "April 18" in mail.text.read_text()[:200]]
    assert len(quiet) == len(by_reader)  # a Saturday
    folded = [" ".join(mail.text.read_text().split()) for mail in quiet]
    assert all("No announcement today: arXiv" in text for text in folded), folded[0][:600]
