"""Two rankers compared in mails: started, planned, marked by links, judged, stopped."""

import logging

import pytest
from builders import a_record
from planted_ranker import KIND
from web_people import ada

from digest.actions import comparing
from digest.actions.ranking import explain
from digest.errors import ConfigError, ConflictError, MissingError, UsageError
from digest.model import FeedbackKind
from digest.pipeline.planning import plan_due
from digest.store import editions, experiment, feedback
from digest.store import papers as paper_store
from digest.store.experiment import Experiment
from digest.store.ingest import ingest
from digest.store.merging import merge
from digest.subscribers.tokens import Signer, TokenPurpose

READERS, MORNINGS, SIZE = 5, 7, 6


def fill(web, day):
    """Each morning brings thirty papers, every third of which the readers came for."""
    records = [
        a_record(
            1000 + day * 100 + n,
            title=f"Careful studies of {day} and {n}" if n % 3 == 0 else f"Loud guesses {day}-{n}",
            abstract="Careful studies at length." if n % 3 == 0 else "Guesses of all sorts.",
            authors=(),
            published_at=web.app.now(),
            announced_on=web.app.now().date(),
        )
        for n in range(30)
    ]
    with web.app.writing() as connection:
        ingest(connection, source="arxiv", records=records, now=web.app.now())


def readers(web, **changes):
    given = {"max_papers": SIZE, "min_score": 0.0, "exploration": 0.0} | changes
    return [
        ada(web, f"reader-{n}", address=f"reader-{n}@example.org", **given) for n in range(READERS)
    ]


def mornings(web, people, count=MORNINGS):
    """Plan each morning, and let each reader mark their mail's papers by its links."""
    for day in range(count):
        web.clock.move(days=1)
        fill(web, day)
        plan_due(web.app)
        for person in people:
            mark(web, person)


def newest(web, person):
    with web.app.reading() as connection:
        return editions.of_subscription(connection, person.subscription_id)[0]


def mark(web, person):
    edition = newest(web, person)
    key = Signer(web.app.secret_keys).make(
        TokenPurpose.FEEDBACK, person.subscriber_id, edition_id=edition.row_id
    )
    with web.app.reading() as connection:
        papers = paper_store.load(connection, [pick.paper_id for pick in edition.picks])
    for pick in edition.picks[:4]:
        kind = "more" if "Careful" in papers[pick.paper_id].title else "less"
        assert web.post(f"/f/{key}/{kind}/{pick.paper_id}").status_code == 200


def test_marks_by_link_find_the_ranker_that_is_worse(web_on_both):
    web = web_on_both
    people = readers(web)
    started = comparing.compare(web.app, ("default", KIND))
    assert (started.is_new, started.readers, started.editions) == (True, READERS, 0)
    mornings(web, people, count=1)
    first = comparing.compare(web.app, (KIND, "default"))
    assert (first.is_new, first.editions, first.markers) == (False, READERS, READERS)
    mornings_left = MORNINGS - 1
    mornings(web, people, count=mornings_left)
    found = comparing.stop(web.app)
    assert found.editions == READERS * MORNINGS
    assert found.wins["default"] > found.wins[KIND]
    assert (found.better, found.is_stopped) == ("default", True)
    with pytest.raises(MissingError, match="no rankers are being compared"):
        comparing.stop(web.app)


def test_a_mail_holds_both_rankers_papers_and_none_twice(web):
    people = readers(web)
    comparing.compare(web.app, ("default", KIND))
    mornings(web, people, count=3)
    for person in people:
        with web.app.reading() as connection:
            made = editions.of_subscription(connection, person.subscription_id)
        assert len(made) == 3
        shown = [pick.paper_id for edition in made for pick in edition.picks]
        assert len(shown) == len(set(shown))
        for edition in made:
            assert len(edition.picks) == len(edition.teams) == SIZE
            assert abs(edition.teams.count("default") - edition.teams.count(KIND)) <= 1
            assert not set(edition.other_ids) & {pick.paper_id for pick in edition.picks}


def test_a_reader_sees_no_ranker_named(web):
    (person, *_) = readers(web)
    comparing.compare(web.app, ("default", KIND))
    mornings(web, [person], count=1)
    key = Signer(web.app.secret_keys).make(
        TokenPurpose.VIEW, person.subscriber_id, edition_id=newest(web, person).row_id
    )
    page = web.get(f"/editions/{key}")
    assert page.status_code == 200
    assert "planted_ranker" not in page.text
    assert "default" not in page.text.partition("<body")[2]


def test_what_is_planned_is_what_was_previewed(web):
    (person, *_) = readers(web)
    comparing.compare(web.app, ("default", KIND))
    web.clock.move(days=1)
    fill(web, 0)
    told = explain(web.app, "reader-0@example.org")
    plan_due(web.app)
    keys = [pick.key for pick in newest(web, person).picks]
    assert [row.key for row in told.ranking.picks] == keys
    assert told.ranking.left_out["draft"] > 0


def test_only_readers_of_one_of_the_two_take_part(web):
    (person, *_) = readers(web, ranker="trend")
    with pytest.raises(UsageError, match=f"nobody would take part.*default or {KIND}"):
        comparing.compare(web.app, ("default", KIND))
    with web.app.reading() as connection:
        assert experiment.running(connection) is None
    ada(web, "other", address="other@example.org")
    assert comparing.compare(web.app, ("default", KIND)).readers == 1
    mornings(web, [person], count=1)
    assert newest(web, person).teams == ()


def test_marks_of_before_of_titles_and_of_merged_papers(web):
    (person, *_) = readers(web)
    mornings(web, [person], count=1)
    comparing.compare(web.app, ("default", KIND))
    mark(web, person)
    assert comparing.compare(web.app, ("default", KIND)).editions == 0
    web.clock.move(days=1)
    fill(web, 1)
    plan_due(web.app)
    edition = newest(web, person)
    key = Signer(web.app.secret_keys).make(TokenPurpose.FEEDBACK, person.subscriber_id)
    web.post(f"/f/{key}/more/{edition.other_ids[0]}")
    assert comparing.compare(web.app, ("default", KIND)).editions == 0
    picked, kept = edition.picks[0].paper_id, edition.other_ids[1]
    web.post(f"/f/{key}/more/{picked}")
    with web.app.writing() as connection:
        merge(connection, kept=kept, absorbed=picked, reason="doi", evidence={}, now=web.app.now())
        (said, *_) = feedback.of_subscribers(connection, [person.subscriber_id]).values()
        assert kept in {one.paper_id for one in said}
    found = comparing.compare(web.app, ("default", KIND))
    assert (found.editions, found.wins[edition.teams[0]]) == (1, 1)


def test_a_ranker_that_went_away_stops_nobodys_mail(web, caplog):
    (person, *_) = readers(web)
    gone = Experiment(rankers=("default", "no_such_ranker"), started_at=web.app.now())
    with web.app.writing() as connection:
        experiment.start(connection, gone)
    with caplog.at_level(logging.ERROR):
        mornings(web, [person], count=1)
    assert newest(web, person).teams == ()
    assert "comparison paused ranker=no_such_ranker" in caplog.text


def test_what_cannot_be_compared_is_named(web):
    readers(web)
    with pytest.raises(UsageError, match="with itself"):
        comparing.compare(web.app, ("default", "default"))
    with pytest.raises(ConfigError, match="no ranker called 'magic'"):
        comparing.compare(web.app, ("default", "magic"))
    with pytest.raises(ConfigError, match=r"semantic needs \[ranking\] model"):
        comparing.compare(web.app, ("default", "semantic"))
    comparing.compare(web.app, ("default", KIND))
    with pytest.raises(ConflictError, match="are being compared already"):
        comparing.compare(web.app, ("default", "trend"))


def test_a_mark_taken_back_counts_no_more(web):
    (person, *_) = readers(web)
    comparing.compare(web.app, ("default", KIND))
    mornings(web, [person], count=1)
    edition = newest(web, person)
    key = Signer(web.app.secret_keys).make(
        TokenPurpose.FEEDBACK, person.subscriber_id, edition_id=edition.row_id
    )
    for pick in edition.picks:
        for kind in (FeedbackKind.MORE, FeedbackKind.LESS):
            web.post(f"/f/{key}/{kind}/{pick.paper_id}", {"take_back": "1"})
    assert comparing.compare(web.app, ("default", KIND)).editions == 0
