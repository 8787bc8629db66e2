"""A real `digest serve` while hundreds of clients hold connections and finish nothing."""

import time

import pytest
from running import running
from slow_clients import slow_clients

COUNT = 300
ROOM = 100


def until(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_pages_polls_and_mail_go_on_while_slow_clients_hold_all_they_can(tmp_path):
    with running(tmp_path, web=f"max_connections = {ROOM}") as server:
        with slow_clients(server.port, COUNT) as slow:
            assert until(lambda: slow.opened >= COUNT, 30)
            answers = [server.ask(path)[0] for path in ("/healthz", "/", "/subscribe") * 5]
            assert answers == [200] * 15
            assert server.subscribe("ada@example.org") == 200
            assert until(lambda: server.mails() >= 1, 60)
            assert until(lambda: server.web.asked("/feed"), 30)
            assert server.open_connections() <= ROOM + 80  # 64 are accepted at a time
        assert until(lambda: server.open_connections() < ROOM // 2, 30)
        log = server.log.read_text()
    assert "closed connections" in log
    assert len(log) < 10_000


@pytest.mark.slow
def test_no_deadline_is_longer_than_it_says(tmp_path):
    with running(tmp_path) as server, slow_clients(server.port, 20) as slow:
        assert until(lambda: slow.held == 20, 10)
        slow.returns = False
        assert until(lambda: slow.held == 0, 60)
