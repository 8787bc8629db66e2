"""The mailbox over TLS: certificates are checked, and no password goes before encryption."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from delivery.imapd import ImapServer

from digest.config import load_config
from digest.delivery.bounces.imap import ImapMailbox
from digest.errors import ConfigError, DeliveryError
from digest.imap import ImapPlace


@pytest.fixture(params=["tls", "starttls"])
def server(request: pytest.FixtureRequest, certificate: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ImapServer(tls=context, starttls=request.param == "starttls") as started:
        yield started


def opened(server: ImapServer, security: str, ca_file: Path | None = None) -> ImapMailbox:
    place = ImapPlace(
        host="127.0.0.1",
        port=server.port,
        user="bounces",
        password="secret",
        folder="INBOX",
        security=security,
        ca_file=ca_file,
    )
    return ImapMailbox(place)


def security_of(server: ImapServer) -> str:
    return "starttls" if server.starttls else "tls"


def test_a_mailbox_is_read_over_tls(server, certificate):
    server.add(b"Subject: x\r\n\r\nx\r\n")
    mailbox = opened(server, security_of(server), certificate)
    assert [mail.content for mail, _ in mailbox.unread("", 9)] == [b"Subject: x\r\n\r\nx\r\n"]
    mailbox.close()


def test_a_certificate_that_nobody_vouches_for_gets_no_password(server):
    with pytest.raises(DeliveryError, match=r"certificate|CERTIFICATE"):
        opened(server, security_of(server))
    assert not any("LOGIN" in command for command in server.commands)


def test_a_server_without_starttls_gets_no_password():
    with ImapServer() as plain:
        with pytest.raises(DeliveryError):
            opened(plain, "starttls")
        assert not any("LOGIN" in command for command in plain.commands)


def test_a_password_never_goes_over_an_open_line():
    with pytest.raises(ConfigError, match="imap_security"):
        load_config(
            overrides={
                "mail": {"bounces": {"imap_host": "imap.example.org", "imap_security": "none"}}
            }
        )
