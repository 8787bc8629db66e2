"""Log lines for people and for machines: event, fields, one id per run, no addresses.

Code logs through ``logging.getLogger(__name__)`` with lines such as ``polled source=arxiv-ml
new=12``; this module decides how they look. It opens no file: lines go to standard error, and
whoever runs the process keeps them.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from digest.log_limits import LONGEST, Limit

_run: ContextVar[str] = ContextVar("run", default="")

_FIELD = re.compile(r"""(?<!\S)([a-z][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'(?!\S)|\S*)""")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_DECIMAL = re.compile(r"-?(?:0|[1-9]\d{0,14})\.\d{1,9}")
_WORD_WITH_AT = re.compile(
    r"(?<![^\s<>\"'=,;:()\[\]])[^\s<>\"'=,;:()\[\]@]*+@[^\s<>\"'=,;:()\[\]]*+"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

BORROWED = (
    ("apscheduler", "warning"), ("asyncio", "warning"), ("procrastinate", "warning"),
    ("uvicorn", "warning"),
)  # fmt: skip
"""Loggers of libraries whose warnings belong among our lines."""

_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "message", "asctime", "taskName",
}  # fmt: skip


def new_run(run: str = "") -> str:
    """Begin a run: every line from here on in this context carries the id that is returned.

    With an id the lines belong to that run: one that was begun elsewhere, maybe on another machine.
    """
    run = run or secrets.token_hex(6)
    _run.set(run)
    return run


def run_id() -> str:
    """Return the id of the present run; begins one where there is none."""
    return _run.get() or new_run()


def configure(
    *, level: str = "info", json_lines: bool = False, stream: TextIO | None = None
) -> None:
    """Send the package's log lines to standard error (or ``stream``); replaces what was set."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if json_lines else LineFormatter())
    handler.set_name("digest")
    handler.addFilter(Limit())
    for name, threshold in (("digest", level), *BORROWED):
        logger = logging.getLogger(name)
        for old in [found for found in logger.handlers if found.get_name() == "digest"]:
            logger.removeHandler(old)
        logger.addHandler(handler)
        logger.setLevel(threshold.upper())


@dataclass(frozen=True)
class Manner:
    """How a process logs, for another one that works for it."""

    level: str
    json_lines: bool
    run: str


def manner() -> Manner | None:
    """Return how this process logs; None where that was never set."""
    logger = logging.getLogger("digest")
    mine = [handler for handler in logger.handlers if handler.get_name() == "digest"]
    if not mine:
        return None
    is_json = isinstance(mine[0].formatter, JsonFormatter)
    return Manner(logging.getLevelName(logger.level), is_json, run_id())


def adopt(found: Manner) -> None:
    """Log as the process does for which this one works: its lines belong to the same run."""
    configure(level=found.level, json_lines=found.json_lines)
    new_run(found.run)


def redact(text: str) -> str:
    """Hide mail addresses and keep a line one line: the last defence, not an excuse.

    >>> redact("sent to ada@example.org")
    'sent to <address>'
    """
    return _CONTROL.sub(" ", _without_addresses(_cut(text, LONGEST)))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _without_addresses(text: str) -> str:
    return _WORD_WITH_AT.sub(_hidden, text) if "@" in text else text


def _hidden(match: re.Match[str]) -> str:
    """Hide what may be an address: up to the last ``@`` that a name with a dot follows."""
    parts = match[0].split("@")
    for last in range(len(parts) - 1, 0, -1):
        domain, slash, rest = parts[last].partition("/")
        if "." in domain and (last > 1 or parts[0]):
            return "@".join([f"<address>{slash}{rest}", *parts[last + 1 :]])
    return match[0]


def fields_of(message: str) -> tuple[str, dict[str, str]]:
    """Split ``polled source=arxiv new=12`` into the event and its fields.

    >>> fields_of('polled source=arxiv error="no route"')
    ('polled', {'source': 'arxiv', 'error': 'no route'})

    Python's own quotes (``%r``) are understood, too.
    """
    message = _cut(message, LONGEST)
    fields = {}
    for name, value in _FIELD.findall(message):
        fields[name] = (
            re.sub(r"\\(.)", r"\1", value[1:-1])
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            else value
        )
    event = " ".join(_FIELD.sub("", message).split())
    return event, fields


class LineFormatter(logging.Formatter):
    """``2026-04-14T06:00:03Z info a1b2c3 polled source=arxiv new=12``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, and the traceback of an unexpected error after it."""
        extra = "".join(f" {name}={value}" for name, value in _extra(record).items())
        line = redact(
            f"{_instant(record)} {record.levelname.lower()} {_run.get() or '-'} "
            f"{_cut(record.getMessage(), LONGEST)}{extra}"
        )
        return line + _traceback(self, record, "\n")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, run, event, logger, then the fields by name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object on one line."""
        event, fields = fields_of(record.getMessage())
        values: dict[str, str | int | float | bool | None] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "run": _run.get(),
            "event": redact(event),
            "logger": record.name,
        }
        for name, value in (fields | _extra(record)).items():
            values.setdefault(name, _typed(redact(value)) if isinstance(value, str) else value)
        if trace := _traceback(self, record, ""):
            values["traceback"] = trace
        return json.dumps(values, ensure_ascii=False, default=str)


def _typed(value: str) -> str | int | float:
    """Return numbers as numbers, so that whoever reads the log can compare them."""
    if _WHOLE.fullmatch(value):
        return int(value)
    return float(value) if _DECIMAL.fullmatch(value) else value


def _instant(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extra(record: logging.LogRecord) -> dict[str, str | int | float | bool | None]:
    return {
        name: value if isinstance(value, int | float | bool | None) else _cut(str(value), LONGEST)
        for name, value in record.__dict__.items()
        if name not in _STANDARD
    }


def _traceback(formatter: logging.Formatter, record: logging.LogRecord, before: str) -> str:
    if not record.exc_info:
        return ""
    trace = formatter.formatException(record.exc_info)
    if len(trace) > 2 * LONGEST:
        trace = f"{trace[:LONGEST]}\n...\n{trace[-LONGEST:]}"
    return before + _without_addresses(trace)
