"""Work on untrusted input in processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import costly
import pytest

from digest import isolated
from digest.errors import DigestError, UnreadableError

COSTS = {
    "timeout": (costly.spin,),
    "memory": (costly.eat, 10_000),
    "too-deep": (costly.nest,),
    "crash": (costly.die,),
}


@pytest.fixture
def pool():
    opened = isolated.Pool(1)
    yield opened
    opened.close()


def test_a_call_returns_what_the_function_returns(pool):
    content = os.urandom(3_000_000)
    assert pool.call(costly.whole, content, cpu_s=5) == content
    assert pool.call(costly.process, cpu_s=5) != os.getpid()


@pytest.mark.parametrize("kind", COSTS)
def test_what_costs_too_much_is_one_error_of_ours_and_the_next_is_served(pool, kind):
    with pytest.raises(UnreadableError) as caught:
        pool.call(*COSTS[kind], cpu_s=1.0, timeout_s=60)
    assert caught.value.kind == kind
    assert pool.call(costly.whole, "next", cpu_s=5) == "next"


def test_a_pattern_that_holds_the_interpreter_is_killed_by_its_processor_time(pool):
    with pytest.raises(UnreadableError) as caught:
        pool.call(costly.backtrack, 60, cpu_s=0.3, timeout_s=100)
    assert caught.value.kind == "timeout"


def test_one_that_waits_is_killed_by_the_clock(pool):
    begun = time.monotonic()
    with pytest.raises(UnreadableError) as caught:
        pool.call(costly.wait, 100, cpu_s=5, timeout_s=0.5)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - begun < 60


def test_what_one_call_costs_is_not_held_against_the_next(pool):
    before = pool.call(costly.process, cpu_s=1)
    for _ in range(4):
        pool.call(costly.spin, 0.4, cpu_s=1)
    assert pool.call(costly.process, cpu_s=1) == before


def test_a_value_that_cannot_travel_costs_one_call(pool):
    with pytest.raises(UnreadableError) as caught:
        pool.call(costly.nested, cpu_s=5)
    assert caught.value.kind == "too-deep"


@pytest.mark.parametrize("name", costly.ERRORS)
def test_errors_of_ours_arrive_as_they_were_raised(pool, name):
    with pytest.raises(type(costly.ERRORS[name])) as caught:
        pool.call(costly.refuse, name, cpu_s=5)
    assert str(caught.value) == str(costly.ERRORS[name])
    assert vars(caught.value) == vars(costly.ERRORS[name])


def test_a_bug_arrives_with_its_traceback(pool):
    with pytest.raises(RuntimeError, match=r"break_down(?s:.)*KeyError: 'a bug'"):
        pool.call(costly.break_down, cpu_s=5)


def test_what_is_printed_spoils_no_answer(pool):
    assert pool.call(costly.chatter, cpu_s=5) == "the answer"


def test_a_worker_that_ended_meanwhile_is_replaced(pool):
    before = pool.call(costly.process, cpu_s=5)
    os.kill(before, 9)
    assert pool.call(costly.process, cpu_s=5) != before
    with pytest.raises(UnreadableError):
        pool.call(costly.leave, cpu_s=5)
    assert pool.call(costly.whole, 1, cpu_s=5) == 1


def test_threads_share_the_workers_of_the_process():
    def one(number):
        try:
            if number % 5 == 0:
                isolated.call(costly.die)
            return isolated.call(costly.whole, number)
        except DigestError:
            return None

    with ThreadPoolExecutor(8) as threads:
        values = list(threads.map(one, range(40)))
    assert [value for value in values if value is not None] == [n for n in range(40) if n % 5]


def test_while_workers_are_kept_busy_the_program_goes_on():
    pool = isolated.Pool(1)
    ended = []

    def hold():
        try:
            pool.call(costly.backtrack, 60, cpu_s=3, timeout_s=60)
        except UnreadableError as exc:
            ended.append(exc.kind)

    busy = threading.Thread(target=hold)
    busy.start()
    beats = 0
    while busy.is_alive():
        time.sleep(0.01)
        beats += 1
    assert beats > 20
    assert ended == ["timeout"]
    pool.close()


FORKING = """
import os, costly
from digest import isolated
mine = isolated.call(costly.process)
child = os.fork()
if not child:
    theirs = isolated.call(costly.process)
    os._exit(0 if theirs != mine else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), isolated.call(costly.process) == mine)
"""


def test_a_fork_uses_workers_of_its_own_and_none_outlives_the_program():
    path = os.pathsep.join(entry for entry in sys.path if entry)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # it would not end while a worker held its standard output
    assert ran.stdout.split() == ["0", "True"], ran.stderr


def test_a_worker_is_not_given_the_secrets_of_the_environment(monkeypatch):
    secrets = ("DIGEST_MAIL__PASSWORD", "DIGEST_STORE__URL", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD")
    for name in secrets:
        monkeypatch.setenv(name, "not-for-parsers")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    pool = isolated.Pool(1)
    try:
        given = pool.call(costly.environment, cpu_s=5)
    finally:
        pool.close()
    assert "not-for-parsers" not in given.values()
    assert not [name for name in given if name.startswith("DIGEST_")]
    assert (given["LC_ALL"], given["PATH"]) == ("C.UTF-8", os.environ["PATH"])
