"""Markers and outcomes of a run, committed in groups.

A message whose text is wanted waits until its ``transmitting`` marker is durable. Outcomes ride
along with the next markers, so a connection never has two deliveries in ``transmitting``: after a
crash there are at most as many uncertain ones as connections. It decides nothing about replies.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from digest.app import App
from digest.errors import StoreError
from digest.logs import redact
from digest.model import DeliveryState
from digest.store import failures, marking, outbox, suppressions
from digest.store.marking import Finished
from digest.store.suppressions import Suppression

LINGER_S = 0.05
"""Outcomes wait that long for markers to ride with."""
RETRY_S = 30
"""A run that ends because the store failed waits so long for it to take what is known."""
RETRY_EVERY_S = 0.2


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
        self._unsure: list[int] = []
        """Rows to be marked by a commit that failed: it may have happened all the same."""
        self._is_unsure = False
        self._since = 0.0
        # One for the whole run: taking one from the pool costs more than a commit.
        self._connection = self._opened()

    def _opened(self) -> Connection:
        with failures.named(self._app.engine):
            connection = self._app.engine.connect()
            marking.prepare(connection)
        return connection

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
        try:
            with failures.named(self._app.engine):
                refused = self._written(row_ids, now)
        except StoreError:
            self._is_unsure = True
            self._unsure += row_ids
            raise
        finished, self._finished, self._suppressed = self._finished, [], []
        self._count(finished)
        self.counts.update(refused.values())
        return frozenset(refused)

    def _count(self, rows: Sequence[Finished]) -> None:
        self.counts.update([row.state for row in rows])
        self.reasons.update(_reason(row) for row in rows if row.state is DeliveryState.FAILED)

    def _written(self, row_ids: Sequence[int], now: datetime) -> dict[int, DeliveryState]:
        if self._suppressed:  # with their outcomes or not at all
            with self._app.writing() as connection:
                marking.finish(connection, self._owner, self._finished)
                suppressions.add(connection, self._suppressed)
        written = () if self._suppressed else self._finished
        allowed = marking.turn(self._connection, self._owner, written, row_ids)
        gone = set(row_ids) - allowed
        if not gone:
            return {}
        with self._app.writing() as connection:
            return outbox.withdraw(connection, self._owner, gone, now)

    def _catch_up(self) -> None:
        """Find out what a commit that failed did, and take back its markers: nothing was sent."""
        self._drop()
        self._connection = self._opened()
        ids = [row.row_id for row in self._finished]
        with self._app.writing() as connection:
            done = marking.settled(connection, self._owner, ids)
            marking.unmark(connection, self._owner, self._unsure)
        self._count([row for row in self._finished if row.row_id in done])
        self._finished = [row for row in self._finished if row.row_id not in done]
        self._is_unsure, self._unsure = False, []

    def live(self, now: datetime) -> None:
        """Prolong the leases of what is claimed, well before they end."""
        if now - self._renewed_at < self._lease / 3:
            return
        self._renewed_at = now
        with self._app.writing() as connection:
            outbox.renew(connection, self._owner, now + self._lease)

    def close(self) -> None:
        """Commit what is left; where the store failed, as soon as it answers again.

        Raises StoreError where it does not within RETRY_S.
        """
        until = time.monotonic() + RETRY_S
        try:
            while True:
                try:
                    if self._is_unsure:
                        self._catch_up()
                    self.commit()
                except StoreError:
                    if time.monotonic() > until:
                        raise
                    time.sleep(RETRY_EVERY_S)
                else:
                    return
        finally:
            self._drop()

    def _drop(self) -> None:
        # The pool must not get it back as it is; a server that is gone cannot be told.
        with contextlib.suppress(*failures.kinds(self._app.engine)):
            self._connection.invalidate()
            self._connection.close()


def _reason(row: Finished) -> str:
    """Return why a delivery failed, without whom it was for: many share one reason."""
    said = " ".join(filter(None, (str(row.code or ""), row.enhanced_code, redact(row.reply))))
    return said[:200] or row.cause
