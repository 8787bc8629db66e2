from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from delivery.messages import a_message, yes
from pydantic import ValidationError

from digest.delivery import OutcomeKind
from digest.delivery.http import transport


@pytest.fixture
def service():
    """A real HTTP service: answers what ``answers`` says, keeps what it was given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.posts.append((dict(self.headers), json.loads(body)))
            status = server.answers.pop(0) if server.answers else 200
            if status is None:
                self.close_connection = True
                return
            said = b'{"id": "abc-1"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.posts, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/send"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def send(service, message=None, before_dot=yes, **options):
    session = transport("web", {"url": service.url, "id_field": "id"} | options).open()
    try:
        return session.send(message or a_message(), before_dot)
    finally:
        session.close()


def test_the_whole_mail_goes_in_one_field(service):
    outcome = send(service, headers={"X-Token": "t0ken"})
    headers, body = service.posts[0]
    assert (outcome.kind, outcome.queue_id) == (OutcomeKind.SENT, "abc-1")
    assert base64.b64decode(body["raw"]) == a_message().content
    assert (body["to"], headers["X-Token"]) == ("ada1@example.org", "t0ken")


def test_fields_take_the_shape_that_a_service_wants(service):
    content = b"Subject: Papers\r\nList-Id: <a.b>\r\n\r\nHello.\r\n"
    fields = {"Destination.To": "recipient", "TextBody": "text", "Headers": "headers"}
    send(service, a_message(content=content), fields=fields, constants={"Stream": "broadcast"})
    assert service.posts[0][1] == {
        "Destination": {"To": "ada1@example.org"},
        "TextBody": "Hello.\n",
        "Headers": [{"Name": "List-Id", "Value": "<a.b>"}],
        "Stream": "broadcast",
    }


@pytest.mark.parametrize(
    ("status", "kind", "stops"),
    [
        (429, OutcomeKind.DEFERRED, False),
        (503, OutcomeKind.DEFERRED, False),
        (401, OutcomeKind.DEFERRED, True),
        (422, OutcomeKind.FAILED, False),
        (None, OutcomeKind.UNCERTAIN, False),
    ],
)
def test_answers_mean_what_replies_mean(service, status, kind, stops):
    service.answers.append(status)
    outcome = send(service)
    assert (outcome.kind, outcome.stops_relay) == (kind, stops)


def test_a_withdrawn_message_is_not_posted(service):
    assert send(service, before_dot=lambda: False).kind is OutcomeKind.WITHDRAWN
    assert service.posts == []


def test_a_service_that_is_not_there_is_no_loss():
    session = transport("web", {"url": "http://127.0.0.1:9/"}).open()
    outcome = session.send(a_message(), yes)
    session.close()
    assert (outcome.kind, outcome.blames_relay) == (OutcomeKind.DEFERRED, True)


@pytest.mark.parametrize("wrong", [{"url": "http://example.org/"}, {"fields": {"a": "bcc"}}])
def test_a_wrong_option_is_refused(wrong):
    with pytest.raises(ValidationError):
        transport("web", {"url": "https://example.org/"} | wrong)
