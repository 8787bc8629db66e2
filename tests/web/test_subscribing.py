from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlencode

import anyio
import pytest
from builders import NOON
from web_builders import store_paper
from web_mail import ADDRESS, ask, form, path_of, planned, subscribe, subscriptions, values
from web_people import ada, snapshot

from digest.model import Schedule, SubscriberStatus
from digest.pipeline.planning import plan_due
from digest.store import profiles, subscribers, suppressions
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import address_hmac
from digest.subscribers.consent import CONSENT_VERSION


def person(web, address=ADDRESS):
    with web.app.reading() as connection:
        return subscribers.find(connection, address)


def suppress(web, reason, address=ADDRESS):
    mark = address_hmac(web.app.secret_keys, address)
    with web.app.writing() as connection:
        suppressions.add(connection, [Suppression(address_hmac=mark, reason=reason, at=NOON)])


def test_asking_mails_a_link_and_subscribes_nobody(web_on_both):
    web = web_on_both
    assert "Look into your mailbox" in ask(web).text
    (subscription,) = subscriptions(web)
    assert (subscription.status, subscription.next_slot_at) == (SubscriberStatus.UNCONFIRMED, None)
    (delivery,) = planned(web)
    assert (delivery.purpose, delivery.priority, delivery.address) == ("confirmation", 0, ADDRESS)
    web.clock.move(days=1)
    assert plan_due(web.app).mailed == 0


def test_confirming_makes_the_first_edition_due_at_once(web_on_both):
    web = web_on_both
    ask(web)
    path = path_of(values(web)["confirm_url"])
    assert web.get(path).text.count("<button") == 1
    assert subscriptions(web)[0].status is SubscriberStatus.UNCONFIRMED
    assert "You are subscribed" in web.post(path).text
    (subscription,) = subscriptions(web)
    assert (subscription.status, subscription.via) == (SubscriberStatus.CONFIRMED, "web")
    assert [t.text for t in subscription.profile.interests[0].terms] == ["protein folding"]
    assert plan_due(web.app).mailed == 1


def test_consent_is_proven_by_its_words_times_and_browser(web):
    web.client.headers["user-agent"] = "Tester/1.0"
    subscribe(web)
    with web.app.reading() as connection:
        events = subscribers.consents_of(connection, person(web).row_id)
    assert [(e.kind, e.text_version) for e in events] == [
        ("requested", CONSENT_VERSION), ("confirmed", CONSENT_VERSION)
    ]  # fmt: skip
    assert {e.detail["agent"] for e in events} == {"Tester/1.0"}


def test_the_answer_is_the_same_for_every_address(web):
    answers = [ask(web, address="new@example.org")]
    subscribe(web, address="live@example.org")
    answers += [ask(web, address="live@example.org"), ask(web, address="live@example.org")]
    suppress(web, "complaint", "left@example.org")
    answers.append(ask(web, address="left@example.org"))
    assert {(a.status_code, a.text, frozenset(a.headers.items())) for a in answers} == {
        (200, answers[0].text, frozenset(answers[0].headers.items()))
    }


def test_a_mailbox_gets_few_confirmations_however_often_it_is_asked_for(web_on_both):
    web = web_on_both
    for minutes in (0, 1, 11, 11, 11, 60 * 24, 60 * 24, 60 * 24, 60 * 24):
        web.clock.move(minutes=minutes)
        ask(web)
    assert len(planned(web)) == 5
    asked = [row.created_at for row in planned(web)]
    assert min(b - a for a, b in pairwise(asked)) >= timedelta(minutes=10)


def test_networks_and_the_whole_installation_are_limited(make_web):
    web = make_web(web={"confirmations_per_hour": 3})
    codes = [ask(web, address=f"a{n}@example.org").status_code for n in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    web.clock.move(hours=1)
    assert ask(web, address="late@example.org").status_code == 200


def test_a_robot_that_fills_the_trap_is_answered_and_ignored(web):
    before = snapshot(web.app)
    assert "Look into your mailbox" in ask(web, fax="555").text
    assert snapshot(web.app) == before


@pytest.mark.parametrize("begun", ["", "forged", None])
def test_a_form_that_was_never_shown_or_posted_in_no_time_asks_again(web, begun):
    fields = form(web)
    if begun is None:
        web.clock.move(seconds=-29.9)
    else:
        fields["begun"] = begun
    answer = web.post("/subscribe", fields)
    assert (answer.status_code, "once more" in answer.text) == (422, True)
    assert (planned(web), 'value="grace@example.org"' in answer.text) == ([], True)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"address": "nobody"}, "expected an address"), ({"address": "a b@example.org"}, "space"),
     ({"time_zone": "Mars/Base"}, "time zone"), ({"orcid": "0000-0000-0000-0000"}, "ORCID"),
     ({"weekdays_shown": "1"}, "weekday"), ({"max_papers": "900"}, "number of papers")],
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_nothing_is_mailed(web, wrong, words):
    answer = ask(web, **wrong)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert "protein folding" in answer.text
    assert planned(web) == []


def test_a_link_acts_once_and_opens_nothing_after_leaving(web):
    subscribe(web)
    path = path_of(values(web)["confirm_url"])
    assert web.post(path).status_code == 200  # a second press of the same button
    assert len(subscriptions(web)) == 1
    with web.app.writing() as connection:
        profiles.set_subscription(
            connection, [subscriptions(web)[0].row_id], next_slot_at=None,
            status=SubscriberStatus.UNSUBSCRIBED,
        )  # fmt: skip
    assert web.post(path).status_code == web.get(path).status_code == 410
    assert subscriptions(web)[0].status is SubscriberStatus.UNSUBSCRIBED


def test_a_link_is_too_old_after_two_days(web):
    ask(web)
    web.clock.move(hours=48)
    assert web.post(path_of(values(web)["confirm_url"])).status_code == 410
    assert person(web).status is SubscriberStatus.UNCONFIRMED


def test_who_left_comes_back_by_confirming(web_on_both):
    web = web_on_both
    subscribe(web)
    with web.app.writing() as connection:
        subscribers.set_status(
            connection, person(web).row_id, SubscriberStatus.UNSUBSCRIBED, now=NOON
        )
        profiles.set_subscription(
            connection, [s.row_id for s in subscriptions(web)], next_slot_at=None,
            status=SubscriberStatus.UNSUBSCRIBED,
        )  # fmt: skip
    suppress(web, "unsubscribed")
    web.clock.move(minutes=11)
    subscribe(web)
    mark = address_hmac(web.app.secret_keys, ADDRESS)
    with web.app.reading() as connection:
        assert suppressions.lookup(connection, [mark]) == {}
        kinds = [e.kind for e in subscribers.consents_of(connection, person(web).row_id)]
    assert (kinds[-1], person(web).status) == ("resubscribed", SubscriberStatus.CONFIRMED)
    assert plan_due(web.app).mailed == 1


@pytest.mark.parametrize("reason", ["complaint", "manual", "bomb"])
def test_strong_suppressions_are_not_lifted_by_a_page(web, reason):
    ask(web)
    suppress(web, reason)
    assert web.post(path_of(values(web)["confirm_url"])).status_code == 410
    assert person(web).status is SubscriberStatus.UNCONFIRMED


def test_asking_again_replaces_the_digest_there_is_and_keeps_its_links(web):
    subscribe(web)
    (first,) = subscriptions(web)
    web.clock.move(minutes=11)
    ask(web, **{"terms-0": "robots"})
    assert subscriptions(web)[0].profile == first.profile  # until it is confirmed
    path = path_of(values(web)["confirm_url"])
    assert "takes the place" in web.get(path).text
    web.post(path)
    (second,) = subscriptions(web)
    assert second.row_id == first.row_id
    assert second.profile.interests[0].terms[0].text == "robots"


def test_not_me_ends_it_and_the_mailbox_is_left_alone(web_on_both):
    web = web_on_both
    ask(web)
    path = path_of(values(web)["not_me_url"])
    before = snapshot(web.app)
    assert web.get(path).text.count("<button") == 1
    assert snapshot(web.app) == before
    assert web.post(path).status_code == 200
    assert subscriptions(web) == []
    mark = address_hmac(web.app.secret_keys, ADDRESS)
    with web.app.reading() as connection:
        assert suppressions.lookup(connection, [mark])[mark].reason == "bomb"
    assert planned(web)[0].state == "cancelled"


def test_not_me_of_a_reader_drops_the_wish_and_nothing_else(web):
    subscribe(web)
    web.clock.move(minutes=11)
    ask(web, **{"terms-0": "robots"})
    web.post(path_of(values(web)["not_me_url"]))
    (subscription,) = subscriptions(web)
    assert subscription.status is SubscriberStatus.CONFIRMED
    assert subscription.profile.interests[0].terms[0].text == "protein folding"


def test_single_opt_in_is_for_addresses_never_seen(make_web):
    web = make_web(web={"double_opt_in": False})
    ask(web)
    assert subscriptions(web)[0].status is SubscriberStatus.CONFIRMED
    assert planned(web) == []
    suppress(web, "unsubscribed", "left@example.org")
    ask(web, address="left@example.org")
    assert subscriptions(web, "left@example.org")[0].status is SubscriberStatus.UNCONFIRMED
    ask(web, **{"terms-0": "robots"})
    assert len(planned(web)) == 2  # a digest that is there is not changed without a link


def test_wishes_nobody_confirms_are_forgotten_after_a_month(web_on_both):
    web = web_on_both
    ask(web, address="never@example.org")
    web.clock.move(days=31)
    ask(web, address="other@example.org")
    assert person(web, "never@example.org") is None
    with web.app.reading() as connection:
        assert len(profiles.all_profiles(connection)) == 1


@pytest.mark.parametrize(
    "tables",
    [{"web": {"subscribe": False}}, {"digest": {"base_url": ""}}, {"mail": {"sender": ""}}],
)
def test_where_subscribing_is_off_no_page_offers_it(make_web, tables):
    web = make_web(**tables)
    assert web.get("/subscribe").status_code == 404
    assert web.post("/subscribe", {"address": ADDRESS}).status_code == 404
    assert "/subscribe" not in web.get("/").text


def test_the_preview_ranks_as_editions_do_and_changes_nothing(web_on_both):
    web = web_on_both
    fields = form(web, **{"terms-0": "robots"})
    before = snapshot(web.app)
    page = web.post("/preview", fields)
    assert snapshot(web.app) == before
    shown = page.text.split('id="preview"')[1]
    assert "Robots learn to iron" in shown
    subscribe(web, **{"terms-0": "robots"})
    assert plan_due(web.app).picks == shown.count('<li class="paper">')


def test_the_next_previews_are_made_of_what_the_first_one_read(web):
    web.get("/subscribe")
    with web.app.writing() as connection:
        store_paper(connection, 50, "Robots that read mail", "cs.RO", 0, web.clock.now)
    fields = form(web, **{"terms-0": "robots"})
    assert "Robots that read mail" not in web.post("/preview", fields).text
    web.clock.move(minutes=10)
    web.post("/preview", fields)  # from what is there; what is new is read after the answer
    assert "Robots that read mail" in web.post("/preview", fields).text


def test_what_was_typed_comes_back_escaped(web):
    evil = '"><script>alert(1)</script>'
    page = web.post("/preview", form(web, **{"terms-0": evil, "address": evil})).text
    assert "<script>alert" not in page


@pytest.mark.parametrize("path", ["/", "/subscribe", "/search?q=robots", "/papers/2026-04-14"])
def test_head_answers_as_get_does_without_a_body(web, path):
    get, head = web.get(path), web.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_forwarded_addresses_are_believed_of_trusted_proxies_alone(make_web):
    options = {"client": ("10.0.0.9", 1)}
    strange = make_web(limited=True, client_options=options)
    trusted = make_web(limited=True, client_options=options, web={"trusted_proxies": ["10.0.0.9"]})
    codes = {}
    for name, web in (("strange", strange), ("trusted", trusted)):
        codes[name] = [
            web.post("/subscribe", {}, headers={"x-forwarded-for": f"203.0.{n}.7"}).status_code
            for n in range(33)
        ]
    assert codes["strange"][-1] == 429
    assert set(codes["trusted"]) == {422}


def test_the_answer_is_given_before_anything_is_looked_up(web):
    fields = urlencode(form(web)).encode()
    known_at_answer = []

    async def receive():
        return {"type": "http.request", "body": fields}

    async def send(message):
        if message["type"] == "http.response.body" and not message.get("more_body"):
            known_at_answer.append(person(web))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "https", "path": "/subscribe", "raw_path": b"/subscribe", "root_path": "",
        "query_string": b"", "client": ("127.0.0.1", 1), "server": ("digest.example.org", 443),
        "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
    }  # fmt: skip
    anyio.run(web.client.app, scope, receive, send)
    assert known_at_answer == [None]
    assert person(web).status is SubscriberStatus.UNCONFIRMED


def test_no_visitor_pauses_so_long_that_planning_ends(web_on_both):
    web = web_on_both
    ada(web)
    zone = "America/Los_Angeles"
    subscribe(web, send_time="20:00", time_zone=zone, paused_until="9999-12-31")
    (subscription,) = subscriptions(web)
    assert subscription.profile.schedule.paused_until is None
    assert plan_due(web.app).mailed == 2


def test_a_schedule_that_cannot_be_followed_is_nobody_elses(web_on_both, caplog):
    web = web_on_both
    ada(web)
    bad = ada(web, "bob", address="bob@example.org", schedule=Schedule(time_zone="Mars/Base"))
    assert plan_due(web.app).mailed == 1
    assert f"schedule failed subscription={bad.subscription_id}" in caplog.text
    assert plan_due(web.app).mailed == 0
