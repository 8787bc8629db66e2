"""What pages planned to mail, read back from the outbox, and the forms that ask for it."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import select

from digest.store import profiles, subscribers
from digest.store.tables import deliveries

ADDRESS = "grace@example.org"


def planned(web: Any) -> list[Any]:
    """Return the deliveries that are no editions, oldest first."""
    with web.app.reading() as connection:
        return list(
            connection.execute(
                select(deliveries)
                .where(deliveries.c.edition_id.is_(None))
                .order_by(deliveries.c.id)
            )
        )


def values(web: Any) -> dict[str, Any]:
    """Return what the newest of them says."""
    return dict(planned(web)[-1].content["values"])


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


def form(web: Any, **fields: Any) -> dict[str, Any]:
    """Return the form's fields as a person sends them: shown, and posted half a minute later."""
    page = web.get("/subscribe").text
    begun = re.search(r'name="begun" value="([^"]+)"', page)[1]
    web.clock.move(seconds=30)
    return {"address": ADDRESS, "begun": begun, "terms-0": "protein folding"} | fields


def ask(web: Any, **fields: Any) -> Any:
    return web.post("/subscribe", form(web, **fields))


def subscribe(web: Any, **fields: Any) -> None:
    """Ask and confirm."""
    assert ask(web, **fields).status_code == 200
    assert web.post(path_of(values(web)["confirm_url"])).status_code == 200


def subscriptions(web: Any, address: str = ADDRESS) -> list[Any]:
    with web.app.reading() as connection:
        found = subscribers.find(connection, address)
        return profiles.subscriptions_of(connection, subscriber_id=found.row_id) if found else []
