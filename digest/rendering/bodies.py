"""Read the bodies back from a message's bytes: what a preview shows is what is sent."""

from __future__ import annotations

from dataclasses import replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

from digest.model import Message


def parsed(content: bytes) -> EmailMessage:
    """Parse a message as a receiver would."""
    found = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(found, EmailMessage)
    return found


def body(message: EmailMessage, subtype: str) -> str:
    """Return the first ``text/<subtype>`` part, its line ends made plain, or nothing."""
    for part in message.walk():
        if part.get_content_type() == f"text/{subtype}" and not part.is_attachment():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            charset = part.get_content_charset("utf-8")
            return content.decode(charset, "replace").replace("\r\n", "\n")
    return ""


def with_bodies(message: Message) -> Message:
    """Return the message with ``html`` and ``text`` filled from its bytes."""
    whole = parsed(message.content)
    return replace(message, html=body(whole, "html"), text=body(whole, "plain"))
