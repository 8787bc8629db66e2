"""Transactional mails from templates: confirmations, links, alerts. Rendered whole each time.

A kind is three files in ``mail/notices/``: ``<kind>.subject.txt``, ``<kind>.txt``,
``<kind>.html``. They see ``values`` by name, and ``installation``, ``recipient``, ``subject``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from digest.errors import RenderError
from digest.model import Message
from digest.rendering import SenderIdentity, headers, mime
from digest.rendering.dkim import Signer
from digest.rendering.fields import notice_fields
from digest.rendering.inert import plain, shorten
from digest.rendering.mime import Attachment
from digest.rendering.parts import Templates, rendered
from digest.rendering.pieces import encode

NoticeValue = str | int | list[str] | list[list[str]]

SUBJECT_LIMIT = 150


@dataclass(frozen=True, kw_only=True)
class NoticeInput:
    """All that a notice is made of. ``values`` are plain JSON, as the outbox keeps them."""

    kind: str
    recipient: str
    sender: SenderIdentity
    message_id: str
    composed_at: datetime
    values: Mapping[str, NoticeValue] = field(default_factory=dict)
    envelope_sender: str = ""
    attachments: tuple[Attachment, ...] = ()


def compose_notice(templates: Templates, given: NoticeInput, signer: Signer | None) -> Message:
    """Return the message of a notice. Raises RenderError for an unknown kind or a missing value."""
    notice = templates.notices.get(given.kind)
    if notice is None:
        known = ", ".join(templates.notices)
        raise RenderError(f"there is no notice {given.kind!r} (there are {known})")
    installation = plain(given.sender.name) or given.sender.address
    values = {
        **{name: _inert(item) for name, item in given.values.items()},
        "installation": installation,
        "recipient": given.recipient,
    }
    subject = shorten(plain(rendered(notice.subject, values)), SUBJECT_LIMIT)
    values["subject"] = subject
    parts = mime.body(
        [encode(rendered(notice.text, values).encode())],
        [encode(rendered(notice.html, values).lstrip("\n").encode())],
    )
    if given.attachments:
        parts = mime.with_attachments(parts, given.attachments)
    content = mime.message(
        notice_fields(given.sender, given.recipient, subject, given.message_id, given.composed_at),
        parts,
        at=given.composed_at,
        signer=signer,
        mixed=bool(given.attachments),
    )
    return Message(
        message_id=headers.identifier(given.message_id),
        sender=given.envelope_sender or given.sender.address,
        recipient=headers.mail_address(given.recipient),
        subject=subject,
        content=content,
    )


def _inert(item: NoticeValue) -> NoticeValue:
    if isinstance(item, str):
        return plain(item)
    if isinstance(item, list):
        return [[plain(c) for c in row] if isinstance(row, list) else plain(row) for row in item]  # type: ignore[return-value]
    return item
