"""What tests of whole runs share: deliveries to plan, and how they are composed."""

from __future__ import annotations

from datetime import timedelta

from builders import NOON
from delivery.messages import a_message

from digest.model import Purpose
from digest.store import outbox
from digest.store.outbox import Planned


def plan(app, count, **changes):
    rows = [
        Planned(
            **{
                "purpose": Purpose.NOTICE,
                "address": f"ada{n}@example.org",
                "address_hmac": f"{n:064x}",
                "message_id": f"<m{n}@example.org>",
                "expires_at": NOON + timedelta(hours=20),
            }
            | changes
        )
        for n in range(1, count + 1)
    ]
    with app.writing() as connection:
        return outbox.plan(connection, rows, NOON)


def compose(rows):
    return {row.row_id: a_message(recipient=row.address, message_id=row.message_id) for row in rows}
