"""Make `Posted` events of what a mail service posts: refusals and complaints told by webhook. Pure.

Read are the shapes of Amazon SES (through SNS), Postmark, Mailgun, SendGrid and Brevo, as their
webhook references give them, and a plain one of our own. Deliveries, openings and clicks are
passed over. Who may post, and what follows, is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from digest.delivery.bounces import Bounce, BounceKind
from digest.delivery.bounces.causes import ENHANCED, kind_by_service
from digest.delivery.bounces.reading import reason_of

POST_LIMIT = 2 * 2**20
"""Bytes of one post. SendGrid posts up to 768 kB at once, deliveries among refusals."""
EVENT_LIMIT = 1_000
"""Refusals and complaints taken from one post: some seconds of work."""

Event = Mapping[str, Any]

_VALIDATED = b"successfully validated sns topic"

_HARD = {"permanent", "hardbounce", "hard_bounce", "hard", "bademailaddress", "invalid_email"}
_COMPLAINTS = {
    "complaint", "complained", "spamcomplaint", "spamreport", "spam", "spamnotification",
    "unsubscribe", "unsubscribed", "group_unsubscribe", "manualsuppression",
}  # fmt: skip
_REFUSED = {
    "bounce", "bounced", "failed", "dropped", "blocked", "soft_bounce", "softbounce", "transient",
    "undetermined", "temporary", "soft", "error",
}  # fmt: skip
_WAITING = {"deferred", "delayed", "delay", "deliverydelay"}


@dataclass(frozen=True, kw_only=True)
class Posted:
    """One event, understood."""

    key: str
    """What tells it from others: a service posts again until it is answered."""
    bounce: Bounce
    references: tuple[str, ...] = ()
    """Message-IDs, and what the service calls the mail, as far as they are told."""
    sender: str = ""
    """The envelope's sender, where it is told."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """Amazon SNS asks whether its messages are wanted; its owner opens this address once."""

    url: str


class TooMuchError(ValueError):
    """A post has more bytes or events than are read at once."""


def read(content: bytes) -> tuple[Posted | Confirmation, ...]:
    """Return what a post tells, what is no refusal or complaint left out.

    Raises ValueError where it is no post of a mail service, TooMuchError where it is too large.
    """
    if len(content) > POST_LIMIT:
        raise TooMuchError(f"a post has at most {POST_LIMIT} bytes")
    found: list[Posted | Confirmation] = []
    for event in _events(_document(content)):
        if event.get("Type") == "SubscriptionConfirmation":
            found.append(Confirmation(url=_text(event, "SubscribeURL")))
        elif posted := _posted(event):
            found.append(posted)
            if len(found) > EVENT_LIMIT:
                raise TooMuchError(f"a post tells at most {EVENT_LIMIT} refusals and complaints")
    return tuple(found)


def _document(content: bytes) -> object:
    try:
        return json.loads(content.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as exc:
        # SNS without its wrapping ("raw message delivery") says so when SES is set up.
        if content.lstrip()[: len(_VALIDATED)].lower() == _VALIDATED:
            return []
        raise ValueError("not JSON") from exc


def _events(document: object) -> Iterator[Event]:
    listed = document if isinstance(document, list) else [document]
    events = [entry for entry in listed if isinstance(entry, dict)]
    if listed and not events:
        raise ValueError("an event is not an object")
    for event in events:
        if event.get("Type") == "Notification":  # SNS: the event is text within
            inner = _loaded(event.get("Message"))
        else:
            inner = event.get("event-data", event)  # Mailgun
        if isinstance(inner, dict):
            yield inner


def _loaded(text: object) -> object:
    """Return the event within a message of SNS; None where it is words for a person.

    SES validates a topic with a sentence. Whole, however long: it puts all header fields of the
    mail into an event.
    """
    try:
        return json.loads(text if isinstance(text, str) else "")
    except (ValueError, RecursionError):
        return None


def _posted(event: Event) -> Posted | None:
    """Return what an event tells; None where it is neither refusal nor complaint."""
    word = _word(event)
    kind = (
        BounceKind.COMPLAINT if word in _COMPLAINTS
        else BounceKind.DELAYED if word in _WAITING
        else BounceKind.HARD if word in _HARD
        else BounceKind.SOFT if word in _REFUSED
        else None
    )  # fmt: skip
    address = _address(event)
    if kind is None or not address:
        return None
    text = _reason(event)
    told = _text(event, "status") or _deep(event, "delivery-status", "enhanced-code")
    told = told or _first(event, "bounce", "bouncedRecipients", "status")
    status = match[1] if (match := ENHANCED.search(told) or ENHANCED.search(text)) else ""
    if kind not in (BounceKind.COMPLAINT, BounceKind.DELAYED):
        kind = kind_by_service(kind, status, text)
    return Posted(
        key=f"posted:{_digest(event)}",
        bounce=Bounce(
            kind=kind, status=status, reason=reason_of(text or word), recipients=(address,)
        ),
        references=tuple(dict.fromkeys(filter(None, _references(event)))),
        sender=_deep(event, "mail", "source") or _deep(event, "envelope", "sender"),
    )


def _word(event: Event) -> str:
    """Return the event's own name for what happened, the most telling one it has."""
    kind = _text(event, "notificationType") or _text(event, "eventType")
    if kind:  # SES
        return (_deep(event, "bounce", "bounceType") or kind).lower()
    record = _text(event, "RecordType")
    if record == "SubscriptionChange":
        return _text(event, "SuppressionReason").lower()
    if record:  # Postmark
        return (_text(event, "Type") if record == "Bounce" else record).lower()
    name = _text(event, "event").lower()
    if name == "failed":  # Mailgun
        return _text(event, "severity").lower() or name
    if name == "bounce":  # SendGrid tells a block from a bounce; our own shape has the severity
        said = (_text(event, "type") or _text(event, "severity")).lower()
        return {"bounce": "hard", "": "bounce"}.get(said, said)
    return name


def _address(event: Event) -> str:
    found = (
        _text(event, "Email") or _text(event, "Recipient") or _text(event, "recipient")
        or _text(event, "email") or _text(event, "address")
        or _first(event, "bounce", "bouncedRecipients", "emailAddress")
        or _first(event, "complaint", "complainedRecipients", "emailAddress")
        or _first(event, "deliveryDelay", "delayedRecipients", "emailAddress")
    )  # fmt: skip
    # From the beginning of a word on: else each of its letters is tried.
    match = re.search(r"(?<![^\s<>@])[^\s<>@]+@[^\s<>@]+", found)
    return match[0].lower() if match else ""


def _digest(event: Event) -> str:
    """Return what tells an event from others, whatever the order of its fields."""
    try:
        whole = json.dumps(event, sort_keys=True)
    except RecursionError:  # nested as deeply as can just be read
        whole = "".join(f"{name}={_text(event, name)};" for name in sorted(event))
    return hashlib.sha256(whole.encode()).hexdigest()[:40]


def _reason(event: Event) -> str:
    parts = (
        _first(event, "bounce", "bouncedRecipients", "diagnosticCode"),
        _text(event, "Details"),
        _text(event, "Description"),
        _deep(event, "delivery-status", "message"),
        _deep(event, "delivery-status", "description"),
        _text(event, "reason"),
    )
    return next((part for part in parts if part), "")


def _references(event: Event) -> Iterator[str]:
    headers = _inner(_inner(event, "message"), "headers")
    yield _text(event, "message_id") or _text(event, "message-id")
    yield _text(event, "smtp-id")
    yield _text(event, "sg_message_id").partition(".")[0]
    yield _text(event, "MessageID")
    yield _text(headers, "message-id")
    yield _deep(event, "mail", "messageId")
    yield _text(_inner(_inner(event, "mail"), "commonHeaders"), "messageId")


def _text(event: Event, name: str) -> str:
    """Return a field as text that any database takes; empty where it is none."""
    found = event.get(name, "")
    if isinstance(found, str):
        whole = found[:4_000].replace("\0", "")
        return whole.encode("utf-8", "replace").decode()
    return str(found) if isinstance(found, int) and abs(found) < 10**18 else ""


def _inner(event: Event, name: str) -> Event:
    found = event.get(name)
    return found if isinstance(found, dict) else {}


def _deep(event: Event, name: str, inner: str) -> str:
    return _text(_inner(event, name), inner)


def _first(event: Event, name: str, listed: str, inner: str) -> str:
    found = _inner(event, name).get(listed)
    first = found[0] if isinstance(found, list) and found else {}
    return _text(first, inner) if isinstance(first, dict) else ""
