"""Do what refusals, complaints and requests ask for, once each, and count it.

A batch is one transaction: it is noted that a mail was taken in and what follows is done, or
neither is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from digest.actions import evidence, unsubscribing
from digest.actions.evidence import REPORTED, Known
from digest.app import App
from digest.delivery.bounces import Bounce, BounceKind
from digest.errors import TokenError
from digest.store import bounces, suppressions
from digest.store.bounces import BounceRow, Refused
from digest.store.suppressions import Suppression
from digest.subscribers.bounce_score import THRESHOLD, scored
from digest.subscribers.tokens import Signer, TokenPurpose

BATCH = 200
"""Mails or events settled with one transaction."""


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
    unconfirmed: int = 0
    """Reports that anybody could have written: flagged, and counted when a second one comes."""
    unreadable: int = 0
    """Mails that could not be read: put aside, flagged in the mailbox."""


class Tally:
    """One pass: settles mails and counts what it did."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._seen = 0
        self._kinds: Counter[str] = Counter()
        self._effects: Counter[str] = Counter()

    def report(self) -> BounceReport:
        """Return what was done so far."""
        return BounceReport(
            seen=self._seen,
            kinds=dict(self._kinds),
            suppressed=self._effects["suppressed"],
            scored=self._effects["scored"],
            left=self._effects["left"],
            unmatched=self._effects["unmatched"],
            unconfirmed=self._effects["unconfirmed"],
            unreadable=self._kinds[BounceKind.UNREADABLE.value],
        )

    def settle(self, found: Sequence[Known], *, are_seen: bool = True) -> dict[str, str]:
        """Settle what was not taken in before; return what was done, by key."""
        done: dict[str, str] = {}
        for start in range(0, len(found), BATCH):
            part = found[start : start + BATCH]
            with self._app.writing() as connection:
                old = bounces.known(connection, [one.key for one in part])
                effects = {
                    one.key: self._effect(connection, one) for one in part if one.key not in old
                }
            # Counted when it is stored for good.
            self._seen += len(part) if are_seen else 0
            for one in part:
                effect = effects.pop(one.key, None)
                if effect is not None:
                    done[one.key] = effect
                    if one.bounce.kind is not BounceKind.OTHER:
                        self._kinds[one.bounce.kind.value] += 1
                        self._effects[effect] += 1
        return done

    def _effect(self, connection: Connection, one: Known) -> str:
        """Note a mail and do what it asks for; return the word for it."""
        kind, refused = one.bounce.kind, one.refused
        is_nobodys = refused is None and kind in REPORTED
        if kind is BounceKind.OTHER or not self._note(
            connection, one, "unmatched" if is_nobodys else "none"
        ):
            return "none"
        if is_nobodys:
            return "unmatched"
        if kind is BounceKind.UNSUBSCRIBE:
            effect = "left" if self._leave_by_token(connection, one.bounce.token) else "unmatched"
        elif refused is None:
            effect = "none"
        elif not evidence.is_confirmed(self._app, connection, one):
            effect = "unconfirmed"
        else:
            effect = self._follow(connection, one.bounce, refused)
        if effect != "none":
            bounces.set_effect(connection, one.key, effect)
        return effect

    def _follow(self, connection: Connection, bounce: Bounce, refused: Refused) -> str:
        kind = _kind_for(bounce, refused)
        if kind is BounceKind.COMPLAINT:
            self._suppress(connection, refused, "complaint", bounce.reason, via="complaint")
            return "suppressed"
        if kind is BounceKind.HARD:
            self._suppress(connection, refused, "hard", bounce.status, via="bounce")
            return "suppressed"
        return self._score(connection, bounce, refused) if kind is BounceKind.SOFT else "none"

    def _suppress(
        self, connection: Connection, refused: Refused, reason: str, detail: str, *, via: str
    ) -> None:
        if refused.subscriber_id is not None:
            unsubscribing.leave_within(self._app, connection, refused.subscriber_id, via=via)
        if refused.address_hmac:
            entry = Suppression(
                address_hmac=refused.address_hmac, reason=reason, at=self._app.now(), detail=detail
            )
            suppressions.add(connection, [entry])

    def _score(self, connection: Connection, bounce: Bounce, refused: Refused) -> str:
        now = self._app.now()
        if refused.subscriber_id is None or bounces.was_scored(connection, refused.row_id):
            return "none"
        score, last_at = bounces.score_of(connection, refused.subscriber_id)
        score = scored(
            score,
            last_at,
            now,
            status=bounce.status,
            received_since=bounces.received_since_refusal(connection, refused),
        )
        is_over = score >= THRESHOLD
        # Who comes back by a new opt-in begins without a score.
        bounces.set_score(connection, refused.subscriber_id, 0 if is_over else score, now)
        if not is_over:
            return "scored"
        self._suppress(connection, refused, "hard", f"score {score} of soft bounces", via="bounce")
        return "suppressed"

    def _leave_by_token(self, connection: Connection, token: str) -> bool:
        signer = Signer(self._app.secret_keys)
        try:
            claims = signer.read(token, TokenPurpose.UNSUBSCRIBE, now=self._app.now())
        except TokenError:
            return False
        unsubscribing.leave_within(
            self._app, connection, claims.subscriber_id, claims.subscription_id, via="mail"
        )
        return True

    def _note(self, connection: Connection, one: Known, effect: str) -> bool:
        """Keep that a mail was taken in; False where another pass has done so meanwhile."""
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
