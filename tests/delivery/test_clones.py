"""A copy of a store does not send what the original sends too."""

from __future__ import annotations

import pytest
from delivery.runs import compose, plan

from digest.actions import outbox
from digest.app import open_app
from digest.config import load_config
from digest.errors import ConflictError
from digest.pipeline.sending import send_ready


@pytest.fixture
def opened(tmp_path, server, request):
    """Open the one store by installations with other secrets."""
    smtp = server()

    def start(secret, *old):
        config = load_config(
            overrides={
                "digest": {
                    "data_dir": str(tmp_path), "secret": secret * 32,
                    "old_secrets": [one * 32 for one in old],
                },
                "mail": {"sender": "digest@example.org", "max_age_hours": 1e5},
                "transports": {"out": {"kind": "smtp", "host": "127.0.0.1", "port": smtp.port}},
            }
        )  # fmt: skip
        manager = open_app(config)
        request.addfinalizer(lambda: manager.__exit__(None, None, None))
        return manager.__enter__()

    return start


def send(app):
    return send_ready(app, compose=compose).counts["sent"]


def test_a_copy_with_another_secret_sends_nothing_until_it_is_accepted(opened):
    original, copy = opened("a"), opened("b")
    send(original)
    plan(copy, 2, expires_at=None)
    with pytest.raises(ConflictError, match="resume --accept-clone"):
        send(copy)
    outbox.resume(copy, accept_clone=True)
    assert send(copy) == 2
    with pytest.raises(ConflictError):
        send(original)


def test_a_replaced_secret_is_no_copy(opened):
    send(opened("a"))
    renewed = opened("b", "a")
    plan(renewed, 1, expires_at=None)
    assert send(renewed) == 1
    assert send(opened("b")) == 0


def test_the_first_sender_has_the_store(opened):
    app = opened("a")
    plan(app, 1, expires_at=None)
    assert (send(app), send(app)) == (1, 0)
