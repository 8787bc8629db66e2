"""Small messages for tests of transports."""

from __future__ import annotations

from typing import Any

from digest.model import Message


def a_message(number: int = 1, **changes: Any) -> Message:
    values: dict[str, Any] = {
        "message_id": f"<m{number}@example.org>",
        "sender": "digest@example.org",
        "recipient": f"ada{number}@example.org",
        "subject": f"Papers {number}",
        "content": (
            f"Message-ID: <m{number}@example.org>\r\nSubject: Papers {number}\r\n\r\nHello.\r\n"
        ).encode(),
    }
    return Message(**(values | changes))


def yes() -> bool:
    return True
