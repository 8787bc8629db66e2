"""Connect to vetted addresses only, and never outlive the exchange's deadline.

The name is resolved, every address is checked, and the connection goes to the checked address
itself: a name that answers differently a moment later gains nothing. The certificate is still
checked against the name.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from digest.sources._http.addresses import WEB_PORTS, why_any_refused
from digest.sources._http.errors import NoSuchHostError, RefusedError, TooSlowError

Resolver = Callable[[str, int], list[str]]

deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))
"""When (by the monotonic clock) the present exchange has to be over."""


def resolve(host: str, port: int) -> list[str]:
    """Return all addresses of a name, in the system's order."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as exc:
        raise NoSuchHostError(f"{host} has no address ({exc})") from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_within(resolver: Resolver, host: str, port: int, timeout: float | None) -> list[str]:
    """Return all addresses of a name. Raises NoSuchHostError, also where no answer comes in time.

    The system's resolver has no timeout that a program could set: it is asked on a thread, which
    is left behind with its question.
    """
    if _is_address(host):
        return resolver(host, port)
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(host, port))
        except Exception as exc:  # noqa: BLE001 - raised below, where somebody waits
            answers.put(exc)

    threading.Thread(target=ask, daemon=True, name="resolve").start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise NoSuchHostError(f"{host} has no address (no answer in {timeout:g} s)") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _is_address(host: str) -> bool:
    """Tell a literal address, for which nobody is asked."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return True
    return False


def time_left(timeout: float | None) -> float | None:
    """Return how long one step may still take. Raises TooSlowError after the deadline."""
    left = deadline.get() - time.monotonic()
    if left <= 0:
        raise TooSlowError("the whole answer took too long")
    if left == float("inf"):
        return timeout
    return left if timeout is None else min(timeout, left)


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every step counts against the deadline: a timeout per read never ends."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, time_left(timeout))
        )

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class VettingBackend(httpcore.SyncBackend):
    """Connect where a source may live."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        ports: frozenset[int] = WEB_PORTS,
        resolver: Resolver = resolve,
    ) -> None:
        self._allow_private = allow_private
        self._ports = ports
        self._resolver = resolver
        self.connects = 0
        """Connections asked for so far."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Resolve, check all addresses, and connect to the first that answers."""
        self.connects += 1
        if not self._allow_private and port not in self._ports:
            raise RefusedError(f"port {port} is not one that papers are announced on")
        addresses = resolve_within(self._resolver, host, port, time_left(timeout))
        if not self._allow_private and (reason := why_any_refused(addresses)):
            raise RefusedError(
                f"{host} leads to a private place ({reason}); set allow_private = true for this "
                "source if that is meant"
            )
        for number, address in enumerate(addresses, 1):
            try:
                stream = super().connect_tcp(
                    address, port, time_left(timeout), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                return _TimedStream(stream)
        raise NoSuchHostError(f"{host} has no address")


class VettedTransport(httpx.HTTPTransport):
    """httpx's transport over a pool that connects through the VettingBackend.

    It is used as it is, without an httpx.Client: no cookie jar, no redirects behind our back,
    no proxies or certificates out of the environment.
    """

    def __init__(
        self, backend: VettingBackend, context: ssl.SSLContext, connections: int = 10
    ) -> None:
        super().__init__(verify=context, trust_env=False)
        self._backend = backend
        self._pool.close()
        # httpx has no public argument for the backend; tests hold this to the installed release.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask; once more where a kept connection turns out to be closed (RFC 9110, 9.2.2).

        A server may close it at the very moment at which it is used again. Only a GET is repeated,
        and never one for which a connection was made.
        """
        before = self._backend.connects
        try:
            return super().handle_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if request.method != "GET" or self._backend.connects != before:
                raise
            return super().handle_request(request)
