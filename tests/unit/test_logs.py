import io
import json
import logging

import pytest

from digest import logs
from digest.pipeline._threads import together


@pytest.fixture(autouse=True)
def _restored():
    logger = logging.getLogger("digest")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers[:], logger.level = handlers, level


def _logged(message: str, *arguments: object, json_lines: bool, **extra: object) -> str:
    stream = io.StringIO()
    logs.configure(json_lines=json_lines, stream=stream)
    logging.getLogger("digest.tests").info(message, *arguments, extra=extra)
    return stream.getvalue()


def test_a_line_is_instant_level_run_and_event():
    run = logs.new_run()
    line = _logged("polled source=%s new=%d", "arxiv-ml", 12, json_lines=False)
    assert line.split(" ", 1)[1] == f"info {run} polled source=arxiv-ml new=12\n"


def test_json_lines_carry_the_fields_by_name():
    run = logs.new_run()
    value = json.loads(_logged('failed source=hf error="no route"', json_lines=True, tries=3))
    assert (value["event"], value["source"], value["error"]) == ("failed", "hf", "no route")
    assert (value["run"], value["tries"]) == (run, 3)


@pytest.mark.parametrize("error", ["no route (to it)", "it's gone", 'a "b" c', 'it\'s "b"'])
def test_words_in_pythons_own_quotes_stay_one_field(error):
    value = json.loads(_logged("polled source=hf error=%r", error, json_lines=True))
    assert (value["event"], value["source"], value["error"]) == ("polled", "hf", error)


def test_numbers_are_numbers_and_what_only_looks_like_one_is_not():
    value = json.loads(
        _logged("polled new=12 seconds=0.142 revision=0002 version=1.2.3", json_lines=True)
    )
    assert (value["new"], value["seconds"]) == (12, 0.142)
    assert (value["revision"], value["version"]) == ("0002", "1.2.3")


@pytest.mark.parametrize("json_lines", [True, False])
def test_an_address_never_reaches_the_log(json_lines: bool):
    line = _logged("sent to=%s", "Ada <ada.l@example.org>", json_lines=json_lines)
    assert "ada.l" not in line
    assert "example.org" not in line


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_message_cannot_start_a_line_of_its_own(json_lines: bool):
    line = _logged("read title=%s", "x\n2026-01-01 error forged\u2028y", json_lines=json_lines)
    assert len(line.splitlines()) == 1


def test_configuring_twice_does_not_double_lines():
    logs.configure(stream=io.StringIO())
    assert len(_logged("once", json_lines=False).splitlines()) == 1


def test_a_traceback_stays_inside_its_json_object():
    stream = io.StringIO()
    logs.configure(json_lines=True, stream=stream)
    try:
        raise ValueError("ada@example.org is wrong")
    except ValueError:
        logging.getLogger("digest.tests").exception("broke")
    value = json.loads(stream.getvalue())
    assert "ValueError" in value["traceback"]
    assert "ada@" not in value["traceback"]


def test_jobs_on_threads_log_under_the_run_that_began_them():
    run = logs.new_run()
    groups = together([logs.run_id] * 4, threads=2, timeout_s=5)
    found = [result for group in groups for _, result in group]
    assert found == [run] * 4


def test_what_the_clockwork_warns_of_is_among_our_lines():
    stream = io.StringIO()
    logs.configure(json_lines=True, stream=stream)
    logging.getLogger("apscheduler.scheduler").warning("a run was missed")
    assert json.loads(stream.getvalue())["event"] == "a run was missed"


@pytest.mark.parametrize("unit", ["@", "a@", "@.", "a@a.", "a.b@", 'a="', "a=' "])
def test_a_line_of_any_length_is_cut_and_looked_at_once(unit):
    record = logging.LogRecord("digest.x", logging.INFO, "", 0, unit * 100_000, (), None)
    record.more = unit * 100_000
    for formatter in (logs.LineFormatter(), logs.JsonFormatter()):
        assert len(formatter.format(record)) < 40_000


@pytest.mark.parametrize(
    "text",
    ["ada@example.org", "to ada@example.org.", "<ada@example.org>", "a@b@example.org",
     "ada@example.org/x", "x=ada@example.org,", "/path/ada@example.org/more", "ada+b@x.example@"],
)  # fmt: skip
def test_addresses_are_hidden_wherever_they_stand(text):
    assert "example" not in logs.redact(text)
