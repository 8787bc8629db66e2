"""One writer for markers and outcomes: everything that waits goes into one commit.

A lane that is about to write a final dot waits here until its ``transmitting`` marker is
durable. Outcomes ride along with the next markers, so a connection never has two deliveries
in ``transmitting``: after a crash there are at most as many uncertain ones as connections.
It decides nothing about replies.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from digest.app import App
from digest.errors import StoreError
from digest.model import DeliveryState
from digest.store import outbox, suppressions
from digest.store.database import is_sqlite
from digest.store.outbox import Claimed, Finished
from digest.store.suppressions import Suppression

LINGER_S = 0.05
"""Outcomes wait that long for markers to ride with."""


@dataclass(eq=False)
class _Ticket:
    """A lane's place in the group: released when its marker is durable or refused."""

    row_id: int
    done: threading.Lock = field(default_factory=threading.Lock)
    is_allowed: bool = False


class Recorder:
    """Commits markers and outcomes in groups, on a thread of its own."""

    def __init__(self, app: App, owner: str) -> None:
        self.counts: Counter[DeliveryState] = Counter()
        self._app = app
        self._owner = owner
        self._changed = threading.Condition()
        self._tickets: list[_Ticket] = []
        self._finished: list[Finished] = []
        self._suppressed: list[Suppression] = []
        self._is_closing = False
        self._broken: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def mark(self, row: Claimed) -> bool:
        """Wait until the marker is durable; False where the delivery must not be sent.

        Raises StoreError where the store failed: then nothing may be sent either.
        """
        ticket = _Ticket(row.row_id)
        ticket.done.acquire()
        with self._changed:
            self._raise_if_broken()
            self._tickets.append(ticket)
            self._changed.notify()
        ticket.done.acquire()
        self._raise_if_broken()
        return ticket.is_allowed

    def finish(self, row: Finished, suppression: Suppression | None = None) -> None:
        """Keep an outcome; it is durable with the next markers, or soon after."""
        with self._changed:
            self._finished.append(row)
            if suppression is not None:
                self._suppressed.append(suppression)
            if len(self._finished) == 1:
                self._changed.notify()

    def close(self) -> None:
        """Commit what is left and end. Raises StoreError where the store failed."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join()
        self._raise_if_broken()

    def _raise_if_broken(self) -> None:
        if self._broken is not None:
            raise StoreError(f"the outbox cannot be written: {self._broken}") from self._broken

    def _run(self) -> None:
        tickets: list[_Ticket] = []
        try:
            while self._wait():
                with self._changed:
                    tickets, self._tickets = self._tickets, []
                    finished, self._finished = self._finished, []
                    suppressed, self._suppressed = self._suppressed, []
                self._commit(tickets, finished, suppressed)
                for ticket in tickets:
                    ticket.done.release()
        except BaseException as exc:  # noqa: BLE001 - every lane has to hear of it
            with self._changed:
                self._broken = exc
                tickets += self._tickets
                self._tickets = []
            for ticket in tickets:
                if ticket.done.locked():
                    ticket.done.release()

    def _wait(self) -> bool:
        """Wait for work; False when there is none left and none will come."""
        with self._changed:
            while not self._tickets:
                if self._is_closing:
                    return bool(self._finished or self._suppressed)
                if self._finished:
                    self._changed.wait(LINGER_S)
                    return True
                self._changed.wait()
        return True

    def _commit(
        self,
        tickets: Sequence[_Ticket],
        finished: Sequence[Finished],
        suppressed: Sequence[Suppression],
    ) -> None:
        now = self._app.now()
        with self._app.writing() as connection:
            if not is_sqlite(connection):
                # Safe against the death of any client; a server's power loss may take the last
                # commits, exactly as SQLite's synchronous=NORMAL.
                connection.execute(text("SET LOCAL synchronous_commit = off"))
            outbox.finish(connection, self._owner, finished)
            if suppressed:
                suppressions.add(connection, suppressed)
            refused: dict[int, DeliveryState] = {}
            if tickets:
                ids = [ticket.row_id for ticket in tickets]
                allowed = outbox.mark(connection, self._owner, ids)
                if len(allowed) < len(ids):
                    refused = outbox.withdraw(connection, self._owner, set(ids) - allowed, now)
        for ticket in tickets:
            ticket.is_allowed = ticket.row_id not in refused
        self.counts.update(row.state for row in finished)
        self.counts.update(refused.values())
