"""Run a function on untrusted input in a process that is killed when it takes too long.

A thread cannot be stopped, and a parser can be made to run for hours or to fill the memory. So

    mail = isolated.call(read_mail, content, cpu_s=2.0)

calls ``read_mail(content)`` in another process, which has this much processor time and 2 GB of
memory, and returns what it returns. The function stands in a module (no lambda, no method);
arguments and the value can be pickled. It may be called from any thread of any process: two
workers are started when first needed, replaced when they are killed, and end after a pause.

Our own errors arrive as they were raised. Input that costs too much raises UnreadableError, and a
bug in the function RuntimeError with the worker's traceback as its text.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pickle
import queue
import signal
from collections.abc import Callable
from typing import TypeVar, cast

from digest.errors import DigestError, UnreadableError
from digest.isolated.worker import START_S, Worker

__all__ = ["Pool", "call"]

T = TypeVar("T")

CPU_S = 2.0
WORKERS = 2
PATIENCE = 5.0
"""Wall time over processor time: the machine may be busy with other things."""
MOST_CALLS = 500
"""So many calls a worker serves: whatever they leave behind goes with it."""
_MODULE = __name__
_HARMLESS = ("value", "error", "bug")
_COSTS = {
    "memory": "it takes too much memory to be read",
    "too-deep": "it is nested too deeply",
    "too-large": "it holds too much",
}


class Pool:
    """A few workers, each serving one call at a time; safe to share between threads."""

    def __init__(self, workers: int) -> None:
        self._idle: queue.LifoQueue[_Server | None] = queue.LifoQueue()
        for _ in range(max(1, workers)):
            self._idle.put(None)  # a place; its process comes with the first call

    def call(
        self, function: Callable[..., T], *args: object, cpu_s: float, timeout_s: float = 0.0
    ) -> T:
        """Return what the function returns for these arguments; see the module's description.

        ``timeout_s`` bounds the wait for a free worker and then the work; by default it is a
        multiple of ``cpu_s``.
        """
        timeout_s = timeout_s or PATIENCE * cpu_s
        try:
            server = self._idle.get(timeout=timeout_s + START_S)
        except queue.Empty as exc:
            raise UnreadableError("too many inputs are being read: try again", "busy") from exc
        kept: _Server | None = None
        try:
            server = _ready(server, function)
        except BaseException as exc:
            self._idle.put(None)
            if isinstance(exc, TimeoutError | EOFError | OSError):
                reason = f"no process could be started to read it ({exc or type(exc).__name__})"
                raise UnreadableError(reason, "busy") from exc
            raise
        try:
            what, value = server.ask(args, cpu_s, timeout_s)
            kept = server if server.calls < MOST_CALLS and what in _HARMLESS else None
        except (TimeoutError, EOFError, OSError) as exc:
            raise _failure(exc, server, cpu_s) from exc
        finally:
            if kept is None:
                server.kill()
            self._idle.put(kept)
        return cast("T", _opened(what, value))

    def close(self) -> None:
        """End all idle workers; a busy one ends by its own limits."""
        with contextlib.suppress(queue.Empty):
            while True:
                if server := self._idle.get_nowait():
                    server.kill()


class _Server:
    """A worker that serves calls."""

    def __init__(self) -> None:
        self._worker = Worker(_MODULE)
        self.calls = 0

    def prepare(self, function: Callable[..., object]) -> None:
        """Have the function imported, which is not the input's fault.

        Raises EOFError or OSError where the worker is dead, TimeoutError where it hangs.
        """
        self._worker.send(pickle.dumps(function))
        _opened(*self._worker.receive(START_S))

    def ask(self, args: tuple[object, ...], cpu_s: float, timeout_s: float) -> tuple[str, object]:
        self.calls += 1
        self._worker.send((args, cpu_s))  # the worker reads all of it before it works
        answer: tuple[str, object] = self._worker.receive(timeout_s)
        return answer

    def kill(self) -> int:
        return self._worker.kill()


def _ready(server: _Server | None, function: Callable[..., object]) -> _Server:
    """Return a worker that has the function: this one or a fresh one."""
    if server is not None:
        try:
            server.prepare(function)
        except (TimeoutError, EOFError, OSError):  # it ended after a pause, or was killed
            server.kill()
        else:
            return server
    server = _Server()
    try:
        server.prepare(function)
    except BaseException:
        server.kill()
        raise
    return server


def _failure(exc: Exception, server: _Server, cpu_s: float) -> UnreadableError:
    code = server.kill()
    if isinstance(exc, TimeoutError) or -code in (signal.SIGPROF, signal.SIGXCPU):
        return UnreadableError(f"it cannot be read in {cpu_s:g} s", "timeout")
    return UnreadableError(f"it broke the reader ({exc or type(exc).__name__})", "crash")


def _opened(what: str, value: object) -> object:
    if what in ("ready", "value"):
        return value
    if what == "error":
        assert isinstance(value, DigestError)
        raise value
    if what in _COSTS:
        raise UnreadableError(_COSTS[what], what)
    raise RuntimeError(value)


class _Shared:
    """The pool of this process: a fork must not talk to the workers of its parent."""

    def __init__(self) -> None:
        self._pool = Pool(WORKERS)
        atexit.register(self._close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._pool = Pool(WORKERS)

    def _close(self) -> None:
        self._pool.close()

    @property
    def pool(self) -> Pool:
        return self._pool


_shared = _Shared()


def call(
    function: Callable[..., T], *args: object, cpu_s: float = CPU_S, timeout_s: float = 0.0
) -> T:
    """Call the function in a worker of this process; see the module's description."""
    return _shared.pool.call(function, *args, cpu_s=cpu_s, timeout_s=timeout_s)
