"""Markers and outcomes of a run, committed in groups.

A message whose text is wanted waits until its ``transmitting`` marker is durable. Outcomes ride
along with the next markers, so a connection never has two deliveries in ``transmitting``: after a
crash there are at most as many uncertain ones as connections. It decides nothing about replies.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from digest.app import App
from digest.errors import StoreError
from digest.logs import redact
from digest.model import DeliveryState
from digest.store import marking, outbox, suppressions
from digest.store.marking import Finished
from digest.store.suppressions import Suppression

LINGER_S = 0.05
"""Outcomes wait that long for markers to ride with."""


class Recorder:
    """Writes what a run does; used by one thread."""

    def __init__(self, app: App, owner: str, lease: timedelta) -> None:
        self.counts: Counter[DeliveryState] = Counter()
        self.reasons: Counter[str] = Counter()
        self._app = app
        self._owner = owner
        self._lease = lease
        self._renewed_at = app.now()
        self._finished: list[Finished] = []
        self._suppressed: list[Suppression] = []
        self._since = 0.0
        # One for the whole run: taking one from the pool costs more than a commit.
        self._connection = app.engine.connect()
        self._driver_error = app.engine.dialect.loaded_dbapi.Error
        marking.relax(self._connection)

    def finish(self, row: Finished, suppression: Suppression | None = None) -> None:
        """Keep an outcome; it is durable with the next markers, or soon after."""
        if not self._finished:
            self._since = time.monotonic()
        self._finished.append(row)
        if suppression is not None:
            self._suppressed.append(suppression)

    @property
    def patience_s(self) -> float | None:
        """Return how long the outcomes may still wait; None where there are none."""
        if not self._finished:
            return None
        return max(0.0, self._since + LINGER_S - time.monotonic())

    def commit(self, row_ids: Sequence[int] = ()) -> frozenset[int]:
        """Write the markers of these and every outcome; return which must not be sent.

        Raises StoreError where the store failed: then none of them may be sent.
        """
        if not (row_ids or self._finished):
            return frozenset()
        now = self._app.now()
        finished, self._finished = self._finished, []
        suppressed, self._suppressed = self._suppressed, []
        refused: dict[int, DeliveryState] = {}
        try:
            if suppressed:  # with their outcomes or not at all
                with self._app.writing() as connection:
                    marking.finish(connection, self._owner, finished)
                    suppressions.add(connection, suppressed)
            written = () if suppressed else finished
            allowed = marking.turn(self._connection, self._owner, written, row_ids)
            if gone := set(row_ids) - allowed:
                with self._app.writing() as connection:
                    refused = outbox.withdraw(connection, self._owner, gone, now)
        except (SQLAlchemyError, self._driver_error) as exc:
            raise StoreError(f"the outbox cannot be written: {exc}") from exc
        self.counts.update([row.state for row in finished])
        self.reasons.update(_reason(row) for row in finished if row.state is DeliveryState.FAILED)
        self.counts.update(refused.values())
        return frozenset(refused)

    def live(self, now: datetime) -> None:
        """Prolong the leases of what is claimed, well before they end."""
        if now - self._renewed_at < self._lease / 3:
            return
        self._renewed_at = now
        with self._app.writing() as connection:
            outbox.renew(connection, self._owner, now + self._lease)

    def close(self) -> None:
        """Commit what is left. Raises StoreError."""
        try:
            self.commit()
        finally:
            self._connection.invalidate()  # the pool must not get it back relaxed
            self._connection.close()


def _reason(row: Finished) -> str:
    """Return why a delivery failed, without whom it was for: many share one reason."""
    said = " ".join(filter(None, (str(row.code or ""), row.enhanced_code, redact(row.reply))))
    return said[:200] or row.cause
