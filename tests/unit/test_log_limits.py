"""The log stays small whatever outsiders do: lines are cut, and repeated ones counted out."""

import io
import logging

import pytest

from digest import logs
from digest.log_limits import LONGEST, PER_MINUTE, RARE_PER_MINUTE


@pytest.fixture
def written():
    stream = io.StringIO()
    logs.configure(stream=stream)
    yield stream
    for name in ("digest", *(name for name, _ in logs.BORROWED)):
        logger = logging.getLogger(name)
        for handler in [h for h in logger.handlers if h.get_name() == "digest"]:
            logger.removeHandler(handler)


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error"])
def test_what_a_library_says_again_and_again_is_said_a_few_times_a_minute(written, name):
    for number in range(5000):
        logging.getLogger(name).error("socket.accept() out of system resource %d", number)
    lines = written.getvalue().splitlines()
    assert len(lines) == RARE_PER_MINUTE
    assert lines[-1].endswith("(more of these in this minute are left out)")


def test_a_thousand_sources_may_fail_in_one_minute_and_one_statement_no_more(written):
    log = logging.getLogger("digest.sources")
    for number in range(PER_MINUTE + 500):
        log.warning("poll failed source=s%d", number)
    log.warning("another statement")
    lines = written.getvalue().splitlines()
    assert len(lines) == PER_MINUTE + 1
    assert lines[-1].endswith("another statement")


def test_tracebacks_are_few_and_short(written):
    def deep(n):
        return deep(n - 1) if n else 1 / 0

    log = logging.getLogger("digest.web")
    for _ in range(100):
        try:
            deep(400)
        except ZeroDivisionError as exc:
            log.error("page failed " + "x" * 50_000, exc_info=exc)
    assert written.getvalue().count("Traceback") == RARE_PER_MINUTE
    assert len(written.getvalue()) < RARE_PER_MINUTE * 4 * LONGEST


def test_the_next_minute_begins_anew(written):
    log = logging.getLogger("uvicorn.error")
    record = log.makeRecord(log.name, logging.ERROR, "f", 1, "again", (), None)
    for minute in (0, 1):
        for _ in range(100):
            record.created = minute * 60.0 + 1
            record.msg, record.args = "again", ()
            log.handle(record)
    assert len(written.getvalue().splitlines()) == 2 * RARE_PER_MINUTE
