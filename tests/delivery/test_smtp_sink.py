"""The fault table before another server: Postfix's ``smtp-sink``, where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders import an_edition_input
from delivery.messages import a_message, yes

from digest.delivery import OutcomeKind, Phase
from digest.delivery.smtp import SmtpSession, transport
from digest.rendering.compose import Composer

SINK = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin")
pytestmark = pytest.mark.skipif(SINK is None, reason="smtp-sink (of Postfix) is not installed")

DEFERRED, FAILED = OutcomeKind.DEFERRED, OutcomeKind.FAILED
SENT, UNCERTAIN = OutcomeKind.SENT, OutcomeKind.UNCERTAIN


@pytest.fixture
def sink() -> Iterator[Callable[..., SmtpSession]]:
    """Start a sink with these options; give a session to it."""
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> SmtpSession:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            user = ["-u", "nobody"] if os.getuid() == 0 else []
            command = [str(SINK), *user, *options, f"127.0.0.1:{port}", "20"]
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(lambda: (child.kill(), child.wait()))
            ends = time.monotonic() + 30
            while time.monotonic() < ends:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.05)
            options_of_ours = {"host": "127.0.0.1", "port": port, "dot_timeout_s": 1}
            session = transport("sink", options_of_ours).open()
            stack.callback(session.close)
            return session

        yield start


@pytest.mark.parametrize("plain", [(), ("-p",)], ids=["pipelined", "one-by-one"])
@pytest.mark.parametrize(
    ("fault", "kind", "phase", "is_kept"),
    [
        (("-q", "."), UNCERTAIN, Phase.DOT, False),
        (("-W", ".:5"), UNCERTAIN, Phase.DOT, False),
        (("-Q", "DATA"), DEFERRED, Phase.DATA, False),
        (("-q", "RCPT"), DEFERRED, Phase.RCPT, False),
        (("-r", "RCPT"), DEFERRED, Phase.RCPT, True),
        (("-f", "RCPT", "-B", "550 5.1.1 nobody here"), FAILED, Phase.RCPT, True),
        (("-r", "."), DEFERRED, Phase.DOT, True),
        (("-f", ".", "-B", "554 5.7.1 spam"), FAILED, Phase.DOT, True),
        ((), SENT, Phase.DONE, True),
    ],
)
def test_a_fault_of_the_sink_ends_in_its_phase(sink, fault, plain, kind, phase, is_kept):
    session = sink(*fault, *plain)
    outcome = session.send(a_message(), yes)
    assert (outcome.kind, outcome.phase) == (kind, phase)
    assert (session._connection is not None) is is_kept


def test_what_the_sink_took_is_what_was_composed(sink):
    message = Composer().compose(an_edition_input())
    # Not in pytest's own folder, which is closed to the user that the sink becomes.
    with tempfile.TemporaryDirectory(prefix="digest-sink-") as folder:
        Path(folder).chmod(0o777)
        session = sink("-D", f"{folder}/taken.")
        assert session.send(message, yes).kind is SENT
        session.close()
        [taken] = Path(folder).glob("taken.*")
        content = taken.read_bytes()
    assert message.content.replace(b"\r\n", b"\n") in content.replace(b"\r\n", b"\n")
