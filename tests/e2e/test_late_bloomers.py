"""A paper that takes off after a reader was not shown it comes to them late, once."""

from datetime import timedelta

import pytest
from builders import NOON, a_record

from digest.actions import ranking
from digest.app import App
from digest.config import load_config
from digest.model import Observation
from digest.pipeline import planning
from digest.store import editions as edition_store
from digest.store import papers, signals, sources
from digest.store.ingest import ingest

FIRST = NOON - timedelta(days=12)  # April 2
SHOWN, LATE, QUIET = 1, 2, 3
VOTES = {
    SHOWN: [80, 82, 83, 84, 85, 86, 87, 88, 160, 230, 300, 301],
    LATE: [1, 1, 1, 2, 2, 2, 2, 2, 2, 42, 90, 122],
    QUIET: [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
}
TOOK_OFF_ON = 9


def key(number):
    return f"arxiv:2604.{number:05}"


class Days:
    """An installation that lives day by day: papers, then their votes, then the editions."""

    def __init__(self, config, engine):
        self.config, self.engine, self.day = config, engine, 0
        ranking.rank(self.app, "ada")  # takes the profile's file in
        with self.app.writing() as connection:
            sources.ensure(connection, {"arxiv-ml": "arxiv"})

    @property
    def now(self):
        return FIRST + timedelta(days=self.day)

    @property
    def app(self):
        now = self.now
        return App(self.config, lambda: now, self.engine)

    def morning(self):
        numbers = [SHOWN, LATE, QUIET] if self.day == 0 else []
        born = self.now - timedelta(hours=6)
        records = [
            a_record(n, announced_on=born.date(), published_at=born)
            for n in [*numbers, 100 + self.day]
        ]
        with self.app.writing() as connection:
            ingest(connection, source="arxiv-ml", records=records, now=born)
            votes = {key(n): several[self.day] for n, several in VOTES.items()}
            votes[key(100 + self.day)] = 8
            known = papers.by_key(connection, votes)
            told = {
                known[k].row_id: [Observation(kind="hf_upvotes", observed_at=born, value=float(v))]
                for k, v in votes.items()
            }
            signals.append(connection, told)

    def edition(self):
        planning.plan_due(self.app)
        self.day += 1


@pytest.fixture
def days(tmp_path, engine):
    (tmp_path / "profiles").mkdir()
    profile = 'addresses = ["ada@example.org"]\nmax_papers = 5\n'
    (tmp_path / "profiles" / "ada.toml").write_text(profile)
    (tmp_path / "digest.toml").write_text('[digest]\nbase_url = "https://digest.example.org"\n')
    return Days(load_config(tmp_path / "digest.toml"), engine)


def picks_by_paper(days):
    with days.app.reading() as connection:
        made = edition_store.of_subscription(connection, 1, limit=50)
    found = {}
    for edition in made:
        for pick in edition.picks:
            found.setdefault(pick.key, []).append((edition.edition_on, pick))
    return found


def test_what_took_off_comes_once_what_was_shown_or_stayed_quiet_never(days):
    for _ in VOTES[LATE]:
        days.morning()
        days.edition()
    found = picks_by_paper(days)
    ((shown_on, _),) = found[key(SHOWN)]
    assert shown_on == FIRST.date()
    ((late_on, late),) = found[key(LATE)]
    assert late_on == (FIRST + timedelta(days=TOOK_OFF_ON)).date()
    assert late.reason == "Took off after it came out on April 2: 40 more upvotes since April 8"
    assert not late.is_new
    assert late.section == "trending"
    assert key(QUIET) not in found


def test_explain_accounts_for_what_took_off_and_for_what_did_not(days):
    for _ in range(TOOK_OFF_ON):
        days.morning()
        days.edition()
    days.morning()
    told = {n: ranking.explain(days.app, "ada", paper=key(n)).paper for n in VOTES}
    assert {n: paper.cause for n, paper in told.items()} == {
        SHOWN: "seen", LATE: "picked", QUIET: "window",
    }  # fmt: skip
    assert told[LATE].account.startswith("Took off after it came out on April 2")
    assert told[QUIET].account.endswith("none of the older papers that took off in it")
    assert told[LATE].parts["trend hf_upvotes"] > 0.45
