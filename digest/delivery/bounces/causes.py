"""What the codes and words of a refusal mean, after the fact: hard, soft, or not the reader's.

The same rules as for replies on the wire (``policy.classify``), because neither an Action nor a
first digit tells whose fault it is: a full mailbox and an expired retry come back as "failed"
and 5.x.x too. Only where a code says nothing do the words decide. Pure.
"""

from __future__ import annotations

import re

from digest.delivery import Phase
from digest.delivery.bounces import BounceKind
from digest.delivery.policy import Cause, classify

# RFC 3463 code, not part of an address such as 5.9.1.2 or a version.
ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
BASIC = re.compile(r"(?<![\d.#])([45][0-5]\d)(?=[\s-])")

_VAGUE = frozenset(
    {"5.0.0", "5.1.0", "5.2.0", "5.3.0", "5.4.0", "5.5.0", "5.4.1", "5.5.1", "5.4.300"}
)
"""Codes that servers give for want of a better one: there the words decide."""

_DIRECTORY = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
"""Exchange Online says it where its directory does not know the recipient."""
_UNKNOWN = re.compile(
    r"(user|recipient|mailbox|account|address)\s+(is\s+)?(unknown|invalid|not (found|known|exist))"
    r"|(unknown|no such|invalid|non-?existent)\s+(local\s+)?(user|recipient|mailbox|addres|account)"
    r"|(does|do) ?n[o']t (exist|have (an?|any) )|doesn't have|no mailbox (here|found)"
    r"|not listed in|recipientnotfound|mailbox unavailable|unrouteable address|unknown in"
    r"|address (couldn't|could not) be found|(wasn't|was not|not) found at|host or domain name not"
    r"|domain .{0,80}couldn't be found|no mail(box)? by that name|dns domain .{0,60}not exist",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"quota|(mailbox|inbox|storage|account).{0,30}(full|exceed|over)|out of storage|disk full"
    r"|insufficient (system )?storage",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"spam|block(ed|list)|blacklist|reputation|dmarc|\bspf\b|dkim|unsolicited|policy|content"
    r"|virus|banned|rejected due|message size|too (large|big)|not authori[sz]ed",
    re.IGNORECASE,
)
_UNTIL_NOW = re.compile(
    r"time(d)?[ -]?out|expired|temporar|unreachable|too long|try again|connection refused"
    r"|retry (time|timeout)|could not connect|no route",
    re.IGNORECASE,
)
_WAITS = re.compile(
    r"\b(message|mail|delivery)\b.{0,60}\b(is|was|are|been|being) delayed\b|^delivery delayed"
    r"|\bdelayed (mail|message|delivery)\b|\bdelayed (for )?(more than )?\d+ (minute|hour|day)"
    r"|delivery incomplete|status notification:? \(?(delay|warning)"
    r"|\bwill (continue|keep|retry|try again|attempt|be (re-?tried|re-?attempted|tried again))"
    r"|'ll (continue|keep|retry|try again)|still (being re-?tried|trying|undelivered|queued)"
    r"|attempts (to deliver .{0,60})?(will|are going to) (continue|be (made|repeated))"
    r"|not (have|need) to (re-?send|send .{0,20}again)|no action is (required|needed|necessary)"
    r"|warning( message)? only|only a warning|could not send message for (the )?past"
    r"|(not yet been|not been|n't been|not yet) delivered .{0,80}(yet|after|hours|minutes|days)"
    r"|(not yet been|n't been) delivered|been delivered yet|remains? (in|on) (the|our) (mail )?q"
    r"|noch nicht (zugestellt|ausgeliefert)|zustellung.{0,40}verz[oö]ger|verz[oö]gert sich"
    r"|(remise|distribution|livraison).{0,40}retard"
    r"|pas encore (pu [eê]tre|[eé]t[eé]) (remis|distribu|livr)"
    r"|(entrega|env[ií]o).{0,40}(retras|demor|atras)|(a[uú]n|todav[ií]a) no se ha (podido )?entreg"
    r"|consegna.{0,40}ritard|non .{0,20}ancora .{0,20}consegnat"
    r"|(配信|配送|送信).{0,20}(遅延|遅れ)|(邮件|郵件|投递).{0,20}(延迟|延遲|推迟)|尚未(送达|投递)",
    re.IGNORECASE | re.MULTILINE,
)
"""A mail server says that it has not delivered yet, and goes on trying."""
_GAVE_UP = re.compile(
    r"no (further|more) (delivery )?(attempts|retries)|\b(not|never) (be )?(re-?tried|going to try)"
    r"|(not|won't) (retry|try again|be tried again)|(gave|given|giving) up"
    r"|permanent(ly)? (error|failure|failed|fatal|undeliver)|undeliverable: |undelivered mail ret"
    r"|time(-?out)? (was |has |is )?(exceeded|expired)|(queued?|queue for) too long"
    r"|delivery (has |to .{0,120} )?failed|(was|been) returned|is being returned"
    r"|could not be delivered after|final (delivery )?(failure|attempt)",
    re.IGNORECASE,
)
_KINDS = {Cause.FULL: BounceKind.SOFT, Cause.INACTIVE: BounceKind.SOFT}


def kind_of(status: str, text: str) -> BounceKind:
    """Say what a refusal means by its enhanced code and the words around it.

    A code of its own in ``text`` is preferred to a vague ``status``.
    """
    told = _told(status, text)
    if _DIRECTORY.search(text):
        return BounceKind.HARD
    if told and told not in _VAGUE:
        return _by_code(told, text)
    basic = BASIC.search(text)
    return _by_words(text, basic[1] if basic else "")


def is_warning(text: str) -> bool:
    """Tell a notice of delay from a refusal by its words: the server goes on trying.

    Such notices speak of what happens if all fails, so only what has happened tells otherwise.
    """
    if not _WAITS.search(text) or _GAVE_UP.search(text):
        return False
    codes = ENHANCED.findall(text)
    return not codes or any(not code.startswith("5") for code in codes)


def kind_by_service(word: BounceKind, status: str, text: str) -> BounceKind:
    """Say what a mail service's own verdict means: it yields to codes and to plain words.

    Services call a full mailbox or a refusal for policy "permanent" too. What one calls passing
    is never made worse than that.
    """
    is_coded = (status and not status.endswith(".0.0")) or BASIC.search(text)
    worded = any(words.search(text) for words in (_DIRECTORY, _FULL, _UNKNOWN, _POLICY))
    found = kind_of(status, text) if is_coded or worded else word
    return BounceKind.SOFT if (word, found) == (BounceKind.SOFT, BounceKind.HARD) else found


def _told(status: str, text: str) -> str:
    """Return the code that says most: the status, unless it is vague and the text has another."""
    if status and status not in _VAGUE and not status.endswith(".0.0"):
        return status
    own = [code for code in ENHANCED.findall(text) if code not in _VAGUE]
    own = [code for code in own if not code.endswith(".0.0") and not code.startswith("2")]
    return own[0] if own else ("" if status.startswith("5") else status)


def _by_code(status: str, text: str) -> BounceKind:
    if status.startswith("2"):
        return BounceKind.OTHER
    if status.startswith("4"):
        # A temporary refusal that lasted until the relay gave up.
        return BounceKind.POLICY if status.startswith("4.7.") else BounceKind.SOFT
    if status.startswith(("5.4.", "5.3.")) and status not in {"5.4.4", "5.4.310", "5.3.4"}:
        return BounceKind.SOFT  # routing and systems: nobody's mailbox
    verdict = classify(Phase.RCPT, 550, status, text)
    if verdict.suppress:
        return BounceKind.HARD
    return _KINDS.get(verdict.cause, BounceKind.POLICY)


def _by_words(text: str, basic: str) -> BounceKind:
    if _FULL.search(text):
        return BounceKind.SOFT
    if _UNKNOWN.search(text):
        return BounceKind.HARD
    if _POLICY.search(text):
        return BounceKind.POLICY
    if _UNTIL_NOW.search(text) or basic.startswith("4") or not basic:
        return BounceKind.SOFT
    verdict = classify(Phase.RCPT, int(basic), "", text)
    if verdict.suppress:
        return BounceKind.HARD
    return BounceKind.POLICY if verdict.cause is Cause.POLICY else BounceKind.SOFT
