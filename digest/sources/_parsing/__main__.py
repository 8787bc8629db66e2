"""The worker's end: questions on standard input, answers on what was standard output."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import traceback
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from digest.errors import SourceError
from digest.plugins import resolve
from digest.sources import Source
from digest.sources._parsing import Parsed

MEMORY_LIMIT = 2 << 30
"""Address space of one worker, in bytes: a parser that eats more dies alone."""


@lru_cache(maxsize=256)
def _built(kind: str, name: str, options: bytes) -> Source:
    built: Source = resolve(kind, "digest.sources", "source")(name, pickle.loads(options))  # noqa: S301
    return built


def _parsed(kind: str, name: str, options: dict[str, Any], body: Any) -> tuple[str, Any]:
    try:
        batch = _built(kind, name, pickle.dumps(options)).parse(body)
        return "parsed", Parsed.of(batch, name)
    except SourceError as exc:
        return "unusable", {
            "source": exc.source,
            "reason": exc.reason,
            "kind": exc.kind,
            "permanent": exc.permanent,
        }
    except RecursionError:
        reason = f"{body.url} is nested too deeply"
        return "unusable", {
            "source": name, "reason": reason, "kind": "too-deep", "permanent": False,
        }  # fmt: skip
    except Exception:  # noqa: BLE001 - the parent logs it as the bug it is
        return "bug", traceback.format_exc(limit=-12)


def _bound_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))


def main() -> None:
    """Answer until the parent hangs up."""
    _bound_memory()
    questions = Connection(os.dup(sys.stdin.fileno()), writable=False)
    answers = Connection(os.dup(sys.stdout.fileno()), readable=False)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a parser that prints spoils no answer
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        answers.send("ready")
        while True:
            answers.send(_parsed(*questions.recv()))


if __name__ == "__main__":
    main()
