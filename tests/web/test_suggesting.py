from __future__ import annotations

import pytest
from sqlalchemy import update
from web_builders import fill
from web_people import ada

from digest.store import submissions, tables
from digest.subscribers.tokens import Signer, TokenPurpose

INBOX = {"inbox": {"kind": "inbox"}}


@pytest.fixture
def town(make_web):
    found = make_web(sources=INBOX)
    fill(found.app)
    return found


def page_of(web, person, purpose=TokenPurpose.FEEDBACK):
    signer = Signer(web.app.secret_keys)
    token = signer.make(purpose, person.subscriber_id, subscription_id=person.subscription_id)
    return f"/suggest/{token}"


def named(web):
    with web.app.reading() as connection:
        return [one.key for one in submissions.load(connection, "inbox")]


def test_papers_that_a_reader_names_wait_to_be_looked_up(town):
    path = page_of(town, ada(town))
    assert "<textarea" in town.get(path).text
    assert named(town) == []
    answer = town.post(path, {"papers": "arXiv:2604.00077v2\n\nhttps://doi.org/10.1000/x\n"})
    assert "2 papers are on the list" in answer.text
    assert set(named(town)) == {"arxiv:2604.00077", "doi:10.1000/x"}
    assert "waits to be looked up" in town.get(path).text


def test_what_names_no_paper_stays_in_the_form_and_is_inert(town):
    path = page_of(town, ada(town))
    answer = town.post(path, {"papers": "10.1000/x\n</textarea><script>alert(1)</script>"})
    assert "names no paper" in answer.text
    assert "<script>alert" not in answer.text
    assert "&lt;/textarea&gt;" in answer.text
    assert named(town) == ["doi:10.1000/x"]


def test_a_reader_may_name_so_many_a_day_and_more_tomorrow(town):
    path = page_of(town, ada(town))
    town.post(path, {"papers": "\n".join(f"2604.{n:05}" for n in range(1, 20))})
    assert "1 more today" in town.post(path, {"papers": "10.1000/x\n10.1000/y"}).text
    assert len(named(town)) == 19
    town.clock.move(days=1, minutes=1)
    town.post(path, {"papers": "10.1000/x\n10.1000/y"})
    assert len(named(town)) == 21


def test_readers_see_only_what_they_named(town):
    town.post(page_of(town, ada(town)), {"papers": "10.1000/secret"})
    other = ada(town, "bob", address="bob@example.org")
    assert "secret" not in town.get(page_of(town, other)).text


def test_only_confirmed_readers_with_the_right_token_may(town):
    person = ada(town)
    assert town.get(page_of(town, person, TokenPurpose.VIEW)).status_code == 404
    with town.app.writing() as connection:
        connection.execute(update(tables.subscribers).values(status="unsubscribed"))
    path = page_of(town, person)
    assert town.get(path).status_code == 404
    assert town.post(path, {"papers": "10.1000/x"}).status_code == 404
    assert named(town) == []


def test_without_an_inbox_there_is_no_page_and_no_link_to_it(web):
    path = page_of(web, ada(web))
    assert web.get(path).status_code == 404
    assert "/suggest/" not in web.get(path.replace("/suggest/", "/saved/")).text


def test_the_saved_papers_link_to_it(town):
    path = page_of(town, ada(town))
    assert path in town.get(path.replace("/suggest/", "/saved/")).text
