"""Ways to next hops that are being opened: each on a thread, for that may take long.

The run waits for the bell beside its other sockets. What an opened way is for is the run's
business.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from typing import Generic, TypeVar

from digest.delivery import Session, Transport, Way
from digest.delivery._threaded import Threaded

Whose = TypeVar("Whose")


class Openings(Generic[Whose]):
    """Opens ways, each for somebody; rings where one is open or could not be."""

    def __init__(self) -> None:
        self.bell, self._ringer = socket.socketpair()
        """Readable where there is something to take."""
        self.bell.setblocking(False)
        self._opened: queue.SimpleQueue[tuple[Whose, Way | BaseException]] = queue.SimpleQueue()
        self._is_closing = False

    def begin(self, whose: Whose, transport: Transport, spent: Way | None) -> None:
        """Close the way that is spent, and open the next one."""

        def opened() -> None:
            found: Way | BaseException
            try:
                if spent is not None:
                    spent.close()
                session: Session | Way = transport.open()
                found = session if isinstance(session, Way) else Threaded(session)
            except BaseException as exc:  # noqa: BLE001 - told to the run
                found = exc
            if self._is_closing and not isinstance(found, BaseException):
                found.close()
                return
            self._opened.put((whose, found))
            with contextlib.suppress(OSError):
                self._ringer.send(b"x")

        threading.Thread(target=opened, name="opening", daemon=True).start()

    def taken(self) -> list[tuple[Whose, Way | BaseException]]:
        """Return what has been opened since, or why it could not be."""
        with contextlib.suppress(BlockingIOError):
            self.bell.recv(4096)
        found = []
        while not self._opened.empty():
            found.append(self._opened.get())
        return found

    def end(self) -> list[tuple[Whose, Way | BaseException]]:
        """Return what nobody has taken yet; what opens later is closed at once."""
        self._is_closing = True
        return self.taken()

    def close(self) -> None:
        """Close the bell; after `end`."""
        self.bell.close()
        self._ringer.close()
