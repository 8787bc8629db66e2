"""The worker's end: questions on standard input, answers on what was standard output."""

from __future__ import annotations

import contextlib
import traceback
from typing import Any

from digest.errors import SourceError
from digest.sources._parsing import parse_here
from digest.sources._worker import built, open_pipes


def _parsed(kind: str, name: str, options: dict[str, Any], body: Any) -> tuple[str, Any]:
    try:
        return "parsed", parse_here(built(kind, name, options), body)
    except SourceError as exc:
        return "unusable", exc
    except Exception:  # noqa: BLE001 - the parent logs it as the bug it is
        return "bug", traceback.format_exc(limit=-12)


def main() -> None:
    """Answer until the parent hangs up."""
    questions, answers = open_pipes()
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        answers.send("ready")
        while True:
            answers.send(_parsed(*questions.recv()))


if __name__ == "__main__":
    main()
