"""Give a reader all that is kept about them, as one JSON value. Changes nothing."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from digest.app import App
from digest.store import exporting, suppressions
from digest.subscribers.addresses import address_hmac


def export(app: App, subscriber_id: int) -> dict[str, Any] | None:
    """Return every row about a subscriber by table, or None where there is none."""
    with app.reading() as connection:
        found = exporting.rows_of(connection, subscriber_id)
        if not found:
            return None
        mark = address_hmac(app.secret_keys, found["subscribers"][0]["address"])
        held = suppressions.lookup(connection, [mark]).get(mark)
    document: dict[str, Any] = to_jsonable_python(
        {"exported_at": app.now(), **found, "suppression": held}
    )
    return document
