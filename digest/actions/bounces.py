"""Take in what came back: suppress who is gone or complains, count refusals that may pass.

Whom a mail is about is for ``evidence``, what follows for ``settling``. Mails are read in worker
processes; what cannot be read, or is about nobody, stays in the mailbox, flagged. A second pass
over the same mail changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from digest import isolated
from digest.actions import alerting
from digest.actions.evidence import REPORTED, Known, identify
from digest.actions.settling import BounceReport, Tally
from digest.app import App
from digest.config import reveal
from digest.delivery.bounces import Bounce, BounceKind, Mailbox, Mark, Returned
from digest.delivery.bounces.imap import ImapMailbox
from digest.delivery.bounces.maildir import MaildirMailbox
from digest.delivery.bounces.reading import read, reason_of
from digest.delivery.policy import Cause
from digest.errors import DeliveryError, DigestError, UnreadableError, UsageError
from digest.imap import ImapPlace
from digest.store import bounces
from digest.store.bounces import DOOR, BounceRow

log = logging.getLogger(__name__)

BATCH = 50
"""Mails taken in before the mailbox is told."""

DOOR_DAYS = timedelta(days=30)
DOOR_LIMIT = 5_000
_DOOR_KINDS = {
    Cause.UNKNOWN_RECIPIENT.value: BounceKind.HARD,
    Cause.SYNTAX.value: BounceKind.HARD,
    Cause.FULL.value: BounceKind.SOFT,
    Cause.INACTIVE.value: BounceKind.SOFT,
}


def is_configured(app: App) -> bool:
    """Tell whether there is a mailbox to look into."""
    wanted = app.config.settings.mail.bounces
    return bool(wanted.maildir or wanted.imap_host)


def take_in(
    app: App, *, limit: int = 2_000, on_progress: Callable[[int], None] | None = None
) -> BounceReport:
    """Read the mailbox (at most ``limit`` mails) and settle what it says.

    Refusals that relays gave on the wire are counted too. A mail that cannot be read is put
    aside, flagged, and stops none behind it. Raises UsageError where no mailbox is configured,
    DeliveryError where it cannot be read; what was taken in until then is kept.
    """
    mailbox = opened(app)
    tally = Tally(app)
    try:
        _count_wire_refusals(app, tally)
        with app.reading() as connection:
            cursor = bounces.cursor(connection, mailbox.name)
        for batch in _batches(mailbox.unread(cursor, limit)):
            marks = _settled(app, tally, [returned for returned, _ in batch])
            with app.writing() as connection:
                bounces.set_cursor(connection, mailbox.name, batch[-1][1])
            for key, mark in marks.items():
                mailbox.settle(key, mark)
            if on_progress:
                on_progress(len(batch))
    finally:
        mailbox.close()
    return tally.report()


def settled(app: App, found: Sequence[Known]) -> BounceReport:
    """Settle what came back some other way; what was taken in before changes nothing."""
    tally = Tally(app)
    tally.settle(found)
    return tally.report()


def count_wire_refusals(app: App) -> BounceReport:
    """Settle only what relays refused on the wire; needs no mailbox."""
    tally = Tally(app)
    _count_wire_refusals(app, tally)
    return tally.report()


def routine(app: App) -> BounceReport:
    """Do what is done again and again: the mailbox, where there is one, and the wire's refusals.

    Raises DeliveryError where the mailbox cannot be read.
    """
    try:
        report = take_in(app) if is_configured(app) else count_wire_refusals(app)
    except DeliveryError as exc:
        alerting.watch_returned(app, str(exc))
        raise
    alerting.watch_returned(app)
    return report


def latest(app: App, *, limit: int = 50) -> list[BounceRow]:
    """Return what came back, newest first."""
    with app.reading() as connection:
        return bounces.latest(connection, limit=limit)


def needing_a_person(app: App) -> Mapping[str, int]:
    """Return how many mails of the last 30 days were put aside, and how many nothing proves."""
    since = app.now() - DOOR_DAYS
    with app.reading() as connection:
        kinds = bounces.count_by_kind(connection, since)
        effects = bounces.count_by_effect(connection, since)
    return {
        "unreadable": kinds.get(BounceKind.UNREADABLE.value, 0),
        "unconfirmed": effects.get("unconfirmed", 0),
    }


def opened(app: App) -> Mailbox:
    """Open the configured mailbox. Raises UsageError, DeliveryError."""
    wanted = app.config.settings.mail.bounces
    if wanted.maildir is not None:
        return MaildirMailbox(wanted.maildir)
    if not wanted.imap_host:
        raise UsageError("[mail.bounces] names no mailbox: set maildir or imap_host")
    return ImapMailbox(
        ImapPlace(
            host=wanted.imap_host,
            port=wanted.imap_port,
            user=wanted.imap_user,
            password=reveal(wanted.imap_password),
            folder=wanted.imap_folder,
            security=wanted.imap_security,
            ca_file=wanted.imap_ca_file,
        )
    )


def _batches(
    mails: Iterator[tuple[Returned, str]],
) -> Iterator[list[tuple[Returned, str]]]:
    """Yield mails in batches; those that were read before the mailbox failed come first."""
    batch: list[tuple[Returned, str]] = []
    try:
        for one in mails:
            batch.append(one)
            if len(batch) == BATCH:
                yield batch
                batch = []
    except DeliveryError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _settled(app: App, tally: Tally, batch: Sequence[Returned]) -> dict[str, Mark]:
    """Settle mails; return how each is to be marked in the mailbox."""
    understood = [(returned, _understood(app, returned)) for returned in batch]
    try:
        return _settled_together(app, tally, understood)
    except (DigestError, OperationalError):
        raise
    except Exception:  # noqa: BLE001 - a bug that one mail of them meets: found below
        marks: dict[str, Mark] = {}
        for one in understood:
            marks |= _settled_alone(app, tally, *one)
        return marks


def _settled_together(
    app: App, tally: Tally, understood: Sequence[tuple[Returned, Bounce]]
) -> dict[str, Mark]:
    with app.reading() as connection:
        found = [identify(app, connection, *one) for one in understood]
    effects = tally.settle(found)
    return {one.key: _mark(one, effects.get(one.key, "")) for one in found}


def _settled_alone(app: App, tally: Tally, returned: Returned, bounce: Bounce) -> dict[str, Mark]:
    """Settle one mail; where that meets a bug, put it aside."""
    try:
        return _settled_together(app, tally, [(returned, bounce)])
    except (DigestError, OperationalError):
        raise
    except Exception as exc:
        log.exception("mail put aside, a bug in settling it key=%s", returned.key)
        aside = Bounce(
            kind=BounceKind.UNREADABLE, reason=f"cannot be settled: {type(exc).__name__}"
        )
        return _settled_together(app, tally, [(returned, aside)])


def _understood(app: App, returned: Returned) -> Bounce:
    """Return what a mail says; what cannot be read is a kind of its own.

    Raises DeliveryError where no process could be had to read it, which is not the mail's fault.
    """
    if returned.problem:
        return Bounce(kind=BounceKind.UNREADABLE, reason=reason_of(returned.problem))
    server = app.config.settings.mail.bounces.trusted_server
    try:
        return isolated.call(read, returned.content, server)
    except UnreadableError as exc:
        if exc.kind == "busy":
            raise DeliveryError("mail.bounces", exc.reason) from exc
        log.warning("mail put aside key=%s: %s", returned.key, exc.reason)
        return Bounce(kind=BounceKind.UNREADABLE, reason=reason_of(exc.reason))
    except RuntimeError as exc:
        log.error("mail put aside, a bug in reading it key=%s\n%s", returned.key, exc)
        last = str(exc).strip().rpartition("\n")[2]
        return Bounce(kind=BounceKind.UNREADABLE, reason=reason_of(last))


def _count_wire_refusals(app: App, tally: Tally) -> None:
    """Count what relays refused when it was sent, as if it had come back."""
    since = app.now() - DOOR_DAYS
    with app.reading() as connection:
        found = bounces.at_the_door(connection, _DOOR_KINDS, since, limit=DOOR_LIMIT)
    refusals = [
        Known(
            key=f"{DOOR}{refused.row_id}",
            bounce=Bounce(kind=_DOOR_KINDS[refused.cause], status=refused.status),
            refused=refused,
        )
        for refused in found
    ]
    tally.settle(refusals, are_seen=False)


def _mark(one: Known, effect: str) -> Mark:
    kind = one.bounce.kind
    if kind is BounceKind.UNREADABLE or effect == "unconfirmed":
        return Mark.FLAGGED
    if one.refused is not None or kind is BounceKind.UNSUBSCRIBE:
        return Mark.SEEN
    return Mark.FLAGGED if kind in REPORTED else Mark.LEFT
