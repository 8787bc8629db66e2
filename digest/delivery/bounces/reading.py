"""Make a `Bounce` of one mail: flufl.bounce tells who was refused, the codes tell why. Pure.

Standards first (RFC 3464 delivery status, RFC 5965 feedback, RFC 3834 automatic replies), then
what mail servers write instead. The returned original is never read for words: an abstract may
well speak of "user unknown".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from email.message import Message

from flufl.bounce import all_failures

from digest.delivery.bounces import Bounce, BounceKind
from digest.delivery.bounces.causes import ENHANCED, is_warning, kind_of
from digest.mails import decoded, field, parsed, plain_text, vouched_for
from digest.text.clean import clean, shorten

READ_LIMIT = 1_000_000
"""Bytes of a mail that are looked at; what a bounce says stands in its first few thousand."""
REASON_LIMIT = 300
TEXT_LIMIT = 4_000

# It logs the whole traceback of a detector that falls over rubbish, which says nothing of ours.
logging.getLogger("flufl.bounce").disabled = True

# It begins where a word does: else a long word without an @ is tried from each of its letters.
_ADDRESS = re.compile(r"(?<![^\s<>\"'(),:;])[^\s<>\"'(),:;@]+@[^\s<>\"'(),:;]+")
_ANYBODY = re.compile(r"(?<![^\s<>\"'(),:;])[^\s<>\"'(),:;@]*@[^\s<>\"'(),:;]*")
"""An address, or what a cut has left of it."""
_DAEMON = re.compile(
    r"mailer-?daemon|postmaster|mail delivery (sub)?system|microsoftexchange[0-9a-f]+@"
    r"|mail-?daemon|no-?reply-?dsn|bounces?@|<>",
    re.IGNORECASE,
)
_COPY = re.compile(
    r"^[ \t>]*(-{3,}+.{0,60}(copy|original|header|message|undelivered).*|-{2,3} ?(below|enclosed).*"
    r"|returned-content:.*|received: from .*|return-path: .*)$",
    re.IGNORECASE | re.MULTILINE,
)
_AWAY = re.compile(
    r"^\s*(re:\s*)?(auto(mat(ic|ed|ische))?[ -]?(reply|response|antwort|svar)|out of (the )?office"
    r"|abwesen|r[eé]ponse automatique|respuesta autom|risposta automatica|autoreply|vacation"
    r"|away from|on (annual )?leave|自动回复|自動返信|不在|자동 ?회신|اعتذار|отсутств|автоответ)",
    re.IGNORECASE,
)
_DIALOGUE = re.compile(
    r"\b(smtp error|rcpt to|host .{1,80} said|remote server|server (said|returned|responded))\b"
    r".{0,80}?\b[45][0-5]\d[ -]",
    re.IGNORECASE,
)
"""A server's words quoted in prose, without an enhanced code."""
_CHALLENGE = re.compile(
    r"(verify|confirm|whitelist|approve).{0,60}(message|e?-?mail|sender|delivery)", re.IGNORECASE
)
_REPLY_FIELDS = (
    "X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-AutoReply-From", "X-Mail-Autoreply",
    "X-Vacation", "X-Boxtrapper", "X-TMDA-Fingerprint", "X-Loop-Autoreply",
)  # fmt: skip
_SPEAKS = re.compile(
    r"(?:^|[\s<\"])(mailer-daemon|postmaster|abuse|fbl|feedback|feedback-?loop|complaints?|arf|staff"
    r"|microsoftexchange[0-9a-f]+)@",
    re.IGNORECASE,
)
"""Local parts that no provider gives to its users (RFC 2142 and what feedback loops use)."""
_COMPLAINTS = frozenset({"abuse", "fraud", "opt-out", "opt-out-list"})
_TYPED = re.compile(r"^(smtp|x-[\w-]{1,20}|lmtp|unix) ?; ?", re.IGNORECASE)
# Mail servers put "[EXTERNAL]" and the like before it; the token is signed.
_LETTER = re.compile(r"(?:^|[\s:\]])unsubscribe\s+([A-Za-z0-9_-]{20,200})\s*$", re.IGNORECASE)


def read(content: bytes, trusted_server: str = "") -> Bounce:
    """Return what a mail that came back says; rubbish is ``other``.

    Raises UnreadableError. To be called in a worker process: it may take long, or find a bug.
    """
    mail = parsed(content[:READ_LIMIT])
    return replace(_read(mail), vouched=_vouched(mail, trusted_server.lower()))


def _vouched(mail: Message, server: str) -> str:
    """Return whose word a report is: of a domain's users only those who speak for it count."""
    domain = vouched_for(mail, server)
    speaks = _SPEAKS.search(field(mail, "From"))
    return domain if domain == server or speaks else ""


def _read(mail: Message) -> Bounce:
    subject = decoded(mail, "Subject")
    if complaint := _complaint(mail, subject):
        return complaint
    if blocks := list(_status_blocks(mail)):
        return _reported(mail, blocks)
    if letter := _LETTER.search(subject):
        return Bounce(kind=BounceKind.UNSUBSCRIBE, token=letter[1])
    away = _AWAY.search(subject) or any(mail.get(name) for name in _REPLY_FIELDS)
    if not away and _is_from_a_server(mail) and (notice := _written(mail, subject)):
        return notice
    automatic = field(mail, "Auto-Submitted").lower()
    bulk = field(mail, "Precedence").lower() == "auto_reply"
    if away or bulk or automatic.startswith("auto-replied") or _asks_back(mail, subject, automatic):
        return Bounce(kind=BounceKind.AUTO_REPLY, reason=reason_of(subject))
    return Bounce(kind=BounceKind.OTHER, reason="not a report of a mail server")


def _asks_back(mail: Message, subject: str, submitted: str) -> bool:
    """Tell a challenge ("prove that you are a person") from a letter."""
    automatic = submitted.startswith("auto-") or mail.get("Return-Path") == "<>"
    return bool(automatic and _CHALLENGE.search(subject))


def _complaint(mail: Message, subject: str) -> Bounce | None:
    for part in mail.walk():
        if part.get_content_type() == "message/feedback-report":
            inner = part.get_payload()
            first = inner[0] if isinstance(inner, list) and inner else part
            fields = first if isinstance(first, Message) else part
            kind = field(fields, "Feedback-Type").strip().lower()
            reason = f"feedback: {kind or 'of no type'}"
            is_complaint = kind in _COMPLAINTS
            return Bounce(
                kind=BounceKind.COMPLAINT if is_complaint else BounceKind.OTHER,
                reason=reason_of(reason),
            )
    # Outlook.com's junk reports are the bare mail, forwarded by its staff.
    sender = field(mail, "From").lower()
    if "staff@hotmail.com" in sender and subject.lower().startswith("complaint about message"):
        return Bounce(kind=BounceKind.COMPLAINT, reason="feedback: junk mail report")
    return None


def _status_blocks(mail: Message) -> Iterator[Message]:
    """Yield the per-recipient fields of a delivery status notification (RFC 3464 2.3)."""
    for part in mail.walk():
        kind = part.get_content_type()
        if kind not in {"message/delivery-status", "message/global-delivery-status"}:
            continue
        payload = part.get_payload()
        for block in payload if isinstance(payload, list) else ():
            if isinstance(block, Message) and (block.get("Action") or block.get("Status")):
                yield block


def _reported(mail: Message, blocks: list[Message]) -> Bounce:
    acted = [(field(block, "Action").strip().lower(), block) for block in blocks]
    failed = [block for action, block in acted if action.startswith("fail")]
    delayed = [block for action, block in acted if action.startswith("delay")]
    if not failed and not delayed:
        # Neither tried in vain nor still trying: unless it only forgot to say so.
        failed = [b for _, b in acted if field(b, "Status").strip().startswith("5")]
        if not failed:
            return Bounce(kind=BounceKind.OTHER, reason="a notice of success")
    block = (failed or delayed)[0]
    text = _TYPED.sub("", _flat(field(block, "Diagnostic-Code")))
    found = ENHANCED.search(field(block, "Status"))
    status = found[1] if found else ""
    words = text if len(text) > 20 or ENHANCED.search(text) else f"{text} {_prose(mail)}"
    final = tuple(address for b in failed or delayed for address in _named(b, "Final-Recipient"))
    original = [a for b in failed or delayed for a in _named(b, "Original-Recipient")]
    is_waiting = delayed and not failed
    kind = BounceKind.DELAYED if is_waiting else kind_of(status, words)
    shown = _told_status(status, text, kind)
    return Bounce(
        kind=kind,
        status=shown,
        reason=reason_of(text or words),
        recipients=tuple(dict.fromkeys([*original, *final, *_refused(mail)])),
        final=final,
    )


def _told_status(status: str, text: str, kind: BounceKind) -> str:
    if kind is not BounceKind.DELAYED and status.endswith(".0.0"):
        own = [code for code in ENHANCED.findall(text) if not code.startswith("2")]
        return own[0] if own else status
    return status


def _written(mail: Message, subject: str) -> Bounce | None:
    """Judge a server's notice that is plain words; None where it names nobody and no code."""
    recipients = list(_refused(mail))
    text = _prose(mail)
    found = ENHANCED.search(text)
    recipients += _addresses(field(mail, "X-Failed-Recipients"))
    is_waiting = is_warning(f"{subject}\n{text}")
    if not recipients and not found:
        if not is_waiting and not _DIALOGUE.search(text):
            return None
        own = _addresses(field(mail, "To"))
        recipients = [named for named in _addresses(text) if named not in own]
    return Bounce(
        kind=BounceKind.DELAYED if is_waiting else kind_of(found[1] if found else "", text),
        status=found[1] if found else "",
        reason=reason_of(_last_words(text)),
        recipients=tuple(dict.fromkeys(recipients)),
        final=tuple(dict.fromkeys(recipients)),
    )


def _is_from_a_server(mail: Message) -> bool:
    return (
        bool(mail.get("X-Failed-Recipients"))
        or bool(_DAEMON.search(decoded(mail, "From")))
        or mail.get("Return-Path") == "<>"
    )


def _refused(mail: Message) -> Iterator[str]:
    try:
        temporary, permanent = all_failures(mail)
    except Exception:  # noqa: BLE001 - a detector of some old server's text fell over rubbish
        return
    for address in sorted((*permanent, *temporary), key=str):
        text = address.decode("ascii", "replace") if isinstance(address, bytes) else str(address)
        if _ADDRESS.fullmatch(text):
            yield text.lower()


def _named(block: Message, name: str) -> Iterator[str]:
    found = _ADDRESS.search(field(block, name).partition(";")[2])
    if found:
        yield found[0].lower()


def _addresses(text: str) -> list[str]:
    return [found.lower().rstrip(".") for found in _ADDRESS.findall(text)]


def _prose(mail: Message) -> str:
    """Return what the server wrote itself, up to the copy of the mail."""
    text = plain_text(mail, 4 * TEXT_LIMIT)
    copied = _COPY.search(text)
    return _flat(text[: copied.start()] if copied else text)[:TEXT_LIMIT]


def _last_words(text: str) -> str:
    """Return the sentences from the first code on: what the refusing server said."""
    found = ENHANCED.search(text) or re.search(r"\b[45]\d\d[ -]", text)
    return text[max(0, found.start() - 40) :] if found else text


def reason_of(text: str) -> str:
    """Return one line that names nobody."""
    whole = text[:TEXT_LIMIT].encode("utf-8", "replace").decode()  # some encodings yield halves
    return shorten(clean(_ANYBODY.sub("…", whole)), REASON_LIMIT)


def _flat(text: str) -> str:
    return " ".join(text.split())
