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


@pytest.mark.slow
def test_a_body_of_tiny_chunks_is_cut_and_a_chunked_one_is_taken(tmp_path):
    head = (
        b"POST /preview HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    honest = b"".join(b"100\r\n" + b"terms-0=" + b"a" * 247 + b"&\r\n" for _ in range(600))
    with running(tmp_path) as server:
        before = server.cpu_s
        assert server.raw(head + b"1\r\na\r\n" * 300_000 + b"0\r\n\r\n")[0] == 0
        assert server.cpu_s - before < 2
        assert server.raw(head + honest + b"0\r\n\r\n")[0] in {200, 400}
        many = b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n" * 3000
        last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert server.raw(many + last)[0] == 200
