"""One bounded exchange: a request, its redirects, and the whole decoded answer.

It judges the wire (sizes, times, redirects), not the status: 304 and 503 are answers, too.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import httpx

from digest.sources._http.addresses import WEB_PORTS
from digest.sources._http.connection import (
    Resolver,
    VettedTransport,
    VettingBackend,
    deadline,
    resolve,
)
from digest.sources._http.errors import HttpError
from digest.sources._http.explain import explain
from digest.sources._http.inflate import decoded
from digest.sources._http.redact import redact

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})
LONGEST_ADDRESS = 8192
LONGEST_HEADER = 8192
"""Characters of an answer's header; a longer one is as if it were not there."""
OWN_HEADERS = frozenset({"accept", "user-agent", "accept-language"})
"""What follows a redirect to another host; keys and credentials do not."""


ValidatorsOf = Callable[[str], Mapping[str, str]]
"""Gives the conditional headers for exactly one address, so that it may answer 304."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one exchange may cost."""

    connect_s: float = 10
    read_s: float = 20
    total_s: float = 60
    wire_bytes: int = 8 << 20
    decoded_bytes: int = 24 << 20
    redirects: int = 8
    ports: frozenset[int] = WEB_PORTS


@dataclass(frozen=True, kw_only=True)
class Hop:
    """One redirect that was followed."""

    status: int
    url: str
    to: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, decoded, with the redirects that led to it."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case; a repeated header is joined with commas."""
    content: bytes = b""
    hops: tuple[Hop, ...] = ()
    asked: Mapping[str, str] = field(default_factory=dict)
    """The validators that the answering address was sent."""


@dataclass(frozen=True, kw_only=True)
class Transports:
    """The connections of one run: small sets, one a thread, none shared with private places.

    httpx's pool slows down with many connections and threads; a set a thread has no locks to
    wait for. Sources of one limited provider share a single connection instead.
    """

    limits: Limits = field(default_factory=Limits)
    resolver: Resolver = resolve
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _shared: dict[tuple[str, bool], VettedTransport] = field(default_factory=dict, repr=False)
    _opened: list[VettedTransport] = field(default_factory=list, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, provider: str, *, allow_private: bool) -> httpx.BaseTransport:
        """Return the transport for this thread, or the one of a provider with a limit."""
        if provider:
            with self._lock:
                key = (provider, allow_private)
                if key not in self._shared:
                    self._shared[key] = self._open(allow_private, connections=1)
                return self._shared[key]
        name = "private" if allow_private else "public"
        found: VettedTransport | None = getattr(self._local, name, None)
        if found is None:
            with self._lock:
                found = self._open(allow_private, connections=10)
            setattr(self._local, name, found)
        return found

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for transport in self._opened:
                transport.close()
            self._opened.clear()
            self._shared.clear()

    def _open(self, allow_private: bool, connections: int) -> VettedTransport:
        backend = VettingBackend(
            allow_private=allow_private, ports=self.limits.ports, resolver=self.resolver
        )
        transport = VettedTransport(backend, self._context, connections)
        self._opened.append(transport)
        return transport

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return httpx.create_ssl_context(trust_env=False)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Asks on behalf of one source."""

    source: str
    transport: httpx.BaseTransport
    limits: Limits
    user_agent: str

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        validators_of: ValidatorsOf = lambda _url: {},
    ) -> Answer:
        """Return the answer after redirects. Raises HttpError where there is no whole one."""
        token = deadline.set(time.monotonic() + self.limits.total_s)
        try:
            return self._follow(method, url, headers, content, validators_of)
        except HttpError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as exc:
            host = httpx.URL(url).host if "://" in url else url
            kind, reason = explain(exc, host, self.limits.total_s)
            permanent = kind == "refused-address"
            raise self._error(reason, kind, permanent=permanent) from exc
        finally:
            deadline.reset(token)

    def _follow(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes,
        validators_of: ValidatorsOf,
    ) -> Answer:
        hops: list[Hop] = []
        cookies = httpx.Cookies()
        target, sent = _without_credentials(self._parsed(url), headers)
        while True:
            asked = validators_of(str(target))
            answer = self._once(method, target, {**sent, **asked}, content, cookies)
            if answer.status not in REDIRECTS:
                return Answer(
                    url=answer.url,
                    status=answer.status,
                    headers=answer.headers,
                    content=answer.content,
                    hops=tuple(hops),
                    asked=asked,
                )
            following = self._next(method, target, answer)
            hops.append(Hop(status=answer.status, url=str(target), to=str(following)))
            if len(hops) > self.limits.redirects:
                why = "; it sets cookies, which may be what it waits for" if cookies else ""
                reason = f"{url} redirects more than {len(hops) - 1} times{why}"
                raise self._error(reason, "redirect")
            if _origin(following) != _origin(target):
                sent = {name: sent[name] for name in sent if name.lower() in OWN_HEADERS}
            target = following

    def _next(self, method: str, target: httpx.URL, answer: Answer) -> httpx.URL:
        location = answer.headers.get("location", "").strip()
        if not location:
            raise self._error(f"{target} redirects to nowhere", "redirect")
        if len(location) > LONGEST_ADDRESS:
            reason = f"{target} redirects to an address of {len(location):,} characters"
            raise self._error(reason, "redirect")
        following = self._parsed(str(target.join(location)), kind="redirect")
        following = following.copy_with(username=None, password=None, fragment=None)
        if target.scheme == "https" and following.scheme != "https":
            raise self._error(f"{target} redirects to an unencrypted address", "redirect")
        if method != "GET" and (answer.status < 307 or _origin(following) != _origin(target)):
            raise self._error(f"{target} redirects a {method}", "redirect")
        return following

    def _once(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: bytes,
        cookies: httpx.Cookies,
    ) -> Answer:
        limits = self.limits
        timeouts = {
            "connect": limits.connect_s,
            "read": limits.read_s,
            "write": limits.read_s,
            "pool": limits.total_s,
        }
        sent = {
            "User-Agent": self.user_agent,
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            **headers,
        }
        request = _request(method, url, sent, content, {"timeout": timeouts})
        if cookies:
            cookies.set_cookie_header(request)
        response = self.transport.handle_request(request)
        try:
            if response.status_code in REDIRECTS:
                _keep_cookies(cookies, request, response)
            found = {
                name.lower(): value
                for name, value in response.headers.items()
                if len(value) <= LONGEST_HEADER or name.lower() == "location"
            }
            body = b""
            if response.status_code == 304:
                _drain(response)
            elif response.status_code not in REDIRECTS:
                body = self._read(response, found, url)
        finally:
            response.close()
        return Answer(url=str(url), status=response.status_code, headers=found, content=body)

    def _read(self, response: httpx.Response, headers: Mapping[str, str], url: httpx.URL) -> bytes:
        assert isinstance(response.stream, httpx.SyncByteStream)
        limits = self.limits
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > limits.wire_bytes:
            raise self._too_large(url, limits.wire_bytes, "as sent")
        body = bytearray()
        encodings = headers.get("content-encoding", "")
        for piece in decoded(self._counted(response.stream, url), encodings):
            body += piece
            if len(body) > limits.decoded_bytes:
                raise self._too_large(url, limits.decoded_bytes, "decoded")
        return bytes(body)

    def _counted(self, chunks: Iterable[bytes], url: httpx.URL) -> Iterable[bytes]:
        count = 0
        for chunk in chunks:
            count += len(chunk)
            if count > self.limits.wire_bytes:
                raise self._too_large(url, self.limits.wire_bytes, "as sent")
            yield chunk

    def _parsed(self, url: str, kind: str = "bad-address") -> httpx.URL:
        try:
            found = _address(url)
        except (httpx.InvalidURL, ValueError) as exc:
            raise self._error(f"{url[:200]} is not an address", kind, permanent=True) from exc
        if found.scheme not in {"http", "https"} or not found.host:
            raise self._error(f"{url[:200]} is not an http(s) address", kind, permanent=True)
        return found

    def _too_large(self, url: httpx.URL, limit: int, how: str) -> HttpError:
        return self._error(f"{url} answers with more than {limit:,} bytes {how}", "too-large")

    def _error(self, reason: str, kind: str, *, permanent: bool = False) -> HttpError:
        return HttpError(self.source, redact(reason), kind=kind, permanent=permanent)


class _Nothing(httpx.SyncByteStream):
    """The content of a request that has none."""

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


_NOTHING = _Nothing()
_address = lru_cache(maxsize=4096)(httpx.URL)
"""Sources are asked for the same addresses again and again, and reading one takes its time."""


def _request(
    method: str,
    url: httpx.URL,
    headers: Mapping[str, str],
    content: bytes,
    extensions: Mapping[str, object],
) -> httpx.Request:
    if content:
        return httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
    # Given a stream httpx works out no headers of its own: half the cost of a request.
    host = {"Host": url.netloc.decode("ascii")}
    stated = {"Content-Length": "0"} if method == "POST" else {}
    return httpx.Request(
        method, url, headers={**host, **stated, **headers}, stream=_NOTHING, extensions=extensions
    )


def _keep_cookies(cookies: httpx.Cookies, request: httpx.Request, response: httpx.Response) -> None:
    """Take the cookies of a redirect along, for this exchange alone."""
    given = response.headers.get_list("set-cookie")
    if given and sum(map(len, given)) <= LONGEST_HEADER:
        response.request = request
        cookies.extract_cookies(response)


def _drain(response: httpx.Response) -> None:
    """Read to the end of an answer without a body: only then is its connection used again."""
    assert isinstance(response.stream, httpx.SyncByteStream)
    for _ in response.stream:
        return  # it has a body after all: no connection to be kept


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _without_credentials(
    url: httpx.URL, headers: Mapping[str, str]
) -> tuple[httpx.URL, dict[str, str]]:
    """Move ``user:password@`` into a header, so that no redirect and no log carries it on."""
    sent = dict(headers)
    if url.userinfo:
        request = httpx.Request("GET", url)
        flow = httpx.BasicAuth(url.username, url.password).auth_flow(request)
        sent.setdefault("Authorization", next(flow).headers["Authorization"])
        url = url.copy_with(username=None, password=None)
    return (url.copy_with(fragment=None) if url.fragment else url), sent
