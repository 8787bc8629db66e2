"""What a reply means and when to try again: decisions on values, nothing else.

Classification is by phase, basic code and enhanced code (RFC 5321, RFC 3463, RFC 7505), because
neither digit alone tells whose fault it is: a 5xx may be policy (not the recipient's), a 4xx may
be the relay's (not the message's). No I/O, no clock: ``now`` and a seed are arguments.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest.delivery import OutcomeKind, Phase

RETRY_MINUTES = (1, 5, 15, 30, 60, 120)
"""Waits after the first, second, ... deferral; the last one repeats. RFC 5321 4.5.4.1 wants at
least 30 minutes and four to five days of trying; a digest is worthless after the next one."""
JITTER = 0.2
FULL_MAILBOX_HOURS = (1, 6, 24)
FULL_MAILBOX_TRIES = len(FULL_MAILBOX_HOURS)
_HINT = re.compile(
    r"(?:in|after|wait|for)\s+(?:about\s+)?(\d{1,5})\s*(s|sec|second|m|min|minute|h|hour)s?\b",
    re.IGNORECASE,
)
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


class Cause(StrEnum):
    """Whose business a refusal is; stored and shown, and what the sender acts on."""

    NONE = ""
    RELAY = "relay"
    """The next hop cannot be used now: nothing to do with message or recipient."""
    RATE = "rate"
    """Too fast, for the relay or the recipient's domain."""
    GREYLIST = "greylist"
    RECIPIENT_RATE = "recipient-rate"
    """This mailbox receives too quickly."""
    TRANSIENT = "transient"
    FULL = "full"
    CREDENTIALS = "credentials"
    PROTOCOL = "protocol"
    """The next hop did not understand us: our bug or configuration."""
    SYNTAX = "syntax"
    """The address cannot exist."""
    UNKNOWN_RECIPIENT = "unknown-recipient"
    INACTIVE = "inactive"
    """The mailbox exists but is disabled."""
    SIZE = "size"
    POLICY = "policy"
    """Refused for what or where it is from, never because of who it is to."""
    BLOCKED = "blocked"
    """This machine's address is refused at the door."""
    LOST = "lost"
    """The final dot was written and no reply was read."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a reply means for the delivery, the recipient, the domain and the relay."""

    kind: OutcomeKind
    cause: Cause = Cause.NONE
    suppress: str = ""
    """``hard``: never mail this address again."""
    soft_bounce: bool = False
    blames_relay: bool = False
    """Not charged to the recipient: the relay or domain has to wait."""
    pauses_domain: bool = False
    stops_relay: bool = False
    """Waiting does not help: a person has to look (credentials, our bug, blocked address)."""
    min_wait: timedelta | None = None


def _sent() -> Verdict:
    return Verdict(kind=OutcomeKind.SENT)


def _deferred(cause: Cause, wait: timedelta | None = None, *, relay: bool = False) -> Verdict:
    return Verdict(kind=OutcomeKind.DEFERRED, cause=cause, min_wait=wait, blames_relay=relay)


def _failed(
    cause: Cause, *, suppress: str = "", soft: bool = False, domain: bool = False
) -> Verdict:
    return Verdict(
        kind=OutcomeKind.FAILED,
        cause=cause,
        suppress=suppress,
        soft_bounce=soft,
        pauses_domain=domain,
    )


def _stopped(cause: Cause) -> Verdict:
    return Verdict(kind=OutcomeKind.DEFERRED, cause=cause, blames_relay=True, stops_relay=True)


LOST = Verdict(kind=OutcomeKind.UNCERTAIN, cause=Cause.LOST)
DROPPED = _deferred(Cause.RELAY, relay=True)
"""The connection went away before the dot: provably not accepted, nobody's mailbox to blame."""

_RATE = frozenset({"4.7.28", "4.3.2"})
_HARD = _failed(Cause.UNKNOWN_RECIPIENT, suppress="hard")
_AT_RECIPIENT = {
    **dict.fromkeys(("5.1.1", "5.1.2", "5.1.6", "5.1.10", "5.4.4", "5.4.310"), _HARD),
    "5.1.3": _failed(Cause.SYNTAX, suppress="hard"),
}
"""By enhanced code, where the recipient has been named (RCPT, dot)."""
_ANYWHERE = {
    **dict.fromkeys(("5.2.1", "5.7.13"), _failed(Cause.INACTIVE, soft=True)),
    "5.2.2": _failed(Cause.FULL, soft=True),  # over quota: soft, whatever its class says
    **dict.fromkeys(("5.3.4", "5.2.3"), _failed(Cause.SIZE)),
    # What is wrong is the sender's address, not the recipient's.
    **dict.fromkeys(("5.1.7", "5.1.8", "5.1.9"), _failed(Cause.POLICY, domain=True)),
}
_BUG_CODES = frozenset({500, 501, 502, 503, 504, 555})
_CREDENTIAL_CODES = frozenset({530, 534, 535, 538})
_UNKNOWN_CODES = frozenset({550, 551, 553, 556, 521})
_POLICY_WORDS = re.compile(
    r"spam|block(ed|list)|blacklist|reputation|policy|dmarc|spf\b|dkim|abuse|rate|quota exceeded"
    r"|too many|unsolicited|rejected due|access denied|not authenticated|unauthenticated",
    re.IGNORECASE,
)


def classify(phase: Phase, code: int, enhanced_code: str = "", text: str = "") -> Verdict:
    """Say what a reply read in this phase means.

    ``enhanced_code`` wins over ``code`` where present (its class agrees, see ``parse_reply``);
    ``text`` is looked at only where a bare 550 or 554 leaves open who is to blame.
    """
    if 200 <= code < 400:
        return _sent()
    if code < 500:
        return _transient(phase, code, enhanced_code, text)
    return _permanent(phase, code, enhanced_code, text)


def _transient(phase: Phase, code: int, enhanced_code: str, text: str) -> Verdict:
    if code in {421, 432} or enhanced_code in _RATE or "throttl" in text.lower():
        return _deferred(Cause.RATE, relay=True)
    if code == 454 and (phase in (Phase.CONNECT, Phase.MAIL) or enhanced_code == "4.7.0"):
        return _deferred(Cause.RATE, relay=True)
    if phase is Phase.CONNECT:
        return _deferred(Cause.RELAY, relay=True)
    if enhanced_code == "4.5.3":
        return _deferred(Cause.TRANSIENT)
    if enhanced_code in {"4.2.2", "4.3.1"} or code == 452:
        return _deferred(Cause.FULL, timedelta(hours=1))
    if enhanced_code == "4.2.1":
        return _deferred(Cause.RECIPIENT_RATE, timedelta(hours=1))
    if enhanced_code.startswith("4.7.") or enhanced_code == "4.2.0" or "greylist" in text.lower():
        return _deferred(Cause.GREYLIST, timedelta(minutes=5))
    return _deferred(Cause.TRANSIENT)


def _permanent(phase: Phase, code: int, enhanced_code: str, text: str) -> Verdict:
    if code in _CREDENTIAL_CODES:
        return _stopped(Cause.CREDENTIALS)
    if phase is Phase.CONNECT:
        return _stopped(Cause.BLOCKED if code == 554 else Cause.RELAY)
    if enhanced_code:
        return _by_enhanced_code(phase, code, enhanced_code)
    if phase is Phase.RCPT and code == 552:
        # RFC 5321 4.5.3.1.10: old servers say 552 for "too many recipients"; it is temporary.
        return _deferred(Cause.TRANSIENT)
    if code in _BUG_CODES:
        return _stopped(Cause.PROTOCOL)
    if phase is Phase.RCPT and code in _UNKNOWN_CODES and not _POLICY_WORDS.search(text):
        return _HARD
    if code == 552:
        return _failed(Cause.SIZE if phase is Phase.MAIL else Cause.FULL, soft=phase is Phase.DOT)
    return _failed(Cause.POLICY, domain=True)


def _by_enhanced_code(phase: Phase, code: int, enhanced_code: str) -> Verdict:
    recipient_named = phase in {Phase.RCPT, Phase.DOT}
    if recipient_named and enhanced_code in _AT_RECIPIENT:
        return _AT_RECIPIENT[enhanced_code]
    if enhanced_code in _ANYWHERE:
        return _ANYWHERE[enhanced_code]
    if enhanced_code.startswith("5.7."):
        return _failed(Cause.POLICY, domain=True)
    if code in _BUG_CODES or enhanced_code.startswith("5.5."):
        return _stopped(Cause.PROTOCOL)
    if enhanced_code.startswith("5.1.") and recipient_named and code in _UNKNOWN_CODES:
        return _HARD
    return _failed(Cause.POLICY, domain=True)


def retry_at(
    now: datetime,
    attempt: int,
    *,
    cause: Cause,
    min_wait: timedelta | None,
    text: str,
    seed: int,
    not_after: datetime | None,
) -> datetime | None:
    """Return when a deferred delivery is tried again, None where trying ends.

    ``attempt`` counts charged attempts, this one included (0: none was charged); ``seed`` (the
    delivery's row id) spreads a crowd by up to 20 %; a wait that the reply asks for is honoured.
    """
    step = RETRY_MINUTES[min(max(attempt, 1), len(RETRY_MINUTES)) - 1]
    wait = timedelta(minutes=step)
    if cause is Cause.FULL:
        if attempt > FULL_MAILBOX_TRIES:
            return None
        wait = timedelta(hours=FULL_MAILBOX_HOURS[max(attempt, 1) - 1])
    spread = random.Random(f"{seed}:{attempt}").uniform(1 - JITTER, 1 + JITTER)  # noqa: S311
    wait = max(wait * spread, min_wait or timedelta(0), asked_wait(text) or timedelta(0))
    due = now + wait
    return None if not_after is not None and due >= not_after else due


def asked_wait(text: str) -> timedelta | None:
    """Return the wait that a reply asks for ("try again in 300 seconds"), at most a day."""
    found = _HINT.search(text)
    if found is None:
        return None
    seconds = int(found[1]) * _UNIT_S[found[2][0].lower()]
    return timedelta(seconds=min(seconds, 86_400))
