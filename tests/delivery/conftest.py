from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from delivery.smtpd import ScriptedServer

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
