from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from builders import NOON
from certificates import a_certificate
from delivery.smtpd import ScriptedServer

from digest.app import App, open_app
from digest.config import load_config
from digest.delivery.smtp import SmtpSession, SmtpTransport, transport


@pytest.fixture
def server() -> Iterator[Callable[..., ScriptedServer]]:
    """Start scripted servers: ``server({"RCPT": ["450 4.2.0 later"]})``."""
    with ExitStack() as stack:

        def start(script: dict[str, list[str]] | None = None, **changes: Any) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(script=script or {}, **changes))

        yield start


@pytest.fixture
def relay() -> Callable[..., SmtpTransport]:
    def make(server: ScriptedServer, **options: Any) -> SmtpTransport:
        values = {"host": "127.0.0.1", "port": server.port, "dot_timeout_s": 1}
        return transport("main", values | {"command_timeout_s": 1, "data_timeout_s": 1} | options)

    return make


@pytest.fixture
def session_to(relay: Callable[..., SmtpTransport]) -> Iterator[Callable[..., SmtpSession]]:
    """Open sessions that are closed after the test."""
    with ExitStack() as stack:

        def start(server: ScriptedServer, **options: Any) -> SmtpSession:
            session = relay(server, **options).open()
            stack.callback(session.close)
            return session

        yield start


@pytest.fixture
def open_digest(tmp_path):
    """Open an App whose relays are the given servers."""
    kept = []

    def start(*servers, now=NOON, limits=None, **mail) -> App:
        relay = {"kind": "smtp", "host": "127.0.0.1", "command_timeout_s": 1, "dot_timeout_s": 1}
        relay |= limits or {}
        config = load_config(
            overrides={
                "digest": {"data_dir": str(tmp_path / "data")},
                "mail": {"sender": "digest@example.org", "batch_size": 5} | mail,
                "transports": {
                    f"relay{n}": relay | {"port": s.port} for n, s in enumerate(servers)
                },
            }
        )
        manager = open_app(config, now=now)
        kept.append(manager)
        return manager.__enter__()

    yield start
    for manager in kept:
        manager.__exit__(None, None, None)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a certificate of our own for 127.0.0.1, with its key in one file."""
    return a_certificate(tmp_path_factory.mktemp("tls"))
