"""The header fields of our two sorts of mail: editions, and notices about a subscription.

Order is that of reading; folding and encoding are `headers`' work.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from digest.rendering import PersonalLinks, SenderIdentity
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


class Head(NamedTuple):
    """The fields that editions of one subject, sender and day share, cut where the others stand."""

    opening: tuple[bytes, ...]
    subject: bytes
    listed: tuple[bytes, ...]
    closing: tuple[bytes, ...]

    @property
    def shared(self) -> tuple[bytes, ...]:
        """Return them all, in order."""
        return (*self.opening, self.subject, *self.listed, *self.closing)

    def around(self, to: bytes, date: bytes, identified: bytes, *stopping: bytes) -> list[bytes]:
        """Return all fields of a message but those of MIME, around its `personal_fields`."""
        return [
            *self.opening, to, self.subject, date, identified,
            *self.listed, *stopping, *self.closing,
        ]  # fmt: skip


def edition_head(sender: SenderIdentity, subject: str, edition_on: date) -> Head:
    """Return what many editions' fields share. Raises RenderError."""
    return Head(
        opening=_sender_fields(sender),
        subject=text_field("Subject", subject),
        listed=_list_fields(sender),
        closing=(*_AUTOMATIC, *_BULK, _feedback_id(sender, edition_on)),
    )


def personal_fields(
    recipient: str, at: datetime, message_id: str, links: PersonalLinks
) -> list[bytes]:
    """Return the fields that an edition shares with no other, for `Head.around`.

    ``recipient`` and ``message_id`` are those given, as a header writes them. Raises RenderError.
    """
    return [
        f"To: {recipient}\r\n".encode(),
        _date_field(at),
        f"Message-ID: {message_id}\r\n".encode(),
        *unsubscribe_fields(links),
    ]


def notice_fields(
    sender: SenderIdentity, recipient: str, subject: str, message_id: str, at: datetime
) -> list[bytes]:
    """Return the fields of a mail about a subscription: nothing in it can be unsubscribed from.

    A one-click field on a confirmation would promise what it cannot do.
    """
    return [
        *_sender_fields(sender),
        f"To: {mail_address(recipient)}\r\n".encode(),
        text_field("Subject", subject),
        _date_field(at),
        f"Message-ID: {identifier(message_id)}\r\n".encode(),
        *_AUTOMATIC,
    ]


def unsubscribe_fields(links: PersonalLinks) -> list[bytes]:
    """Return ``List-Unsubscribe`` and, where there is an HTTPS address, the one-click field.

    RFC 8058 wants exactly one HTTPS URI; it stands first, a mailto: after it.
    """
    uris = [uri for uri in (links.unsubscribe, links.unsubscribe_mailto) if uri]
    if not uris:
        return []
    fields = [uri_list_field("List-Unsubscribe", uris)]
    if links.unsubscribe.startswith("https://"):
        fields.append(ONE_CLICK)
    return fields


def _sender_fields(sender: SenderIdentity) -> tuple[bytes, ...]:
    fields = [address_field("From", sender.address, sender.name)]
    if sender.reply_to:
        fields.append(address_field("Reply-To", sender.reply_to))
    return tuple(fields)


def _list_fields(sender: SenderIdentity) -> tuple[bytes, ...]:
    identified = list_id_field(sender.name, sender.list_id)
    return (identified, b"List-Post: NO\r\n")  # RFC 2369 section 3.4: announcements only


@lru_cache(maxsize=64)
def _date_field(at: datetime) -> bytes:
    return date_field(at)


def _feedback_id(sender: SenderIdentity, edition_on: date) -> bytes:
    """Return Gmail's ``Feedback-ID: a:b:c:sender``, by which it counts complaints."""
    list_label = sender.list_id.partition(".")[0]
    domain = sender.address.rpartition("@")[2]
    installation = "".join(c for c in sender.installation if c.isascii() and c.isalnum())
    day = edition_on.strftime("%Y%m%d")
    parts = (day, list_label or "digest", installation[:16] or "digest", domain)
    return token_field("Feedback-ID", ":".join(part.replace(":", "-") for part in parts))
