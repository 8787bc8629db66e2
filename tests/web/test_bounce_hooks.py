"""Refusals and complaints that mail services post: whose they are, and what follows."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.event import listen
from web_people import ada, plan_delivery, snapshot

from digest.delivery.bounces.posted import EVENT_LIMIT
from digest.model import SubscriberStatus
from digest.store import suppressions
from digest.store import tables as t
from digest.subscribers.addresses import address_hmac

SECRET = "a-webhook-secret-0123456789"
PATH = f"/hooks/bounces/{SECRET}"
HARD = {"event": "bounce", "address": "ada@example.org", "severity": "hard"}
COMPLAINT = {"event": "complaint", "address": "ada@example.org"}


@pytest.fixture
def hooked(make_web):
    """Give pages with a webhook, and a reader who got a mail that a service calls s-1."""
    web = make_web(mail={"bounces": {"webhook_secret": SECRET}})
    row_id = plan_delivery(web, ada(web))
    with web.app.writing() as connection:
        sent = {"state": "sent", "sent_at": web.app.now(), "queue_id": "s-1"}
        connection.execute(update(t.deliveries).where(t.deliveries.c.id == row_id).values(**sent))
    return web


def tell(web, *events, path=PATH):
    return web.client.post(path, content=json.dumps(list(events)))


def reasons(web):
    mark = address_hmac(web.app.secret_keys, "ada@example.org")
    with web.app.reading() as connection:
        found = suppressions.lookup(connection, [mark])
        status = connection.scalar(select(t.subscribers.c.status))
    return ([one.reason for one in found.values()], status)


def test_a_hard_bounce_suppresses_and_ends_the_subscription(hooked):
    assert tell(hooked, HARD | {"message_id": "s-1"}).json() == {"seen": 1, "unmatched": 0}
    assert reasons(hooked) == (["hard"], SubscriberStatus.UNSUBSCRIBED)


def test_a_hard_bounce_without_a_name_is_about_the_latest_mail_to_the_address(hooked):
    tell(hooked, HARD)
    assert reasons(hooked)[0] == ["hard"]


def test_a_complaint_has_to_name_its_mail(hooked):
    assert tell(hooked, COMPLAINT).json()["unmatched"] == 1
    assert reasons(hooked)[0] == []
    tell(hooked, COMPLAINT | {"message_id": "1@x"})
    assert reasons(hooked)[0] == ["complaint"]


def test_an_address_that_was_never_mailed_is_nobodys(hooked):
    before = reasons(hooked)
    found = tell(hooked, HARD | {"address": "eve@example.org"})
    assert (found.json()["unmatched"], reasons(hooked)) == (1, before)


def test_an_address_that_is_none_keeps_no_other_event_back(hooked):
    found = tell(hooked, HARD | {"address": "ada@[192.0.2.1]"}, HARD)
    assert (found.json(), reasons(hooked)[0]) == ({"seen": 2, "unmatched": 1}, ["hard"])


def test_posting_twice_changes_nothing_more(hooked):
    event = {"event": "bounce", "address": "ada@example.org", "reason": "452 4.2.2 full"}
    for _ in range(3):
        assert tell(hooked, event).status_code == 200
    with hooked.app.reading() as connection:
        assert connection.scalar(select(t.subscribers.c.soft_bounce_score)) == 1
        assert len(connection.execute(select(t.bounces.c.id)).all()) == 1


@pytest.mark.parametrize("path", ["/hooks/bounces/wrong", "/hooks/bounces/", PATH + "x"])
def test_without_the_secret_nothing_is_taken(hooked, path):
    before = snapshot(hooked.app)
    assert tell(hooked, HARD, path=path).status_code == 404
    assert snapshot(hooked.app) == before


def test_without_a_secret_in_the_configuration_there_is_no_hook(web):
    for path in (PATH, "/hooks/bounces/None", "/hooks/bounces/"):
        assert tell(web, HARD, path=path).status_code == 404


def test_looking_at_the_address_does_nothing(hooked):
    before = snapshot(hooked.app)
    assert hooked.get(PATH).status_code in {404, 405}
    assert snapshot(hooked.app) == before


def test_what_cannot_be_read_is_said_to_the_service(hooked):
    answer = hooked.client.post(PATH, content=b"{")
    assert (answer.status_code, answer.json()) == (422, {"error": "not JSON"})


def test_sns_is_confirmed_by_a_person_and_never_by_the_machine(hooked, caplog):
    caplog.set_level(logging.WARNING)
    url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": url}
    assert tell(hooked, asked).status_code == 200  # asking anybody would fail: no network here
    assert url in caplog.text
    assert SECRET not in caplog.text


def test_sns_posts_its_json_as_plain_text(hooked):
    headers = {"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "x"}
    said = "Successfully validated SNS topic for Amazon SES event publishing."
    for kind in ("SubscriptionConfirmation", "Notification", "UnsubscribeConfirmation"):
        told = json.dumps({"Type": kind, "Message": said, "SubscribeURL": "https://sns.example/"})
        assert hooked.client.post(PATH, content=told, headers=headers).status_code == 200
    assert hooked.client.post(PATH, content=said, headers=headers).status_code == 200
    assert reasons(hooked)[0] == []


def test_a_post_that_is_too_large_is_refused_with_a_sentence(hooked):
    answer = hooked.client.post(PATH, content=b" " * (2 * 2**20 + 1))
    assert answer.status_code == 413
    answer = tell(hooked, *[HARD | {"n": n} for n in range(EVENT_LIMIT + 1)])
    assert (answer.status_code, "1000" in answer.json()["error"]) == (413, True)
    assert reasons(hooked)[0] == []


def test_a_thousand_events_are_a_few_transactions(hooked):
    commits = []
    listen(hooked.app.engine, "commit", lambda _connection: commits.append(1))
    events = [HARD | {"address": f"r{n % 40}@example.org", "n": n} for n in range(998)]
    assert tell(hooked, HARD, *events, HARD | {"n": "last"}).json()["seen"] == 1000
    assert reasons(hooked)[0] == ["hard"]
    with hooked.app.reading() as connection:
        assert len(connection.execute(select(t.bounces.c.id)).all()) == 1000
    assert len(commits) < 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
SHAPES = ["event", "email", "address", "reason", "message_id", "Type", "RecordType", "Email",
          "notificationType", "bounce", "mail", "event-data", "recipient", "severity"]  # fmt: skip


@given(st.lists(st.dictionaries(st.sampled_from(SHAPES), JSON, max_size=4), max_size=3))
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_post_is_answered_by_a_sentence_of_ours(hooked, events):
    answer = tell(hooked, *[HARD | event for event in events])
    assert answer.status_code in {200, 422}
    assert "seen" in answer.json() or "error" in answer.json()
