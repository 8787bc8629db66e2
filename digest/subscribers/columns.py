"""What the columns of a list of subscribers mean, whichever program wrote it. Pure.

Names are understood by the words in them, not by a list of programs. Whatever may say that a
person must not get mail and is not understood is named, so that the import can stop.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from itertools import pairwise

from digest.text.clean import clean

MAX_LOOKED_AT = 300
"""Characters of a cell or a name that are looked at."""


class Meaning(StrEnum):
    """What a column says about its row."""

    ADDRESS = "address"
    STATUS = "status"
    """A word such as ``active`` or ``unsubscribed``."""
    CONSENT = "consent"
    """Yes: wants mail. No: does not."""
    CONFIRMATION = "confirmation"
    """Yes: the person confirmed. No or empty: has not yet."""
    CONFIRMED_AT = "confirmed_at"
    """A time where the person confirmed; empty where not."""
    REFUSAL = "refusal"
    """Anything but empty, no or zero: must not get mail."""
    BOUNCES = "bounces"
    """A number; above zero, the address may be dead."""
    UNCLEAR = "unclear"
    """May be a refusal. Stops the import where a cell holds anything but no."""
    IGNORE = "ignore"


CHOICES = (
    Meaning.IGNORE,
    Meaning.REFUSAL,
    Meaning.CONSENT,
    Meaning.CONFIRMATION,
    Meaning.STATUS,
    Meaning.ADDRESS,
)
"""What an owner may say of a column."""

_ADDRESSES = frozenset({
    "address", "email", "e mail", "mail", "email address", "e mail address", "emailaddress",
    "mail address", "subscriber email", "contact email", "user email", "primary email", "member",
    "e mail adresse", "email adresse", "mailadresse", "adresse e mail", "adresse mail",
    "adresse email", "correo electronico", "correo", "indirizzo email",
})  # fmt: skip
_STATUS_NAMES = frozenset({"type", "reception", "subscriber type", "member type"})
_STATUS_WORDS = frozenset({"status", "state", "statut", "estado", "stato", "zustand"})
_HARMLESS = frozenset({"digest enabled", "html email", "htmlemail", "complimentary plan"})
_CHANNELS = frozenset({
    "sms", "whatsapp", "phone", "push", "postal", "fax", "telegram", "mobile", "stripe",
    "payment", "billing", "order", "invoice", "shipping", "paid", "utm",
})  # fmt: skip
_REASONS = {
    "complaint": ("complain", "spam", "abuse"),
    "hard": (
        "bounc", "cleaned", "cleantime", "cleancampaign", "cleandate", "undeliver", "unreachable",
    ),
    "manual": ("blacklist", "blocklist", "denylist", "blocked", "banned", "suppress", "gesperrt"),
    "unsubscribed": (
        "unsub", "optout", "optedout", "optingout", "optsout", "deleted", "deletion", "removed",
        "removal", "disabled", "revoke", "withdraw", "donot", "dontmail", "dontemail",
        "dontcontact", "nomail", "noemail", "nonewsletter", "nocontact", "refus", "reject",
        "declin", "erased", "forgotten", "signedoff", "signoff", "abmeld", "abgemeldet",
        "desinscri", "desabonn", "desuscri", "disiscri", "afgemeld", "uitgeschreven", "resilie",
    ),
}  # fmt: skip
"""Parts of names, by why such an address is not mailed; the stronger reasons first."""
_REFUSAL_WORDS = frozenset({"dnc", "dne", "left", "quit", "resigned", "baja", "objection"})
_UNCLEAR = (
    "cancel", "churn", "expir", "inactive", "invalid", "pause", "suspend", "enddate", "endedat",
    "dateended", "leave", "leaving", "exclu", "mute", "archiv", "dormant", "lapsed", "terminat",
    "stop", "hold", "gdpr", "dsgvo", "rgpd", "kuendig", "gekundigt",
)  # fmt: skip
_CONFIRMED = ("confirm", "verified", "optin", "optedin", "doubleopt", "validated", "activated")
_CONSENT = (
    "consent", "subscribed", "permission", "accept", "newsletter", "enabled", "allow", "mailable",
    "contactable", "einwilligung", "consentement", "abonniert",
)  # fmt: skip
_CONSENT_WORDS = frozenset({
    "subscribe", "active", "receive", "receives", "wants", "marketing", "deliverable", "abonne",
    "iscritto", "suscrito",
})  # fmt: skip
_NOT = frozenset({"not", "never", "without", "isnt", "wasnt"})
_TIMES = frozenset({"time", "date", "at", "on", "timestamp", "when", "datum"})
_DETAILS = frozenset({
    "ip", "url", "link", "token", "hash", "key", "source", "page", "last", "days", "count",
    "number", "total", "num", "rate", "id", "by", "method", "via", "tier", "plan",
})  # fmt: skip
_HANDLES = frozenset({"url", "link", "token", "hash", "key"})
_COUNTS = ("count", "counter", "score", "rate", "number", "total", "num")
_MAILED = frozenset({"mail", "mails", "email", "emails", "mailing", "mailings", "contact"})
_NO = frozenset({
    "", "no", "n", "false", "f", "off", "none", "null", "nil", "never", "n/a", "na", "nein",
    "non", "nee", "undefined",
})  # fmt: skip
_YES = frozenset({"yes", "y", "true", "t", "on", "x", "1", "ja", "oui", "si", "✓"})
_ZERO = re.compile(r"[0\s:./+TZ-]*+", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_of(name: str) -> list[str]:
    """Return the words of a name, folded: ``unsubscribedAt`` and ``UNSUBSCRIBED_AT`` are equal."""
    apart = _HUMP.sub(" ", name[:MAX_LOOKED_AT].replace("'", ""))
    plain = unicodedata.normalize("NFKD", apart).encode("ascii", "ignore").decode()
    return _WORDS.findall((plain or apart).lower())


def meaning_of(name: str) -> Meaning | None:
    """Return what a column says, by its name; None where the name says nothing of mail.

    >>> meaning_of("EMAIL_BLACKLISTED"), meaning_of("confirmed"), meaning_of("first_name")
    (<Meaning.REFUSAL: 'refusal'>, <Meaning.CONFIRMATION: 'confirmation'>, None)
    """
    words = words_of(name)
    whole = " ".join(words)
    if whole in _ADDRESSES:
        return Meaning.ADDRESS
    if whole in _HARMLESS or (words and words[0] in _CHANNELS):
        return Meaning.IGNORE
    if whole in _STATUS_NAMES:
        return Meaning.STATUS
    return _refusal(words) or _consent(words)


def _refusal(words: list[str]) -> Meaning | None:
    joined, known = "".join(words), set(words)
    if not reason_of(words) and not known & _REFUSAL_WORDS:
        if any(part in joined for part in _UNCLEAR):
            return Meaning.UNCLEAR
        return None
    if known & _HANDLES:
        return Meaning.IGNORE
    if known & _NOT and "donot" not in joined:
        return Meaning.UNCLEAR
    if "optin" in joined:
        return Meaning.UNCLEAR
    if known & _STATUS_WORDS:
        return Meaning.STATUS
    return Meaning.BOUNCES if joined.endswith(_COUNTS) else Meaning.REFUSAL


def _consent(words: list[str]) -> Meaning | None:
    joined, known = "".join(words), set(words)
    if known & _STATUS_WORDS:
        return Meaning.STATUS
    is_confirmation = any(part in joined for part in _CONFIRMED)
    if not (is_confirmation or known & _CONSENT_WORDS or any(part in joined for part in _CONSENT)):
        return None
    if known & _NOT:
        return Meaning.UNCLEAR
    if known & _DETAILS:
        return Meaning.IGNORE
    if known & _TIMES or joined.endswith(("time", "date")):
        # A time of opting in is absent where the owner entered the person.
        return Meaning.CONFIRMED_AT if is_confirmation and "opt" not in joined else Meaning.IGNORE
    return Meaning.CONFIRMATION if is_confirmation else Meaning.CONSENT


def reason_of(words: list[str]) -> str:
    """Return why those whom a name with these words lists are not mailed; empty if it does not.

    >>> reason_of(["email", "blacklisted"]), reason_of(["unsub", "time"]), reason_of(["name"])
    ('manual', 'unsubscribed', '')
    """
    joined = "".join(words)
    for reason, parts in _REASONS.items():
        if any(part in joined for part in parts):
            return reason
    return ""


def is_no(cell: str) -> bool:
    """Tell whether a cell says no: empty, a word for it, zero, or a date of zeros."""
    text = clean(cell[:MAX_LOOKED_AT]).lower()
    return text in _NO or _ZERO.fullmatch(text) is not None


def is_yes(cell: str) -> bool:
    """Tell whether a cell says yes."""
    return clean(cell[:MAX_LOOKED_AT]).lower() in _YES


def looks_like_refusal(cell: str) -> bool:
    """Tell whether a cell of a column that is not understood reads like a refusal."""
    words = words_of(cell)
    return bool(_REFUSING.intersection(words)) or any(
        pair in _REFUSING_PAIRS for pair in pairwise(words)
    )


_REFUSING = frozenset({
    "unsubscribed", "unsubscribe", "unsub", "optout", "blacklisted", "blacklist", "blocklisted",
    "blocklist", "bounced", "complained", "complaint", "suppressed", "undeliverable", "nomail",
    "abgemeldet", "desinscrit", "desabonne", "disiscritto", "dnc",
})  # fmt: skip
_REFUSING_PAIRS = frozenset({
    ("opted", "out"), ("opt", "out"), ("not", "mail"), ("not", "email"), ("not", "contact"),
    ("no", "mail"), ("no", "email"), ("no", "emails"), ("dont", "mail"), ("dont", "email"),
    ("dont", "contact"), ("not", "subscribed"), ("hard", "bounce"), ("soft", "bounce"),
})  # fmt: skip


def may_refuse(name: str, cells: list[str], *, is_named: bool = True) -> bool:
    """Tell whether a column whose name says nothing may hold refusals after all.

    It may where a cell reads like one, or where it answers yes or no and its name speaks of mail
    (or it has none).
    """
    if any(looks_like_refusal(cell) for cell in cells):
        return True
    words = set(words_of(name))
    if is_named and (not words & _MAILED or words & _DETAILS):
        return False
    filled = [cell for cell in cells if clean(cell[:MAX_LOOKED_AT])]
    return bool(filled) and all(is_yes(cell) or is_no(cell) for cell in filled)
