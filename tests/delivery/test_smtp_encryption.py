"""SMTP over TLS against another implementation's server, and what is refused without it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from delivery.messages import a_message, yes
from pydantic import ValidationError

from digest.delivery import OutcomeKind
from digest.delivery.smtp import SmtpOptions, transport
from digest.errors import DeliveryError

# The server warns of itself: it does not count TLS from the start as TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class Keeper:
    """Keeps what arrives, and who logged in."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []
        self.logins: list[bytes] = []

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.kept.append(envelope.original_content)
        return "250 2.0.0 Ok: queued as AB12"

    def authenticate(self, server, session, envelope, mechanism, data) -> AuthResult:
        self.logins.append(data.login)
        # Not handled: the server says itself that the login failed.
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture(params=["starttls", "tls"])
def guarded(request: pytest.FixtureRequest, certificate: Path):
    """Give a keeper, and the options of a relay that asks for encryption and a login."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    keeper = Keeper()
    asks = {"authenticator": keeper.authenticate, "auth_required": True}
    if request.param == "starttls":
        asks |= {"tls_context": context, "require_starttls": True}
    else:
        asks |= {"ssl_context": context, "auth_require_tls": False}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(keeper, hostname="127.0.0.1", port=port, **asks)
    controller.start()
    try:
        yield keeper, {"host": "127.0.0.1", "port": port, "security": request.param}
    finally:
        controller.stop()


def sent(options: dict[str, object]) -> OutcomeKind:
    session = transport("main", options).open()
    try:
        return session.send(a_message(content=b"Subject: x\r\n\r\n.dot\r\nend \r\n"), yes).kind
    finally:
        session.close()


def test_a_mail_arrives_encrypted_after_a_login(guarded, certificate: Path):
    keeper, options = guarded
    assert sent(options | login("right", certificate)) is OutcomeKind.SENT
    assert (len(keeper.kept), keeper.logins) == (1, [b"ada"])
    assert keeper.kept[0].endswith(b"\r\n.dot\r\nend \r\n")


def test_a_certificate_that_nobody_vouches_for_gets_no_login(guarded):
    keeper, options = guarded
    with pytest.raises(DeliveryError, match="certificate that does not hold") as caught:
        sent(options | {"user": "ada", "password": "right"})
    assert (caught.value.permanent, keeper.logins) == (True, [])


def test_a_certificate_of_another_name_gets_no_login(guarded, certificate: Path):
    keeper, options = guarded
    with pytest.raises(DeliveryError, match="certificate that does not hold"):
        sent(options | login("right", certificate) | {"host": "localhost"})
    assert keeper.logins == []


def test_a_wrong_password_is_named_without_saying_it(guarded, certificate: Path):
    _, options = guarded
    with pytest.raises(DeliveryError, match="refused the login of ada") as caught:
        sent(options | login("wrong-one", certificate))
    assert caught.value.permanent
    assert "wrong-one" not in str(caught.value)


def login(password: str, certificate: Path) -> dict[str, object]:
    return {"user": "ada", "password": password, "ca_file": str(certificate)}


def test_what_was_said_before_encryption_is_not_believed(certificate: Path):
    """RFC 3207 section 6: whoever stands between may put words in before TLS begins."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        thread = threading.Thread(target=_inject, args=(listening, context), daemon=True)
        thread.start()
        options = {"host": "127.0.0.1", "port": port, "security": "starttls"}
        # Refused, or what was put in is thrown away: never taken for the server's own word.
        with contextlib.suppress(DeliveryError):
            session = transport("main", options | {"ca_file": str(certificate)}).open()
            assert session._dialogue.features.size_limit == 777
            assert not session._dialogue.features.pipelining
            session.close()
        thread.join(10)


def _inject(listening: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    with contextlib.suppress(OSError), connection:
        connection.sendall(b"220 relay.test ESMTP\r\n")
        connection.recv(4096)
        connection.sendall(b"250-relay.test\r\n250 STARTTLS\r\n")
        connection.recv(4096)
        injected = b"250-relay.test\r\n250-PIPELINING\r\n250 SIZE 1\r\n"
        connection.sendall(b"220 2.0.0 go on\r\n" + injected)
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(b"250-relay.test\r\n250 SIZE 777\r\n")
            tls.recv(4096)


def test_off_this_machine_encryption_is_the_default_and_time_is_generous():
    options = SmtpOptions(host="relay.example.org")
    assert options.effective_security == "starttls"
    assert SmtpOptions(host="relay.example.org", port=465).effective_security == "tls"
    assert SmtpOptions(host="127.0.0.1").effective_security == "none"
    # RFC 5321 4.5.3.2; a short wait for the dot's reply makes doubles.
    assert options.dot_timeout_s >= 600
    assert (options.command_timeout_s, options.data_timeout_s) >= (300, 180)
    assert (options.idle_s, options.max_messages_per_connection) == (30, 50)


def test_a_password_over_an_open_line_is_a_mistake_in_the_configuration():
    with pytest.raises(ValidationError, match=r"encryption|security"):
        SmtpOptions(host="relay.example.org", security="none", user="ada", password="x")
