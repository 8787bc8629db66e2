from __future__ import annotations

import re

import pytest
from builders import an_interest
from web_builders import store_paper
from web_mail import planned
from web_people import ada

from digest.model import FeedbackKind
from digest.pipeline.planning import plan_due
from digest.store import editions, feedback
from digest.subscribers.tokens import Signer, TokenPurpose


def token(web, person, purpose):
    return Signer(web.app.secret_keys).make(
        purpose, person.subscriber_id, subscription_id=person.subscription_id
    )


def said(web, person):
    with web.app.reading() as connection:
        found = feedback.of_subscribers(connection, [person.subscriber_id])
    return [(f.paper_id, f.kind) for f in found.get(person.subscriber_id, ())]


@pytest.mark.parametrize("kind", ["more", "less", "saved"])
def test_feedback_is_recorded_by_the_button_and_taken_back_by_another(web, kind):
    person = ada(web)
    path = f"/f/{token(web, person, TokenPurpose.FEEDBACK)}/{kind}/1"
    assert web.get(path).text.count("<button") == 1
    assert "Take it back" in web.post(path).text
    assert said(web, person) == [(1, FeedbackKind(kind))]
    web.post(path, {"take_back": "1"})
    assert said(web, person) == []


def test_saved_papers_are_listed_newest_first_and_can_be_removed(web):
    person = ada(web)
    key = token(web, person, TokenPurpose.FEEDBACK)
    assert "Nothing is saved" in web.get(f"/saved/{key}").text
    for paper in (1, 2):
        web.clock.move(minutes=1)
        web.post(f"/f/{key}/saved/{paper}")
    page = web.get(f"/saved/{key}").text
    assert page.index("Robots learn") < page.index("Diffusion models")
    web.post(f"/f/{key}/saved/2", {"take_back": "1"})
    assert "Robots learn" not in web.get(f"/saved/{key}").text


def test_one_page_takes_the_answers_to_a_whole_edition(web):
    person = ada(web, interests=(an_interest("robots", "robots"),))
    plan_due(web.app)
    key = Signer(web.app.secret_keys).make(
        TokenPurpose.FEEDBACK, person.subscriber_id, edition_id=1
    )
    page = web.get(f"/f/{key}").text
    actions = re.findall(r'action="(/f/[^"]+)"', page)
    assert len(actions) == 3 * page.count('<li class="paper">') > 0
    assert said(web, person) == []
    web.post(actions[1])
    assert [kind for _, kind in said(web, person)] == [FeedbackKind.LESS]
    of_nobody = token(web, person, TokenPurpose.FEEDBACK)
    assert web.get(f"/f/{of_nobody}").status_code == 404
    of_another = Signer(web.app.secret_keys).make(
        TokenPurpose.FEEDBACK, person.subscriber_id + 1, edition_id=1
    )
    assert web.get(f"/f/{of_another}").status_code == 404


def test_unknown_papers_and_other_tokens_are_not_found(web):
    person = ada(web)
    right, wrong = (token(web, person, p) for p in (TokenPurpose.FEEDBACK, TokenPurpose.VIEW))
    assert web.post(f"/f/{right}/more/999").status_code == 404
    assert web.post(f"/f/{right}/seen/1").status_code == 404
    assert web.post(f"/f/{wrong}/more/1").status_code == 404
    assert web.get(f"/editions/{right}").status_code == 404
    assert web.get(f"/saved/{wrong}").status_code == 404
    assert planned(web) == []


def test_forms_are_limited_and_one_click_never_is(make_web):
    web = make_web(limited=True)
    person = ada(web)
    path = f"/f/{token(web, person, TokenPurpose.FEEDBACK)}/more/1"
    assert {web.post(path).status_code for _ in range(310)} == {404, 429}
    leave = f"/u/{token(web, person, TokenPurpose.UNSUBSCRIBE)}"
    assert web.post(leave, {"from": "page"}).status_code == 429
    assert web.post(leave, {"List-Unsubscribe": "One-Click"}).status_code == 200


def marked(web, person):
    with web.app.reading() as connection:
        return feedback.of_subscribers(connection, [person.subscriber_id])[person.subscriber_id]


def rate(web, person, edition_id, kind, paper):
    key = Signer(web.app.secret_keys).make(
        TokenPurpose.FEEDBACK, person.subscriber_id, edition_id=edition_id
    )
    return web.post(f"/f/{key}/{kind}/{paper}")


def last_edition(web, person):
    with web.app.reading() as connection:
        return editions.of_subscription(connection, person.subscription_id, limit=1)[0]


def test_a_mark_teaches_the_interest_that_the_paper_was_picked_for(web):
    interests = (an_interest("robots", "robots"), an_interest("proteins", "proteins"))
    person = ada(web, interests=interests, exploration=0)
    plan_due(web.app)
    edition = last_edition(web, person)
    sections = {pick.paper_id: pick.section for pick in edition.picks}
    assert (sections[1], sections[2]) == ("proteins", "robots")
    rate(web, person, edition.row_id, "less", 2)
    rate(web, person, 0, "more", 1)
    rate(web, person, edition.row_id, "saved", 9)
    taught = {mark.paper_id: mark.interest for mark in marked(web, person)}
    assert taught == {2: "robots", 1: "proteins", 9: ""}


def test_a_mark_by_link_changes_the_next_edition_as_its_page_says(web):
    mine = (an_interest("robots", "robots"),)
    marking, silent = (
        ada(web, name, address=f"{name}@example.org", interests=mine, exploration=0)
        for name in ("ada", "bob")
    )
    plan_due(web.app)
    page = rate(web, marking, last_edition(web, marking).row_id, "less", 2)
    assert "From your next edition on, papers like it rank lower." in page.text
    web.clock.move(days=1)
    titles = ("Robots learn to iron trousers", "Robots explore caves of the sea")
    with web.app.writing() as connection:
        for number, title in enumerate(titles, start=21):
            store_paper(connection, number, title, "cs.RO", 3, web.app.now())
    plan_due(web.app)
    after, before = (
        {pick.paper_id: pick for pick in last_edition(web, person).picks}
        for person in (marking, silent)
    )
    assert after[21].score < 0.7 * before[21].score
    assert after[22].score > after[21].score
    assert "you asked for fewer papers like Robots learn to iron shirts" in after[21].reason
