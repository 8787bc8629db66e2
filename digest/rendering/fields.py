"""The header fields of our two sorts of mail: editions, and notices about a subscription.

Order is that of reading; folding and encoding are `headers`' work.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache

from digest.rendering import EditionInput, PersonalLinks, SenderIdentity
from digest.rendering.headers import (
    address_field,
    identifier,
    list_id_field,
    mail_address,
    text_field,
    token_field,
    uri_list_field,
)
from digest.rendering.mime import date_field

ONE_CLICK = b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
"""RFC 8058 section 3.1, to the byte."""

_AUTOMATIC = (
    # RFC 3834: answering machines stay quiet; the second is what Exchange understands.
    b"Auto-Submitted: auto-generated\r\n",
    b"X-Auto-Response-Suppress: All\r\n",
)
_BULK = (b"Precedence: bulk\r\n",)


def edition_fields(
    given: EditionInput, subject: str, *, recipient: str, message_id: str
) -> list[bytes]:
    """Return the fields of an edition, without those of MIME. Raises RenderError.

    ``recipient`` and ``message_id`` are those given, as a header writes them.
    """
    sender = given.sender
    fields = _common(sender, recipient, subject, message_id, given.composed_at)
    fields += _list_fields(sender)
    fields += unsubscribe_fields(given.links)
    fields += _AUTOMATIC
    fields += _BULK
    fields.append(_feedback_id(sender, given.edition.edition_on))
    return fields


def notice_fields(
    sender: SenderIdentity, recipient: str, subject: str, message_id: str, at: datetime
) -> list[bytes]:
    """Return the fields of a mail about a subscription: nothing in it can be unsubscribed from.

    A one-click field on a confirmation would promise what it cannot do.
    """
    address, identified = mail_address(recipient), identifier(message_id)
    return [*_common(sender, address, subject, identified, at), *_AUTOMATIC]


def unsubscribe_fields(links: PersonalLinks) -> list[bytes]:
    """Return ``List-Unsubscribe`` and, where there is an HTTPS address, the one-click field.

    RFC 8058 wants exactly one HTTPS URI; it stands first, a mailto: after it.
    """
    uris = [links.unsubscribe] if links.unsubscribe else []
    if links.unsubscribe_mailto:
        uris.append(links.unsubscribe_mailto)
    if not uris:
        return []
    fields = [uri_list_field("List-Unsubscribe", uris)]
    if links.unsubscribe.startswith("https://"):
        fields.append(ONE_CLICK)
    return fields


def _common(
    sender: SenderIdentity, recipient: str, subject: str, message_id: str, at: datetime
) -> list[bytes]:
    return [
        *_sender_fields(sender),
        f"To: {recipient}\r\n".encode(),
        _subject_field(subject),
        _date_field(at),
        f"Message-ID: {message_id}\r\n".encode(),
    ]


@lru_cache(maxsize=64)
def _sender_fields(sender: SenderIdentity) -> Iterable[bytes]:
    fields = [address_field("From", sender.address, sender.name)]
    if sender.reply_to:
        fields.append(address_field("Reply-To", sender.reply_to))
    return tuple(fields)


@lru_cache(maxsize=64)
def _list_fields(sender: SenderIdentity) -> Iterable[bytes]:
    identified = list_id_field(sender.name, sender.list_id)
    return (identified, b"List-Post: NO\r\n")  # RFC 2369 section 3.4: announcements only


@lru_cache(maxsize=1024)
def _subject_field(subject: str) -> bytes:
    return text_field("Subject", subject)


@lru_cache(maxsize=64)
def _date_field(at: datetime) -> bytes:
    return date_field(at)


@lru_cache(maxsize=64)
def _feedback_id(sender: SenderIdentity, edition_on: date) -> bytes:
    """Return Gmail's ``Feedback-ID: a:b:c:sender``, by which it counts complaints."""
    list_label = sender.list_id.partition(".")[0]
    domain = sender.address.rpartition("@")[2]
    installation = "".join(c for c in sender.installation if c.isascii() and c.isalnum())
    day = edition_on.strftime("%Y%m%d")
    parts = (day, list_label or "digest", installation[:16] or "digest", domain)
    return token_field("Feedback-ID", ":".join(part.replace(":", "-") for part in parts))
