import contextlib
import gzip
import itertools
import socket
import ssl
import threading
import time
import zlib

import httpx
import pytest
from certificates import a_certificate
from scripted import Reply, serving

from digest.sources._http import Exchange, HttpError, Limits, Transports
from digest.sources._http.connection import resolve

LIMITS = Limits(connect_s=1, read_s=1, total_s=1.5, wire_bytes=100_000, decoded_bytes=300_000)


@pytest.fixture
def web():
    with serving() as script:
        yield script


@pytest.fixture
def ask():
    opened = []

    def asking(url, *, limits=LIMITS, allow_private=True, method="GET", resolver=resolve, **more):
        transports = Transports(limits=limits, resolver=resolver)
        opened.append(transports)
        transport = transports.of("", allow_private=allow_private)
        exchange = Exchange(source="a", transport=transport, limits=limits, user_agent="test/1")
        more.setdefault("headers", {})
        return exchange.ask(method, url, **more)

    yield asking
    for transports in opened:
        transports.close()


def kind_of(call, *arguments, **more):
    with pytest.raises(HttpError) as caught:
        call(*arguments, **more)
    assert caught.value.reason
    return caught.value.kind


def test_an_answer_comes_whole(web, ask):
    web.routes["/"] = Reply(b"hello", headers={"Content-Type": "text/plain"})
    answer = ask(web.url("/"))
    assert (answer.status, answer.content) == (200, b"hello")
    assert web.log[0].headers["user-agent"] == "test/1"
    assert web.log[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_bomb_is_put_down_at_the_limit(web, ask, name, pack):
    web.routes["/"] = Reply(pack(bytes(50_000_000)), headers={"Content-Encoding": name})
    assert kind_of(ask, web.url("/")) == "too-large"


def test_a_large_answer_is_refused_by_its_own_word(web, ask):
    web.routes["/"] = Reply(b"x", length=10_000_000)
    begun = time.monotonic()
    assert kind_of(ask, web.url("/")) == "too-large"
    assert time.monotonic() - begun < 0.9


def test_an_endless_answer_without_a_length_is_cut(web, ask):
    web.routes["/"] = Reply(chunks=itertools.repeat(bytes(10_000)))
    assert kind_of(ask, web.url("/")) == "too-large"


def test_a_short_body_is_not_taken_for_the_whole(web, ask):
    web.routes["/"] = Reply(b"half", length=8)
    assert kind_of(ask, web.url("/")) == "broken-answer"


def test_a_cut_gzip_is_not_taken_for_the_whole(web, ask):
    cut = gzip.compress(bytes(range(256)) * 9)[:-9]
    web.routes["/"] = Reply(cut, headers={"Content-Encoding": "gzip"})
    assert kind_of(ask, web.url("/")) == "bad-encoding"


def test_a_slow_drip_ends_by_the_total_deadline(web, ask):
    web.routes["/"] = Reply(chunks=itertools.repeat(b"."), pause_s=0.2)
    begun = time.monotonic()
    assert kind_of(ask, web.url("/")) == "timeout"
    assert time.monotonic() - begun < 3


def test_slow_headers_end_by_the_total_deadline(web, ask):
    web.routes["/"] = Reply(
        raw=b"HTTP/1.1 200 OK\r\n", chunks=itertools.repeat(b"X: y\r\n"), pause_s=0.2
    )
    assert kind_of(ask, web.url("/")) == "timeout"


def test_endless_headers_are_cut(web, ask):
    web.routes["/"] = Reply(
        raw=b"HTTP/1.1 200 OK\r\n", chunks=itertools.repeat(b"X: " + b"y" * 9000 + b"\r\n")
    )
    assert kind_of(ask, web.url("/")) == "broken-answer"


def test_a_silent_server_is_a_timeout(web, ask):
    web.routes["/"] = Reply(raw=b"", chunks=itertools.repeat(b""), pause_s=0.2)
    assert kind_of(ask, web.url("/")) == "timeout"


def test_a_closed_port_cannot_be_connected_to(ask):
    assert kind_of(ask, "http://127.0.0.1:9/") == "connect"


def test_a_name_without_an_address_is_a_dns_error(ask):
    assert kind_of(ask, "http://nobody.invalid/", resolver=resolve) == "dns"


def test_a_resolver_that_hangs_is_not_waited_for(ask):
    is_over = threading.Event()
    begun = time.monotonic()
    resolver = lambda *_: is_over.wait(60) and []  # noqa: E731
    assert kind_of(ask, "http://slow.example/", resolver=resolver) == "dns"
    assert time.monotonic() - begun < 30
    is_over.set()


def test_plain_text_on_a_tls_address_is_named(ask):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        assert kind_of(ask, f"https://127.0.0.1:{server.getsockname()[1]}/") == "tls"


# Redirects


def test_a_certificate_that_nobody_vouches_for_is_refused(ask, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a_certificate(tmp_path))
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def serve():
            connection, _ = listening.accept()
            with (
                contextlib.suppress(OSError),
                connection,
                context.wrap_socket(connection, server_side=True) as tls,
            ):
                asked.append(tls.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(HttpError, match="certificate"):
            ask(f"https://127.0.0.1:{port}/")
        thread.join(10)
    assert [content for content in asked if content] == []


def test_redirects_are_followed_and_remembered(web, ask):
    web.routes["/a"] = Reply(status=301, headers={"Location": "/b"})
    web.routes["/b"] = Reply(status=302, headers={"Location": web.url("/c")})
    web.routes["/c"] = Reply(b"here")
    answer = ask(web.url("/a"))
    assert (answer.content, answer.url) == (b"here", web.url("/c"))
    assert [hop.status for hop in answer.hops] == [301, 302]


@pytest.mark.parametrize(
    "location",
    ["/loop", "file:///etc/passwd", "ftp://127.0.0.1/", "data:text/plain,x", "", "http://", "//"],
)
def test_a_redirect_to_nowhere_useful_is_one_error(web, ask, location):
    web.routes["/loop"] = Reply(status=302, headers={"Location": location})
    assert kind_of(ask, web.url("/loop")) == "redirect"


def test_credentials_do_not_follow_to_another_host(web, ask):
    web.routes["/a"] = Reply(status=302, headers={"Location": web.url("/b", host="localhost")})
    web.routes["/b"] = Reply(b"here")
    url = web.url("/a").replace("http://", "http://ada:pw@")
    ask(url, headers={"X-Api-Key": "s3cret", "Accept": "text/xml"})
    first, second = web.log
    assert first.headers["authorization"].startswith("Basic ")
    assert first.headers["x-api-key"] == "s3cret"
    assert "authorization" not in second.headers
    assert "x-api-key" not in second.headers
    assert second.headers["accept"] == "text/xml"


def test_a_redirect_off_https_is_refused():
    def answering(request):
        return httpx.Response(302, headers={"Location": "http://example.org/feed"})

    exchange = Exchange(
        source="a", transport=httpx.MockTransport(answering), limits=LIMITS, user_agent="test/1"
    )
    with pytest.raises(HttpError, match="unencrypted"):
        exchange.ask("GET", "https://example.org/feed", headers={})


def test_a_post_is_not_redirected_into_a_get(web, ask):
    web.routes["/a"] = Reply(status=302, headers={"Location": "/b"})
    assert kind_of(ask, web.url("/a"), method="POST", content=b"{}") == "redirect"
    assert web.asked("/b") == []


def test_cookies_live_for_one_exchange(web, ask):
    web.routes["/a"] = Reply(status=302, headers={"Location": "/b", "Set-Cookie": "id=1; Path=/"})
    web.routes["/b"] = Reply(b"here")
    ask(web.url("/a"))
    ask(web.url("/b"))
    assert [asked.headers.get("cookie") for asked in web.log] == [None, "id=1", None]


def test_a_redirect_to_itself_that_waits_for_its_cookie_is_followed(web, ask):
    def gate(asked):
        if asked.headers.get("cookie") == "seen=yes":
            return Reply(b"here")
        return Reply(status=302, headers={"Location": "/", "Set-Cookie": "seen=yes"})

    web.routes["/"] = gate
    assert ask(web.url("/")).content == b"here"


def test_a_loop_that_sets_cookies_names_them(web, ask):
    web.routes["/"] = Reply(status=302, headers={"Location": "/", "Set-Cookie": "id=1"})
    with pytest.raises(HttpError, match="cookies"):
        ask(web.url("/"))


def test_cookies_of_one_host_are_not_sent_to_another(web, ask):
    with serving() as other:
        there = other.url("/b").replace("127.0.0.1", "localhost")
        web.routes["/a"] = Reply(status=302, headers={"Location": there, "Set-Cookie": "id=1"})
        other.routes["/b"] = Reply(b"here")
        ask(web.url("/a"))
        assert "cookie" not in other.log[0].headers


def test_every_request_says_what_it_accepts(web, ask):
    web.routes["/"] = lambda asked: Reply(status=200 if "accept" in asked.headers else 406)
    assert ask(web.url("/")).status == 200
    ask(web.url("/"), headers={"Accept": "text/xml"})
    assert web.log[1].headers["accept"] == "text/xml"


@pytest.mark.parametrize(
    "token", ["UTF-8", "utf8", "none", "text/html", "binary", "identity, UTF-8"]
)
def test_a_content_encoding_that_names_no_codec_says_nothing(web, ask, token):
    web.routes["/"] = Reply(b"hello", headers={"Content-Encoding": token})
    assert ask(web.url("/")).content == b"hello"


@pytest.mark.parametrize("token", ["br", "zstd", "compress"])
def test_a_codec_that_was_not_asked_for_is_refused(web, ask, token):
    web.routes["/"] = Reply(b"hello", headers={"Content-Encoding": token})
    assert kind_of(ask, web.url("/"))


# Private places


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1",
        "169.254.169.254", "[::ffff:127.0.0.1]", "100.64.0.1", "[64:ff9b::7f00:1]", "10.0.0.1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_at_the_connection(ask, host):
    assert kind_of(ask, f"http://{host}/", allow_private=False) == "refused-address"


def test_a_name_with_one_private_address_is_refused(ask):
    found = kind_of(
        ask,
        "http://both.example/",
        allow_private=False,
        resolver=lambda _host, _port: ["93.184.215.14", "10.0.0.1"],
    )
    assert found == "refused-address"


def test_a_name_that_answers_differently_is_connected_where_it_was_checked(web, ask):
    answers = iter([["127.0.0.1"], ["10.9.9.9"]])
    web.routes["/"] = Reply(b"here")
    url = f"http://rebinding.example:{web.port}/"
    assert ask(url, resolver=lambda _host, _port: next(answers)).content == b"here"
    assert web.log[0].headers["host"] == f"rebinding.example:{web.port}"


@pytest.mark.parametrize("target", ["http://169.254.169.254/meta", "http://localhost/"])
def test_a_redirect_from_a_public_place_to_a_private_one_is_refused(target):
    transports = Transports(limits=LIMITS)
    vetted = transports.of("", allow_private=False)

    class PublicThenReal(httpx.BaseTransport):
        def handle_request(self, request):
            if request.url.host == "public.example":
                return httpx.Response(302, headers={"Location": target})
            return vetted.handle_request(request)

    exchange = Exchange(source="a", transport=PublicThenReal(), limits=LIMITS, user_agent="test/1")
    with pytest.raises(HttpError) as caught:
        exchange.ask("GET", "http://public.example/", headers={})
    assert caught.value.kind == "refused-address"
    transports.close()


def test_unusual_ports_of_public_hosts_are_refused(ask):
    found = kind_of(
        ask,
        "http://mail.example:25/",
        allow_private=False,
        resolver=lambda _host, _port: ["93.184.215.14"],
    )
    assert found == "refused-address"


def test_a_proxy_in_the_environment_is_ignored(web, ask, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    web.routes["/"] = Reply(b"here")
    assert ask(web.url("/")).content == b"here"


def test_each_thread_has_its_own_connections_and_a_limited_provider_one():
    transports = Transports(limits=LIMITS)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(transports.of("", allow_private=False)))
    thread.start()
    thread.join()
    assert seen[0] is not transports.of("", allow_private=False)
    assert transports.of("arxiv", allow_private=False) is transports.of(
        "arxiv", allow_private=False
    )
    assert transports.of("", allow_private=True) is not transports.of("", allow_private=False)
    transports.close()


@contextlib.contextmanager
def keeping(most):
    """Serve 304 on connections that are kept, and dropped without a word after so many."""
    accepted = []

    def answer(listening):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                accepted.append(connection)
                count = 0
                while connection.recv(65_536):
                    if count == most:
                        break
                    count += 1
                    connection.sendall(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=answer, args=(listening,), daemon=True).start()
        transports = Transports(limits=LIMITS)
        transport = transports.of("", allow_private=True)
        exchange = Exchange(source="a", transport=transport, limits=LIMITS, user_agent="test/1")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        yield accepted, lambda: exchange.ask("GET", url, headers={}).status
        transports.close()


def test_answers_without_a_body_leave_their_connection_open():
    with keeping(most=9) as (accepted, status):
        assert [status() for _ in range(3)] == [304, 304, 304]
    assert len(accepted) == 1


def test_a_kept_connection_that_was_closed_is_replaced():
    with keeping(most=1) as (accepted, status):
        assert [status() for _ in range(3)] == [304, 304, 304]
    assert len(accepted) == 3


def test_a_server_that_hangs_up_on_new_connections_is_asked_once():
    with keeping(most=0) as (accepted, status):
        assert kind_of(status) == "broken-answer"
    assert len(accepted) == 1
