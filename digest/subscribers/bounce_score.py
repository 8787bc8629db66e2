"""When refusals that may pass add up to an address that is gone. Pure.

One bad day says nothing: a full mailbox is emptied, a server comes back. A score counts days on
which mail came back, forgets with time, and starts anew when mail got through in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta

THRESHOLD = 5
"""From here on the address is not mailed any more (Mailman's default for its bounce score)."""

ONE_DAY = timedelta(hours=20)
"""Refusals closer together count once: an edition and a notice, or a delay and its end."""

FORGETS = timedelta(days=10)
"""A point goes for each such time without a refusal: a weekly reader's still add up."""

WEIGHT = 1
DISABLED_WEIGHT = 3
"""A disabled mailbox (5.2.1) hardly comes back: twice within two weeks is enough."""

_DISABLED = frozenset({"5.2.1", "5.7.13"})


def scored(
    score: int,
    last_at: datetime | None,
    now: datetime,
    *,
    status: str = "",
    received_since: bool = False,
) -> int:
    """Return the score after a refusal; at ``THRESHOLD`` the address is given up.

    ``received_since`` says that a mail after the last refused one got through.
    """
    weight = DISABLED_WEIGHT if status in _DISABLED else WEIGHT
    if last_at is None or received_since:
        return weight
    since = now - last_at
    if since < ONE_DAY:
        return max(score, weight)
    return max(0, score - since // FORGETS) + weight
