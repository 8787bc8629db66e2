"""Addresses of private feeds have no end, so they come by mail and can be renewed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from builders import NOON
from web_mail import path_of, planned, values
from web_people import ada

from digest.actions import unsubscribing
from digest.errors import TokenError
from digest.model import SubscriberStatus
from digest.pipeline.planning import plan_due
from digest.store import profiles, subscribers
from digest.subscribers.tokens import Signer, TokenPurpose


@pytest.fixture
def web(web_on_both):
    return web_on_both


def settings_of(web, person, *, expires=timedelta(days=7)):
    token = Signer(web.app.secret_keys).make(
        TokenPurpose.PREFERENCES, person.subscriber_id, subscription_id=person.subscription_id,
        issued_at=NOON, expires_at=NOON + expires,
    )  # fmt: skip
    return f"/preferences/{token}"


def mailed_feed(web, person, **fields):
    assert web.post(settings_of(web, person) + "/feed", fields).status_code == 200
    return path_of(values(web)["feed_url"])


def test_the_address_comes_by_mail_and_opens_the_feed(web):
    person = ada(web)
    plan_due(web.app)
    feed = mailed_feed(web, person)
    assert planned(web)[-1].address == "ada@example.org"
    assert "<feed" in web.get(feed).text
    assert web.get(feed.replace(".atom", ".json")).json()["version"]


def test_no_page_behind_a_link_that_ends_shows_an_address_that_does_not(web):
    person = ada(web)
    signer = Signer(web.app.secret_keys)
    page = web.get(settings_of(web, person)).text
    links = re.findall(r'(?:href|action)="[^"]*/([A-Za-z0-9_-]{30,})[/."]', page)
    assert links
    later = NOON + timedelta(days=8)
    for token in links:
        for purpose in TokenPurpose:
            with pytest.raises(TokenError):
                signer.read(token, purpose, now=later)


def test_renewing_ends_earlier_addresses_and_no_others(web):
    person, other = ada(web), ada(web, "grace", address="grace@example.org")
    theirs = mailed_feed(web, other)
    first = mailed_feed(web, person)
    web.clock.move(hours=1)
    second = mailed_feed(web, person, renew="1")
    assert [web.get(path).status_code for path in (first, second, theirs)] == [404, 200, 200]


def test_leaving_ends_it_and_coming_back_does_not_revive_it(web):
    person = ada(web)
    feed = mailed_feed(web, person)
    unsubscribing.leave(web.app, person.subscriber_id, via="page")
    assert web.get(feed).status_code == 404
    with web.app.writing() as connection:
        profiles.set_subscription(
            connection, [person.subscription_id], status=SubscriberStatus.CONFIRMED,
            next_slot_at=NOON,
        )  # fmt: skip
        subscribers.set_status(
            connection, person.subscriber_id, SubscriberStatus.CONFIRMED, now=NOON
        )
    assert web.get(feed).status_code == 404


def test_a_mailbox_gets_few_of_these_mails(web):
    person = ada(web)
    for _ in range(5):
        web.post(settings_of(web, person) + "/feed")
    assert len(planned(web)) == 1


def test_an_address_made_without_a_generation_opens_nothing(web):
    person = ada(web)
    token = Signer(web.app.secret_keys).make(
        TokenPurpose.FEED, person.subscriber_id, subscription_id=person.subscription_id
    )
    assert web.get(f"/feeds/private/{token}.atom").status_code == 404
