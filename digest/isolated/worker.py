"""A process of our own at the other end of two pipes, for work on untrusted input.

Both ends: `Worker` is what the program holds; `open_pipes` is what the module it runs begins
with. What they say to each other is for the modules to decide.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

START_S = 30.0
"""Time for a worker's imports, which are not the input's fault."""
MEMORY_LIMIT = 2 << 30
"""Address space of one worker, in bytes: a parser that eats more dies alone."""
_HANDED_ON = frozenset(
    ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH")
)
_HANDED_ON_GROUPS = ("LC_", "PYTHON", "MALLOC_", "OPENBLAS_", "OMP_")
"""All that a worker gets of the environment: what tells where things are, no secrets."""


class Worker:
    """A fresh interpreter that runs a module, at the other end of two pipes.

    The module says "ready" first: to be received within ``START_S``.
    """

    def __init__(self, module: str) -> None:
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(os.environ) | {"PYTHONPATH": path},
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = Connection(os.dup(self._process.stdin.fileno()), readable=False)
        self._from = Connection(os.dup(self._process.stdout.fileno()), writable=False)
        self._process.stdin.close()
        self._process.stdout.close()

    def is_alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.poll() is None

    def send(self, message: Any) -> None:
        """Hand something over."""
        self._to.send(message)

    @property
    def answers(self) -> Connection:
        """Return the end to wait at for what it says."""
        return self._from

    def kill(self) -> int:
        """End the process, whatever it does, and return its exit code."""
        with contextlib.suppress(OSError):
            self._process.kill()
        code = self._process.wait()
        self._to.close()
        self._from.close()
        return code

    def receive(self, timeout_s: float) -> Any:
        """Wait for what it says next. Raises TimeoutError, and EOFError where it is dead."""
        if not self._from.poll(timeout_s):
            raise TimeoutError
        return self._from.recv()


def environment(whole: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a worker gets.

    Passwords, tokens and keys stand in others, under whatever names: a parser that is taken over
    by what it reads finds none.
    """
    return {
        name: value
        for name, value in whole.items()
        if name in _HANDED_ON or name.startswith(_HANDED_ON_GROUPS)
    }


def open_pipes() -> tuple[Connection, Connection]:
    """Return the worker's ends: what it is asked, and where it answers; bound its memory."""
    _bound_memory()
    questions = Connection(os.dup(sys.stdin.fileno()), writable=False)
    answers = Connection(os.dup(sys.stdout.fileno()), readable=False)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a parser that prints spoils no answer
    return questions, answers


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
