from datetime import timedelta

import pytest
from builders import NOON
from sqlalchemy import select
from web_people import HEADERS, ada, plan_delivery, snapshot

from digest.model import DeliveryState, SubscriberStatus
from digest.store import marking, outbox, profiles, subscribers, suppressions
from digest.store.tables import deliveries
from digest.subscribers.addresses import address_hmac
from digest.subscribers.tokens import Signer, TokenPurpose

FORM = "application/x-www-form-urlencoded"
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--edge\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
    b"--edge--\r\n"
)


def link(web, person, *, everything=False):
    return "/u/" + Signer(web.app.secret_keys).make(
        TokenPurpose.UNSUBSCRIBE,
        person.subscriber_id,
        subscription_id=0 if everything else person.subscription_id,
    )


def one_click(web, path, content=ONE_CLICK, kind=FORM):
    return web.client.post(path, content=content, headers={"content-type": kind})


def subscription(web, person):
    with web.app.reading() as connection:
        (found,) = profiles.subscriptions_of(connection, subscription_ids=[person.subscription_id])
    return found


@pytest.mark.parametrize(
    ("content", "kind"),
    [(ONE_CLICK, FORM), (MULTIPART, "multipart/form-data; boundary=edge"), (b"", FORM),
     (b"--x", "multipart/form-data; boundary=edge")],
)  # fmt: skip
def test_one_click_unsubscribes_in_both_encodings_and_even_a_broken_one(web_on_both, content, kind):
    web = web_on_both
    person = ada(web)
    answer = one_click(web, link(web, person), content, kind)
    assert (answer.status_code, len(answer.content) < 100) == (200, True)
    found = subscription(web, person)
    assert (found.status, found.next_slot_at) == (SubscriberStatus.UNSUBSCRIBED, None)


def test_one_click_answers_without_redirect_cookie_or_cache(web):
    answer = one_click(web, link(web, ada(web)))
    assert answer.headers["cache-control"] == "no-store"
    assert not {"location", "set-cookie"} & set(answer.headers)


@pytest.mark.parametrize("headers", HEADERS)
def test_one_click_needs_nothing_of_the_sender(web, headers):
    path = link(web, ada(web))
    answer = web.client.post(path, content=ONE_CLICK, headers={"content-type": FORM} | headers)
    assert answer.status_code == 200


def test_a_second_click_is_200_and_leaves_one_consent(web_on_both):
    web = web_on_both
    person = ada(web)
    first = one_click(web, link(web, person))
    second = one_click(web, link(web, person))
    assert (first.status_code, first.content) == (second.status_code, second.content)
    with web.app.reading() as connection:
        events = subscribers.consents_of(connection, person.subscriber_id)
    assert [(e.kind, e.via) for e in events if e.kind == "unsubscribed"] == [
        ("unsubscribed", "one-click")
    ]


def test_a_click_after_erasure_is_200(web):
    path = "/u/" + Signer(web.app.secret_keys).make(TokenPurpose.UNSUBSCRIBE, 777)
    assert one_click(web, path).status_code == 200


def test_forged_tokens_and_those_of_other_purposes_get_one_constant_404(web):
    person = ada(web)
    true = link(web, person)
    other = Signer(web.app.secret_keys).make(TokenPurpose.VIEW, person.subscriber_id)
    answers = [
        one_click(web, path) for path in ("/u/x", true[:-2] + "AA", f"/u/{other}", "/u/" + "A" * 90)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert subscription(web, person).status is SubscriberStatus.CONFIRMED


def test_the_page_asks_with_one_button_and_changes_nothing(web):
    person = ada(web)
    before = snapshot(web.app)
    page = web.get(link(web, person))
    assert page.text.count("<button") == 1
    assert 'method="post"' in page.text
    assert "ada@example.org" not in page.text
    assert snapshot(web.app) == before


def test_the_button_ends_the_subscription(web_on_both):
    web = web_on_both
    person = ada(web)
    answer = web.post(link(web, person), {"from": "page"})
    assert "You are unsubscribed" in answer.text
    assert subscription(web, person).status is SubscriberStatus.UNSUBSCRIBED
    assert "Nothing is sent for this link any more" in web.get(link(web, person)).text


def test_one_subscription_ends_and_the_other_goes_on_until_all_are_left(web_on_both):
    web = web_on_both
    first, second = ada(web), ada(web, "robots")
    one_click(web, link(web, first))
    assert subscription(web, second).status is SubscriberStatus.CONFIRMED
    web.post(link(web, first), {"from": "page", "scope": "all"})
    assert subscription(web, second).status is SubscriberStatus.UNSUBSCRIBED


def test_leaving_all_suppresses_the_address(web_on_both):
    web = web_on_both
    person = ada(web)
    one_click(web, link(web, person, everything=True))
    mark = address_hmac(web.app.secret_keys, "ada@example.org")
    with web.app.reading() as connection:
        assert suppressions.lookup(connection, [mark])[mark].reason == "unsubscribed"
        person_now = subscribers.get(connection, person.subscriber_id)
    assert person_now.status is SubscriberStatus.UNSUBSCRIBED


@pytest.mark.parametrize("others", [False, True])
def test_a_claimed_delivery_stops_at_its_marker(web_on_both, others):
    web = web_on_both
    person = ada(web)
    if others:
        ada(web, "robots")  # the address itself is then not suppressed
    row_id = plan_delivery(web, person)
    with web.app.writing() as connection:
        (claimed,) = outbox.claim(
            connection, "w", now=NOON, lease_until=NOON + timedelta(minutes=5), limit=5
        )
    one_click(web, link(web, person))
    with web.app.writing() as connection:
        assert marking.mark(connection, "w", [claimed.row_id]) == set()
        state = connection.scalar(select(deliveries.c.state).where(deliveries.c.id == row_id))
    assert state == DeliveryState.CANCELLED
