"""Tell the owner what is wrong: one mail when it goes wrong, one when it is right again.

What is wrong is kept in the store (``store.alerts``), by whoever watches it; here a pass over
all stages is watched, and what nobody was told of yet becomes a mail in the outbox.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.app import App
from digest.errors import AddressError, StoreError
from digest.model import DeliveryState, Purpose
from digest.pipeline.sending import SendReport
from digest.store import alerts, bounces, deliveries, outbox
from digest.store.alerts import Alert
from digest.store.outbox import Planned
from digest.subscribers.addresses import address_hmac, domain_of, normalise

log = logging.getLogger(__name__)

RUN, SENDING, PROFILES, UNCERTAIN = "run", "sending", "profiles", "uncertain"
WORKERS = "workers"
RETURNED = "bounces"
_NAMES = {
    RUN: "The run",
    SENDING: "Sending mail",
    PROFILES: "Profile files",
    UNCERTAIN: "Mails of uncertain fate",
    WORKERS: "Workers",
    RETURNED: "What comes back",
}
_OF_SOURCES = {"source": "Source", "incomplete": "Incomplete source", "silent": "Silent source"}
"""What is told of one source each; the subject is such a kind, a colon and the source's name."""
_LONGEST = 500
FAILED_MIN, FAILED_SHARE = 10, 0.2
"""More refusals than this in one run: something is wrong with us, not with a mailbox."""


RETURN_WINDOW = timedelta(days=1)
COMPLAINTS_MIN, COMPLAINTS_SHARE = 3, 0.003
"""Gmail and Yahoo ask senders to stay below 0.3 percent, always."""
REFUSED_SHARE = 0.05


def watch(app: App, *, profile_problems: Sequence[str], sent: SendReport) -> None:
    """Keep what a finished pass says of the profile files, the relays and the outbox."""
    watch_profiles(app, profile_problems)
    watch_sending(app, sent)
    watch_outbox(app)


def watch_profiles(app: App, problems: Sequence[str]) -> None:
    """Keep what is wrong with profile files, or that nothing is."""
    with app.writing() as connection:
        _set(connection, PROFILES, "; ".join(problems), app.now())


def watch_sending(app: App, sent: SendReport) -> None:
    """Keep what one run of sending says of the relays."""
    trouble = _trouble(sent)
    # With nothing to send, silence says nothing of the relay.
    if trouble or sent.counts.get(DeliveryState.SENT) or not sent.waiting:
        with app.writing() as connection:
            _set(connection, SENDING, trouble, app.now())


def watch_outbox(app: App) -> None:
    """Keep whether mails wait for a person; that a pass came so far is good news of the run."""
    with app.writing() as connection:
        now = app.now()
        unsure = deliveries.count_by_state(connection)[DeliveryState.UNCERTAIN]
        said = f"{unsure} may or may not have arrived: look into `digest verify`" if unsure else ""
        _set(connection, UNCERTAIN, said, now)
        alerts.right(connection, RUN, now=now)


def watch_workers(app: App, failing: int) -> None:
    """Keep how many jobs fail again and again, or that none does."""
    said = f"{failing} jobs fail: `digest workers` names them and how to free them"
    with app.writing() as connection:
        _set(connection, WORKERS, said if failing else "", app.now())


def watch_returned(app: App, error: str = "") -> None:
    """Keep why the mailbox of bounces cannot be read, or that too much comes back."""
    with app.writing() as connection:
        now = app.now()
        since = now - RETURN_WINDOW
        sent = deliveries.count_sent(connection, since)
        counts = bounces.count_by_kind(connection, since)
        _set(connection, RETURNED, error or _too_much_back(counts, sent), now)


def _too_much_back(counts: Mapping[str, int], sent: int) -> str:
    complaints = counts.get("complaint", 0)
    refused = counts.get("hard", 0) + counts.get("policy", 0)
    if complaints >= COMPLAINTS_MIN and complaints > COMPLAINTS_SHARE * sent:
        return (
            f"{complaints} complaints about {sent} mails in a day: providers stop taking our mail "
            f"at {COMPLAINTS_SHARE:.1%}; do all of these people want it?"
        )
    if refused >= FAILED_MIN and refused > REFUSED_SHARE * sent:
        return f"{refused} refusals of {sent} mails in a day: `digest bounces --latest 50`"
    return ""


def is_all_well(app: App) -> bool:
    """Tell whether nothing is known to be wrong; a silent source may have nothing to say."""
    with app.reading() as connection:
        return all(a.subject.startswith("silent:") for a in alerts.open_alerts(connection))


def failed(app: App, error: BaseException) -> None:
    """Keep that a pass ended in an error; a store that cannot be written is left alone."""
    said = str(error).partition("\n")[0] or "no reason was given"
    with contextlib.suppress(StoreError), app.writing() as connection:
        _set(connection, RUN, f"{type(error).__name__}: {said}", app.now())


def tell(app: App) -> int:
    """Plan one mail of all that the owner was not told; return how many were planned.

    Nothing where ``digest.owner`` or ``mail.sender`` is not set.
    """
    settings = app.config.settings
    _forget_removed(app)
    if not settings.digest.owner or not settings.mail.sender:
        return 0
    try:
        owner = normalise(settings.digest.owner)
    except AddressError as exc:
        log.error("owner cannot be told error=%s", exc)
        return 0
    with app.writing() as connection:
        found = alerts.untold(connection)
        if not found:
            return 0
        alerts.tell(connection, found, now=app.now())
        return outbox.plan(connection, [_mail(app, owner, found)], app.now())


def _forget_removed(app: App) -> None:
    """Forget what was wrong with sources that the owner has taken out or switched off."""
    polled = {name for name, one in app.config.settings.sources.items() if one.enabled}
    with app.reading() as connection:
        found = [alert.subject.partition(":") for alert in alerts.open_alerts(connection)]
    gone = [f"{kind}:{name}" for kind, _, name in found if name not in polled]
    gone = [subject for subject in gone if subject.partition(":")[0] in _OF_SOURCES]
    if gone:
        with app.writing() as connection:
            alerts.forget(connection, gone)


def _mail(app: App, owner: str, found: Sequence[Alert]) -> Planned:
    named = "|".join(f"{a.subject} {a.since} {a.right_at}" for a in found)
    identity = hashlib.blake2b(named.encode(), digest_size=16).hexdigest()
    base_url = app.config.settings.digest.base_url
    has_pages = base_url and app.config.settings.web.owner_token is not None
    return Planned(
        purpose=Purpose.NOTICE,
        address=owner,
        address_hmac=address_hmac(app.secret_keys, owner),
        message_id=f"<{identity}.alert@{domain_of(app.config.settings.mail.sender)}>",
        content={
            "notice": "alert",
            "values": {
                "wrong": [[name_of(a.subject), a.detail] for a in found if a.right_at is None],
                "right": [[name_of(a.subject), _was(a)] for a in found if a.right_at],
                "advice": f"More: {base_url}/owner" if has_pages else "",
            },
        },
    )


def name_of(subject: str) -> str:
    """Return what a subject is called in a mail or on a page."""
    kind, colon, name = subject.partition(":")
    return f"{_OF_SOURCES.get(kind, kind)} {name}" if colon else _NAMES.get(subject, subject)


def _was(alert: Alert) -> str:
    assert alert.right_at is not None
    return f"From {alert.since:%F %H:%M} to {alert.right_at:%F %H:%M} UTC: {alert.detail}"


def _set(connection: Connection, subject: str, trouble: str, now: datetime) -> None:
    if trouble:
        alerts.wrong(connection, subject, trouble[:_LONGEST], now=now)
    else:
        alerts.right(connection, subject, now=now)


def _trouble(sent: SendReport) -> str:
    refused, taken = sent.counts.get(DeliveryState.FAILED, 0), sent.counts.get("sent", 0)
    many = refused >= FAILED_MIN and refused > FAILED_SHARE * (refused + taken)
    counted = [f"{refused} of {refused + taken} mails were refused"] if many else []
    return "; ".join((*sent.problems, *counted))
