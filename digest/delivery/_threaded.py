"""Any session as a way: it waits on a thread of its own, and a pipe tells when it has news.

For transports that are used now and then (files, HTTP relays, anybody's own): the waiting is
theirs, the bookkeeping is the same as for those that never wait.
"""

from __future__ import annotations

import math
import queue
import socket
import threading

from digest.delivery import Session, Step, Turn
from digest.errors import DeliveryError
from digest.model import Message


class Threaded:
    """See `delivery.Way`. One message at a time."""

    def __init__(self, session: Session) -> None:
        self.wants_write = False
        self.deadline = math.inf  # the session has time limits of its own
        self.is_spent = False
        self._session = session
        self._is_busy = False
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._news: queue.SimpleQueue[Step | BaseException] = queue.SimpleQueue()
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="session", daemon=True)
        self._thread.start()

    @property
    def is_free(self) -> bool:
        """Tell whether ``begin`` may be called."""
        return not self._is_busy and not self.is_spent

    def fileno(self) -> int:
        """Return the pipe's number."""
        return self._bell.fileno()

    def begin(self, message: Message) -> None:
        """Hand the message to the session's thread."""
        self._is_busy = True
        self._messages.put(message)

    def go(self) -> None:
        """Let the session go on: the marker is durable."""
        self._answers.put(True)

    def withdraw(self) -> list[Step]:
        """Let the session take the message back; its outcome follows."""
        self._answers.put(False)
        return []

    def advance(self) -> list[Step]:
        """Return what happened. Raises what the session raised, but for DeliveryError."""
        steps: list[Step] = []
        try:
            self._bell.recv(4096)
        except BlockingIOError:
            return steps
        while not self._news.empty():
            found = self._news.get()
            if isinstance(found, BaseException):
                raise found
            if found[1] is not Turn.READY:
                self._is_busy = False
            self.is_spent = self.is_spent or isinstance(found[1], DeliveryError)
            steps.append(found)
        return steps

    def flush(self) -> list[Step]:
        """Have nothing to write."""
        return []

    def expire(self) -> list[Step]:
        """Have no time limit."""
        return []

    def close(self) -> None:
        """End the thread, then the session."""
        self._messages.put(None)
        self._thread.join()
        self._bell.close()
        self._ringer.close()

    def _run(self) -> None:
        try:
            while (message := self._messages.get()) is not None:
                self._tell(self._sent(message))
        finally:
            self._session.close()

    def _sent(self, message: Message) -> Step | BaseException:
        def before_dot() -> bool:
            self._tell((message, Turn.READY))
            return self._answers.get()

        try:
            return message, self._session.send(message, before_dot)
        except DeliveryError as exc:
            return message, exc
        except BaseException as exc:  # noqa: BLE001 - raised where the run is waiting
            return exc

    def _tell(self, news: Step | BaseException) -> None:
        self._news.put(news)
        self._ringer.send(b"x")
