"""The worker's end: functions and arguments on standard input, answers on what was standard output.

Every message is a pair: what it is (``ready``, ``value``, ``error``, ``bug``, or what was too
costly) and the thing itself.
"""

from __future__ import annotations

import contextlib
import math
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

from digest.errors import DigestError
from digest.isolated.worker import open_pipes

IDLE_S = 300.0
"""A worker that nobody asks for so long ends."""
MOST_ANSWER = 256 << 20
"""Bytes of a value, pickled."""


def _answer(function: Callable[..., Any], args: tuple[Any, ...]) -> bytes:
    try:
        value = function(*args)
    except DigestError as exc:
        return pickle.dumps(("error", exc))
    except MemoryError:
        return pickle.dumps(("memory", None))
    except RecursionError:
        return pickle.dumps(("too-deep", None))
    except Exception:  # noqa: BLE001 - the caller gets it as the bug it is
        return pickle.dumps(("bug", traceback.format_exc(limit=-12)))
    try:
        answer = pickle.dumps(("value", value), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return pickle.dumps(("memory", None))
    except RecursionError:
        return pickle.dumps(("too-deep", None))
    return answer if len(answer) <= MOST_ANSWER else pickle.dumps(("too-large", None))


def _bound_time(seconds: float) -> None:
    """End the process by a signal that nobody handles after so much more processor time; 0: never.

    The timer is exact, the limit (whole seconds) holds where a library takes the timer for itself.
    """
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = math.ceil(time.process_time() + seconds) + 1 if seconds else hard
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _imported(pickled: bytes) -> tuple[Callable[..., Any] | None, tuple[str, str]]:
    try:
        return pickle.loads(pickled), ("ready", "")  # noqa: S301 - a name, from our own program
    except Exception:  # noqa: BLE001 - as a bug of the function itself
        return None, ("bug", traceback.format_exc(limit=-12))


def main() -> None:
    """Answer until the parent hangs up or forgets us."""
    questions, answers = open_pipes()
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while questions.poll(IDLE_S):
            function, said = _imported(questions.recv())
            answers.send(said)
            if function is None:
                continue
            args, cpu_s = questions.recv()
            _bound_time(cpu_s)
            answer = _answer(function, args)
            _bound_time(0)
            answers.send_bytes(answer)


if __name__ == "__main__":
    main()
