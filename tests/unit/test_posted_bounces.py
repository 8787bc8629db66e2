"""What mail services post when a mail was refused or called spam, each in its own shape."""

from __future__ import annotations

import json

import pytest
from hostile_inputs import hostile_inputs
from hypothesis import given
from hypothesis import strategies as st

from digest.delivery.bounces.causes import kind_by_service
from digest.delivery.bounces.posted import (
    EVENT_LIMIT,
    POST_LIMIT,
    Confirmation,
    Posted,
    TooMuchError,
    read,
)

ADA = "Ada@example.org"


def ses(kind, **inner):
    """Return an event of SES as SNS wraps it."""
    told = {
        "notificationType": kind,
        "mail": {
            "source": "b+2s-k7q3m5zt2ahw4xcd@bounces.example.org",
            "messageId": "0102018f-aaaa",
            "commonHeaders": {"messageId": "<m1@example.org>"},
        },
    }
    return {"Type": "Notification", "MessageId": "x", "Message": json.dumps(told | inner)}


def ses_bounce(kind, **recipient):
    named = {"emailAddress": f"Ada <{ADA}>"} | recipient
    return ses("Bounce", bounce={"bounceType": kind, "bouncedRecipients": [named]})


def postmark(record, kind="", **more):
    return {"RecordType": record, "Type": kind, "MessageID": "6f1c", "Email": ADA} | more


def mailgun(event, **more):
    told = {"event": event, "recipient": ADA, "message": {"headers": {"message-id": "m1@e.org"}}}
    return {"signature": {"token": "t"}, "event-data": told | more}


def sendgrid(event, **more):
    return {
        "event": event,
        "email": ADA,
        "sg_message_id": "14c5.filter1",
        "sg_event_id": "e",
    } | more


def brevo(event, **more):
    return {"event": event, "email": ADA, "message-id": "<m1@example.org>"} | more


CASES = [
    (ses_bounce("Permanent", status="5.1.1", diagnosticCode="smtp; 550 5.1.1 unknown"), "hard"),
    (ses_bounce("Permanent", status="5.7.1", diagnosticCode="smtp; 550 5.7.1 spam"), "policy"),
    (ses_bounce("Permanent"), "hard"),
    (ses_bounce("Transient", status="4.4.7", diagnosticCode="smtp; 550 4.4.7 expired"), "soft"),
    (ses_bounce("Transient", status="5.2.2", diagnosticCode="smtp; 552 5.2.2 full"), "soft"),
    (ses_bounce("Undetermined"), "soft"),
    (ses("Complaint", complaint={"complainedRecipients": [{"emailAddress": ADA}]}), "complaint"),
    (postmark("Bounce", "HardBounce", Description="Unknown user."), "hard"),
    (postmark("Bounce", "HardBounce", Details="smtp;552 5.2.2 mailbox over quota"), "soft"),
    (postmark("Bounce", "SoftBounce", Details="4.2.2 mailbox is full"), "soft"),
    (postmark("Bounce", "Blocked", Details="smtp;554 5.7.1 listed"), "policy"),
    (postmark("SpamComplaint"), "complaint"),
    (mailgun("failed", severity="permanent",
             **{"delivery-status": {"code": 550, "message": "5.1.1 no such user"}}), "hard"),
    (mailgun("failed", severity="temporary",
             **{"delivery-status": {"code": 452, "enhanced-code": "4.2.2"}}), "soft"),
    (mailgun("complained"), "complaint"),
    (mailgun("unsubscribed"), "complaint"),
    (sendgrid("bounce", type="bounce", status="5.1.1", reason="550 5.1.1 unknown"), "hard"),
    (sendgrid("bounce", type="blocked", status="5.7.1", reason="550 5.7.1 blocked"), "policy"),
    (sendgrid("deferred", reason="451 later"), "delayed"),
    (sendgrid("spamreport"), "complaint"),
    (brevo("hard_bounce", reason="550 5.1.1 unknown"), "hard"),
    (brevo("soft_bounce", reason="over quota"), "soft"),
    (brevo("invalid_email"), "hard"),
    (brevo("spam"), "complaint"),
    ({"event": "bounce", "address": ADA, "severity": "hard", "message_id": "<m@x.org>"}, "hard"),
    ({"event": "bounce", "address": ADA, "reason": "550 5.1.1 no such user"}, "soft"),
    ({"event": "complaint", "address": ADA}, "complaint"),
]  # fmt: skip


@pytest.mark.parametrize(("event", "kind"), CASES)
def test_each_service_is_understood(event, kind):
    [found] = read(json.dumps(event).encode())
    assert isinstance(found, Posted)
    assert (found.bounce.kind, found.bounce.recipients) == (kind, ("ada@example.org",))
    assert "@" not in found.bounce.reason


@pytest.mark.parametrize(
    ("event", "reference"),
    [
        (ses_bounce("Permanent"), "0102018f-aaaa"),
        (ses_bounce("Permanent"), "<m1@example.org>"),
        (postmark("Bounce", "HardBounce"), "6f1c"),
        (mailgun("complained"), "m1@e.org"),
        (sendgrid("spamreport"), "14c5"),
        (brevo("spam"), "<m1@example.org>"),
    ],
)
def test_the_mail_is_named_as_the_service_names_it(event, reference):
    [found] = read(json.dumps(event).encode())
    assert reference in found.references


def test_the_envelopes_sender_is_told_where_it_is_known():
    [found] = read(json.dumps(ses_bounce("Permanent")).encode())
    assert found.sender == "b+2s-k7q3m5zt2ahw4xcd@bounces.example.org"


@pytest.mark.parametrize(
    "event",
    [
        ses("Delivery"), postmark("Delivery"), postmark("Open"), mailgun("delivered"),
        sendgrid("click"), brevo("delivered"), {"event": "bounce"}, {}, [],
        postmark("SubscriptionChange", SuppressionReason="HardBounceX"),
    ],
)  # fmt: skip
def test_other_events_are_passed_over(event):
    assert read(json.dumps(event).encode()) == ()


def test_many_events_come_in_one_post_each_with_its_key():
    events = [sendgrid("spamreport", email=f"r{n}@example.org") for n in range(5)]
    found = read(json.dumps(events).encode())
    assert len({one.key for one in found}) == 5
    assert read(json.dumps(events[:1]).encode())[0].key == found[0].key


def test_sns_asks_to_be_confirmed():
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": "https://sns.example/confirm"}
    assert read(json.dumps(asked).encode()) == (Confirmation(url="https://sns.example/confirm"),)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'"x"', b"9" * 5000, b"[" * 100_000, b"hello", b"\xff\xfe"]
)
def test_rubbish_is_an_error(content):
    with pytest.raises(ValueError):
        read(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
)


EVENTS = [event for event, _ in CASES] + [json.loads(ses_bounce("Permanent")["Message"])]


def mutated(data, value):
    """Return a document with something else in one of its places, however deep."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 3)):
        name = data.draw(st.sampled_from(sorted(value)))
        return value | {name: mutated(data, value[name])}
    if isinstance(value, list) and value and data.draw(st.integers(0, 3)):
        return [mutated(data, value[0]), *value[1:]]
    return data.draw(JSON)


def outcome(content):
    """Return ``read`` where every event can be stored, else what is wrong."""
    try:
        for one in read(content):
            (one.url if isinstance(one, Confirmation) else one.bounce.reason).encode()
    except UnicodeEncodeError:
        raise
    except ValueError as exc:
        return str(exc)
    return "read"


@given(st.sampled_from(EVENTS), st.data())
def test_any_field_may_hold_anything(event, data):
    changed = mutated(data, event)
    if isinstance(changed, dict | list):
        assert outcome(json.dumps(changed).encode()) in {"read", "an event is not an object"}


@given(st.sampled_from(EVENTS), st.data())
def test_a_post_that_was_cut_or_overwritten_is_a_sentence_or_events(event, data):
    content = json.dumps(event).encode()
    start, length = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 40))
    changed = content[:start] + data.draw(st.binary(max_size=20)) + content[start + length :]
    assert outcome(changed) in {"read", "not JSON", "an event is not an object"}


POSTS = {one.name: one.content for one in hostile_inputs() if one.door == "webhook"}


@pytest.mark.parametrize("name", POSTS)
def test_a_hostile_post_is_read_or_refused_with_a_sentence(name):
    assert outcome(POSTS[name]) == "read" or len(outcome(POSTS[name])) < 100


VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."


@pytest.mark.parametrize(
    "content",
    [
        VALIDATED.encode(),  # with raw message delivery
        json.dumps({"Type": "Notification", "Message": VALIDATED}).encode(),
        json.dumps({"Type": "UnsubscribeConfirmation", "SubscribeURL": "https://x"}).encode(),
        b"[]",
        b"{}",
        b'[{"msys": {}}]',
        b'\xef\xbb\xbf{"event": "delivered"}',
    ],
)
def test_what_services_post_besides_events_is_taken_without_a_word(content):
    assert read(content) == ()


def test_an_odd_event_keeps_no_other_back():
    [found] = read(json.dumps([1, None, "x", {"event": []}, brevo("spam")]).encode())
    assert found.bounce.kind == "complaint"


def test_text_that_no_database_takes_is_made_harmless():
    event = brevo("hard_bounce", reason="a\0b\ud800c", **{"message-id": "<\ud800\0@x>"})
    [found] = read(json.dumps(event).encode())
    for text in (found.bounce.reason, *found.references):
        assert "\0" not in text.encode().decode()


def test_a_post_is_bounded():
    with pytest.raises(TooMuchError, match="bytes"):
        read(b" " * (POST_LIMIT + 1))
    many = [{"event": "bounce", "email": "a@b.c", "n": n} for n in range(EVENT_LIMIT + 1)]
    with pytest.raises(TooMuchError, match="refusals"):
        read(json.dumps(many).encode())


@pytest.mark.parametrize(
    ("word", "status", "text", "kind"),
    [
        ("hard", "", "", "hard"),
        ("hard", "5.0.0", "", "hard"),
        ("hard", "", "mailbox full", "soft"),
        ("hard", "", "listed as spam", "policy"),
        ("soft", "5.1.1", "550 5.1.1 user unknown", "soft"),
        ("soft", "", "", "soft"),
    ],
)
def test_a_services_word_yields_to_codes_and_is_never_made_worse(word, status, text, kind):
    assert kind_by_service(word, status, text) == kind


def test_a_refusal_among_thousands_of_deliveries_is_found():
    told = [sendgrid("delivered", n=n) for n in range(3000)]
    (event,) = read(json.dumps([*told, sendgrid("bounce", type="bounce")]).encode())
    assert event.bounce.recipients == (ADA.lower(),)


def test_a_message_of_sns_with_all_headers_of_the_mail_is_read_whole():
    headers = [{"name": f"X-{n}", "value": "v" * 300} for n in range(40)]
    told = json.loads(ses_bounce("Permanent")["Message"])
    told["mail"]["headers"] = headers
    (event,) = read(json.dumps({"Type": "Notification", "Message": json.dumps(told)}).encode())
    assert event.bounce.recipients == (ADA.lower(),)
