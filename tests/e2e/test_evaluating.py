"""``digest evaluate`` on a reader whose marks follow an interest, and not the trend."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from builders import a_record
from installation import installed
from sqlalchemy import select

from digest.actions import profiles
from digest.actions.evaluating import evaluate
from digest.app import App
from digest.cli.main import run as command
from digest.errors import UsageError
from digest.model import Feedback, FeedbackKind, Observation
from digest.store import feedback, papers, signals
from digest.store.ingest import ingest
from digest.store.tables import subscribers

START = datetime(2026, 4, 6, 6, tzinfo=UTC)
DAYS = 8
SUBJECTS = ("glacier mass balance", "protein folding", "traffic lights", "ancient coins")


def fill(app: App) -> None:
    """Each day brings forty papers; Ada marks the two about glaciers; votes go to the others."""
    with app.writing() as connection:
        ada = connection.scalar(select(subscribers.c.id))
        for day in range(DAYS):
            now = START + timedelta(days=day)
            batch = [
                a_record(
                    day * 100 + n,
                    title=f"On {subject} number {n} of day {day}",
                    abstract=f"We study {subject} with great care and report what was found.",
                    published_at=now,
                    announced_on=now.date(),
                )
                for n, subject in enumerate([SUBJECTS[0]] * 2 + list(SUBJECTS[1:]) * 12)
            ]
            ingest(connection, source="arxiv", records=batch, now=now)
            stored = papers.by_key(connection, [record.key for record in batch])
            ids = [stored[record.key].row_id for record in batch]
            votes = {
                row_id: [Observation(kind="hf_upvotes", observed_at=now, value=float(n))]
                for n, row_id in enumerate(ids)
            }
            signals.append(connection, votes)
            for row_id in ids[:2]:
                said = Feedback(
                    paper_id=row_id,
                    kind=FeedbackKind.MORE,
                    at=now + timedelta(hours=5),
                    interest="",
                )
                feedback.record(connection, ada, said)


@pytest.fixture
def site(tmp_path):
    with installed(tmp_path) as made:
        made.add_profile("ada", 'addresses = ["ada@example.org"]\nranker = "trend"\n')
        with made.open() as app:
            profiles.sync(app)
            fill(app)
        yield made


def test_the_ranker_that_learns_from_marks_is_found_best(site):
    with site.open() as app:
        found = evaluate(app, "ada", rankers=("trend", "default"))
    assert found.sessions == DAYS
    assert found.relevant == 2 * DAYS
    assert found.best == "default"
    by_name = {result.ranker: result for result in found.results}
    assert by_name["default"].ndcg.value > by_name["trend"].ndcg.value
    assert by_name["default"].gain.low > 0
    assert by_name["trend"].gain.value == 0


def test_what_is_said_later_teaches_nothing_earlier(site):
    with site.open() as app:
        before = evaluate(app, rankers=("default",))
    with site.open() as app, app.writing() as connection:
        ada = connection.scalar(select(subscribers.c.id))
        row_id = papers.by_key(connection, ["arxiv:2604.00105"])["arxiv:2604.00105"].row_id
        late = START + timedelta(days=60)
        said = Feedback(paper_id=row_id, kind=FeedbackKind.LESS, at=late, interest="")
        feedback.record(connection, ada, said)
    with site.open() as app:
        assert evaluate(app, rankers=("default",)) == before


def test_the_command_says_what_to_write_into_a_file(site, capsys):
    asked = ["-c", str(site.config), "evaluate", "--ranker=trend", "--ranker=default", "--json"]
    assert command([*asked, "--use"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["used"] == 'write ranker = "default" into the profile ada'
    assert {row["ranker"] for row in told["results"]} == {"trend", "default"}


def test_without_marks_there_is_nothing_to_judge_by(tmp_path):
    with installed(tmp_path) as made, made.open() as app:
        with pytest.raises(UsageError, match="nothing to judge ada by yet"):
            evaluate(app, "ada")
        with pytest.raises(UsageError, match="nobody"):
            evaluate(app, "nobody@example.org")
