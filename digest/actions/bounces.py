"""Take in what came back: suppress who is gone or complains, count refusals that may pass.

A mail belongs to a delivery by the signed envelope sender that it came back to, else by the
Message-ID that it quotes. What nobody is known by stays in the mailbox, flagged. A second pass
over the same mail changes nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from sqlalchemy import Connection

from digest.actions import alerting, unsubscribing
from digest.app import App
from digest.config import reveal
from digest.delivery.bounces import REFUSALS, Bounce, BounceKind, Mailbox, Mark, Returned
from digest.delivery.bounces.imap import ImapMailbox
from digest.delivery.bounces.maildir import MaildirMailbox
from digest.delivery.bounces.reading import read
from digest.delivery.policy import Cause
from digest.errors import DeliveryError, TokenError, UsageError
from digest.imap import ImapPlace
from digest.store import bounces, suppressions
from digest.store.bounces import DOOR, BounceRow, Refused
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import domain_of
from digest.subscribers.bounce_score import THRESHOLD, scored
from digest.subscribers.tokens import Signer, TokenPurpose

BATCH = 50
"""Mails taken in with one transaction."""

DOOR_DAYS = timedelta(days=30)
DOOR_LIMIT = 5_000
_DOOR_KINDS = {
    Cause.UNKNOWN_RECIPIENT.value: BounceKind.HARD,
    Cause.SYNTAX.value: BounceKind.HARD,
    Cause.FULL.value: BounceKind.SOFT,
    Cause.INACTIVE.value: BounceKind.SOFT,
}
_REPORTED = REFUSALS | {BounceKind.DELAYED, BounceKind.COMPLAINT}


@dataclass(frozen=True, kw_only=True)
class BounceReport:
    """What one pass took in."""

    seen: int = 0
    """Mails that were read from the mailbox."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """How many of each kind, those refused on the wire among them."""
    suppressed: int = 0
    scored: int = 0
    left: int = 0
    """Readers who asked by mail to be left alone."""
    unmatched: int = 0
    """Refusals and complaints about nothing that is known here: flagged in the mailbox."""


def is_configured(app: App) -> bool:
    """Tell whether there is a mailbox to look into."""
    wanted = app.config.settings.mail.bounces
    return bool(wanted.maildir or wanted.imap_host)


def take_in(
    app: App, *, limit: int = 2_000, on_progress: Callable[[int], None] | None = None
) -> BounceReport:
    """Read the mailbox (at most ``limit`` mails) and settle what it says.

    Refusals that relays gave on the wire are counted too. Raises UsageError where no mailbox is
    configured, DeliveryError where it cannot be read; what was taken in until then is kept.
    """
    mailbox = opened(app)
    tally = _Tally(app)
    tally.refused_on_the_wire()
    try:
        with app.reading() as connection:
            cursor = bounces.cursor(connection, mailbox.name)
        for batch in _batches(mailbox.unread(cursor, limit)):
            marks = tally.take([returned for returned, _ in batch])
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
    tally = _Tally(app)
    tally.settle_new(found)
    return tally.report()


def count_wire_refusals(app: App) -> BounceReport:
    """Settle only what relays refused on the wire; needs no mailbox."""
    tally = _Tally(app)
    tally.refused_on_the_wire()
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
) -> Iterator[tuple[tuple[Returned, str], ...]]:
    while batch := tuple(islice(mails, BATCH)):
        yield batch


@dataclass(frozen=True, kw_only=True)
class Known:
    """One mail or event, understood, and the delivery it is about."""

    key: str
    bounce: Bounce
    refused: Refused | None


class _Tally:
    """One pass: settles mails and counts what it did."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._seen = 0
        self._kinds: Counter[str] = Counter()
        self._effects: Counter[str] = Counter()

    def report(self) -> BounceReport:
        return BounceReport(
            seen=self._seen,
            kinds=dict(self._kinds),
            suppressed=self._effects["suppressed"],
            scored=self._effects["scored"],
            left=self._effects["left"],
            unmatched=self._effects["unmatched"],
        )

    def take(self, batch: Sequence[Returned]) -> dict[str, Mark]:
        """Settle mails; return how each is to be marked in the mailbox."""
        self._seen += len(batch)
        understood = [(returned, read(returned.content)) for returned in batch]
        with self._app.reading() as connection:
            old = bounces.known(connection, [returned.key for returned in batch])
            found = [
                Known(
                    key=returned.key,
                    bounce=bounce,
                    refused=_delivery_of(self._app, connection, returned, bounce),
                )
                for returned, bounce in understood
            ]
        self._settle([one for one in found if one.key not in old])
        return {one.key: _mark(one) for one in found}

    def settle_new(self, found: Sequence[Known]) -> None:
        """Settle those that were not taken in before."""
        self._seen += len(found)
        with self._app.reading() as connection:
            old = bounces.known(connection, [one.key for one in found])
        self._settle([one for one in found if one.key not in old])

    def refused_on_the_wire(self) -> None:
        """Count what relays refused when it was sent, as if it had come back."""
        since = self._app.now() - DOOR_DAYS
        with self._app.reading() as connection:
            found = bounces.at_the_door(connection, _DOOR_KINDS, since, limit=DOOR_LIMIT)
        self._settle(
            [
                Known(
                    key=f"{DOOR}{refused.row_id}",
                    bounce=Bounce(kind=_DOOR_KINDS[refused.cause], status=refused.status),
                    refused=refused,
                )
                for refused in found
            ]
        )

    def _settle(self, found: Sequence[Known]) -> None:
        for one in found:
            effect = self._effect(one)
            if one.bounce.kind is BounceKind.OTHER:
                continue
            self._kinds[one.bounce.kind.value] += 1
            self._effects[effect] += 1

    def _effect(self, one: Known) -> str:
        """Do what a mail asks for, once; return the word for it."""
        bounce, refused = one.bounce, one.refused
        if bounce.kind is BounceKind.OTHER:
            return "none"
        if bounce.kind is BounceKind.UNSUBSCRIBE:
            effect = "left" if _left_by_token(self._app, bounce.token) else "unmatched"
            self._keep(one, effect)
            return effect
        if refused is None:
            effect = "unmatched" if bounce.kind in _REPORTED else "none"
            self._keep(one, effect)
            return effect
        kind = _kind_for(bounce, refused)
        if kind is BounceKind.COMPLAINT:
            return self._suppress(one, "complaint", via="complaint", detail=bounce.reason)
        if kind is BounceKind.HARD:
            return self._suppress(one, "hard", via="bounce", detail=bounce.status)
        if kind is BounceKind.SOFT:
            return self._score(one)
        self._keep(one, "none")
        return "none"

    def _suppress(self, one: Known, reason: str, *, via: str, detail: str) -> str:
        refused = one.refused
        assert refused is not None
        # Leaving may be done twice, so it comes first: killed here, the next pass does it again.
        if refused.subscriber_id is not None:
            unsubscribing.leave(self._app, refused.subscriber_id, via=via)
        with self._app.writing() as connection:
            if refused.address_hmac:
                suppressions.add(connection, [self._suppression(refused, reason, detail)])
            self._add(connection, one, "suppressed")
        return "suppressed"

    def _suppression(self, refused: Refused, reason: str, detail: str) -> Suppression:
        return Suppression(
            address_hmac=refused.address_hmac, reason=reason, at=self._app.now(), detail=detail
        )

    def _score(self, one: Known) -> str:
        refused, now = one.refused, self._app.now()
        assert refused is not None
        with self._app.writing() as connection:
            is_new = self._add(connection, one, "scored")
            if not is_new or refused.subscriber_id is None:
                return "none"
            score, last_at = bounces.score_of(connection, refused.subscriber_id)
            score = scored(
                score,
                last_at,
                now,
                status=one.bounce.status,
                received_since=bounces.received_since_refusal(connection, refused),
            )
            is_over = score >= THRESHOLD
            # Who comes back by a new opt-in begins without a score.
            bounces.set_score(connection, refused.subscriber_id, 0 if is_over else score, now)
            if is_over and refused.address_hmac:
                detail = f"score {score} of soft bounces"
                suppressions.add(connection, [self._suppression(refused, "hard", detail)])
        if is_over:
            unsubscribing.leave(self._app, refused.subscriber_id, via="bounce")
        return "suppressed" if is_over else "scored"

    def _keep(self, one: Known, effect: str) -> None:
        with self._app.writing() as connection:
            self._add(connection, one, effect)

    def _add(self, connection: Connection, one: Known, effect: str) -> bool:
        refused = one.refused
        row = BounceRow(
            received_at=self._app.now(),
            kind=one.bounce.kind.value,
            mailbox_key=one.key,
            delivery_id=refused.row_id if refused else None,
            subscriber_id=refused.subscriber_id if refused else None,
            status=one.bounce.status,
            reason=one.bounce.reason or (refused.reply[:300] if refused else ""),
            effect=effect,
        )
        return bool(bounces.add(connection, [row]))


def _kind_for(bounce: Bounce, refused: Refused) -> BounceKind:
    """Return what follows for the reader: another's address that is gone may only count.

    A reader's own forwarding may have failed behind a mailbox that got the mail all the same.
    """
    named = bounce.recipients
    if bounce.kind is BounceKind.HARD and named and refused.address.lower() not in named:
        return BounceKind.SOFT
    return bounce.kind


def _mark(one: Known) -> Mark:
    kind = one.bounce.kind
    if one.refused is not None or kind is BounceKind.UNSUBSCRIBE:
        return Mark.SEEN
    return Mark.FLAGGED if kind in _REPORTED else Mark.LEFT


def _delivery_of(
    app: App, connection: Connection, returned: Returned, bounce: Bounce
) -> Refused | None:
    if bounce.kind in {BounceKind.OTHER, BounceKind.UNSUBSCRIBE}:
        return None
    text = returned.content.decode("latin-1")
    if app.return_paths is not None:
        found = bounces.by_id(connection, app.return_paths.read(text))
        if found:
            return next(iter(found.values()))
    if bounce.kind not in _REPORTED:
        return None
    quoted = bounces.by_message_id(connection, list(_message_ids(app, text)))
    # A Message-ID travels with every forwarded copy: the report has to name the same address.
    return next(
        (
            refused
            for refused in quoted
            if bounce.kind is BounceKind.COMPLAINT or refused.address.lower() in bounce.recipients
        ),
        None,
    )


def _message_ids(app: App, text: str) -> Iterator[str]:
    domain = domain_of(app.config.settings.mail.sender) or "localhost"
    for found in list(re.finditer(rf"<[^\s<>@]{{8,200}}@{re.escape(domain)}>", text))[:20]:
        yield found[0]


def _left_by_token(app: App, token: str) -> bool:
    try:
        claims = Signer(app.secret_keys).read(token, TokenPurpose.UNSUBSCRIBE)
    except TokenError:
        return False
    unsubscribing.leave(app, claims.subscriber_id, claims.subscription_id, via="mail")
    return True
