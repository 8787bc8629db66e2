"""A short form of benchmarks/hostile.py: a running server, and some requests made to hurt it."""

import itertools

import pytest
from http_attacks import CONFIG, attack, by_http, of_requests
from running import running


@pytest.mark.slow
def test_a_running_server_bears_hostile_requests(tmp_path):
    told = []
    # Those of this file are one in three: forms, parts, bytes; of the listed ones every 97th.
    chosen = [
        *itertools.islice(of_requests(), 0, None, 3),
        *itertools.islice(by_http(), 90, 700, 97),
    ]
    with running(tmp_path, works=1500, web=CONFIG) as server:
        found = attack(server, chosen, told.append)
        assert server.ask("/")[0] == 200
        log = server.log.read_text(errors="replace")
    assert found["inputs"] == len(chosen) > 30
    assert (found["crashed"], found["stuck"], found["failed"]) == (0, 0, 0), told
    assert found["healthz_failures"] == 0
    assert "Traceback" not in log
    assert len(log) < 50_000
