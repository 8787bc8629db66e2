"""A pass that comes while the machine has no network: nothing is mailed in vain, nothing lost."""

from datetime import timedelta

import pytest
from installation import a_feed, installed

from digest.pipeline.polling import poll_sources
from digest.store import sources


@pytest.fixture
def installation(tmp_path):
    with installed(tmp_path) as made:
        for name in ("a", "b"):
            made.add_feed(
                name, a_feed(f"the {name} of the first day", site=f"https://{name}.example")
            )
        yield made


def cut_off(made):
    """Let the sources lie where nothing answers, as all do without a network."""
    text = made.config.read_text()
    made.config.write_text(text.replace(made.web.url(""), "http://127.0.0.1:1"))


def test_editions_of_a_day_without_a_network_come_with_the_next(installation):
    assert installation.run().planned.mailed == 1
    cut_off(installation)
    offline = installation.run(hours=24)
    assert offline.planned.mailed == 0
    assert any("editions wait" in problem for problem in offline.problems)
    assert len(installation.mailbox.mails) == 1
    installation.write()
    installation.web.routes["/a"] = a_feed("the a of the first day", "a dawn over there")
    again = installation.run(hours=48)
    assert (again.planned.mailed, again.planned.picks > 0, again.problems) == (1, True, ())
    assert "a dawn over there" in installation.messages()[-1].get_body(("plain",)).get_content()


def test_a_network_that_stays_away_silences_nobody(installation):
    installation.run()
    cut_off(installation)
    assert [installation.run(hours=24 * day).planned.mailed for day in (1, 2, 3, 4)] == [0, 0, 0, 1]


def test_sources_that_never_answered_hold_nothing_back(installation):
    cut_off(installation)
    assert installation.run().planned.mailed == 1


def test_one_host_that_is_gone_is_no_missing_network(installation):
    installation.run()
    with installation.open(hours=23) as app:
        poll_sources(app)
    with installation.open(hours=24) as app, app.writing() as connection:
        sources.amend(connection, "a", state={}, next_poll_at=app.now())
        sources.amend(connection, "b", state={}, next_poll_at=app.now() + timedelta(hours=9))
    text = installation.config.read_text()
    gone = text.replace(installation.web.url("/a"), "http://nowhere.invalid/a")
    installation.config.write_text(gone)
    found = installation.run(hours=24)
    assert [report.error_kind for report in found.polls] == ["offline", "not-due"]
    assert found.planned.mailed == 1
