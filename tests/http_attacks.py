"""Requests made to hurt the pages, and how a running server bears them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, urlencode

from hostile_inputs import HostileInput, hostile_inputs
from running import OWNER, Running

SECRET = "a-secret-of-some-length"
CONFIG = f"""trusted_proxies = ["127.0.0.1"]
[mail.bounces]
webhook_secret = "{SECRET}"
"""
"""Each request comes as if from a network of its own: no limit of rates hides what it costs."""
FORM = "application/x-www-form-urlencoded"
PATIENCE_S = 60
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Attack:
    """One request, or bytes that are none."""

    name: str
    send: Callable[[Running], tuple[int, bytes]]


def asking(name: str, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Attack:
    """Return an attack that is a request, as if from a network of its own."""
    number = next(_numbers)
    own = {"X-Forwarded-For": f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}"}
    return Attack(
        name,
        lambda server: server.ask(
            path, method=method, body=body, headers=own | headers, timeout=PATIENCE_S
        ),
    )


def by_http() -> Iterator[Attack]:
    """Yield every listed input whose door is a page, and requests that are hostile themselves."""
    yield from of_requests()
    for one in hostile_inputs():
        yield from of_input(one)


def of_input(one: HostileInput) -> Iterator[Attack]:
    content = one.content
    if one.door == "library" and isinstance(content, bytes):
        head = (
            b"--b\r\nContent-Disposition: form-data; name=library; filename=a.bib\r\n"
            b"Content-Type: text/plain\r\n\r\n"
        )
        yield asking(one.name, "/preview", "POST", head + content + b"\r\n--b--\r\n",
                     **{"Content-Type": "multipart/form-data; boundary=b"})  # fmt: skip
    elif one.door == "form" and isinstance(content, Mapping):
        body = urlencode(content, errors="replace").encode()
        yield asking(one.name, "/preview", "POST", body, **{"Content-Type": FORM})
    elif one.door in {"search", "papers", "address"}:
        said = quote_from_bytes(str(content).encode("utf-8", "replace"), safe="")
        if one.door == "address":
            yield asking(one.name, "/preferences", "POST", f"address={said}".encode(),
                         **{"Content-Type": FORM})  # fmt: skip
        else:
            path = "/search?q=" if one.door == "search" else "/subscribe?terms=x&papers="
            yield asking(one.name, path + said)
    elif one.door == "webhook" and isinstance(content, bytes):
        yield asking(one.name, f"/hooks/bounces/{SECRET}", "POST", content)
    elif one.door == "api" and isinstance(content, bytes):
        yield asking(one.name, "/api/v1/subscribers", "POST", content, **OWNER,
                     **{"Content-Type": "application/json"})  # fmt: skip


def of_requests() -> Iterator[Attack]:
    """Yield requests that ask for much, and bytes that are hardly HTTP."""
    month = f"/papers/{time.strftime('%Y-%m')}"
    for query in ("", "?sort=interests&terms=x", "?sort=interests&terms=model,learning,network",
                  "?sort=newest&page=9999", "?category=cs.LG", "?category=none", "?source=none",
                  "?sort=interests&terms=" + ",".join(f"a{n}" for n in range(400)),
                  "?sort=interests&categories=cs.LG&authors=Ba",
                  "?terms=" + "%25" * 600):  # fmt: skip
        for path in (month, "/", "/feeds/daily.atom", "/feeds/daily.json"):
            yield asking(f"list: {path}{query[:40]}", path + query)
    for query in ("model", "-a", '"', "a b c d e f g h i j k l m n o p", "model OR the", "*",
                  "%00", "NEAR(model)", "-model -the of", "model&from=1990-01-01"):  # fmt: skip
        yield asking(f"search: {query}", f"/search?q={query.replace(' ', '+')}&x={len(query)}")
        yield asking(f"feed: {query}", f"/feeds/search.atom?path=1&q={query.replace(' ', '+')}")
    many = "&".join(f"f{n}=1" for n in range(8000)).encode()
    yield asking("fields: 8,000", "/preferences", "POST", many, **{"Content-Type": FORM})
    yield asking(
        "fields: 2 MB of &", "/preview", "POST", b"&" * 2_000_000, **{"Content-Type": FORM}
    )
    yield asking("fields: 2 MB of a=&", "/preview", "POST", b"a=&" * 700_000,
                 **{"Content-Type": FORM})  # fmt: skip
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    for name, body in {
        "40,000 parts": part * 40_000, "a part without end": part[:-4] + b"\r" * 3_000_000,
        "returns": b"--b\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n"
        + b"\r\n-" * 1_000_000, "a header without end": b"--b\r\n" + b"a" * 3_000_000,
        "20,000 headers": b"--b\r\n" + b"A: b\r\n" * 200_000, "boundaries": b"--b\r\n" * 500_000,
    }.items():  # fmt: skip
        yield asking(f"multipart: {name}", "/preview", "POST", body, **multipart)
    yield asking("multipart: long boundary", "/preview", "POST", b"-" * 3_000_000,
                 **{"Content-Type": "multipart/form-data; boundary=" + "-" * 4000})  # fmt: skip
    for name, raw in RAW.items():
        yield Attack(f"bytes: {name}", lambda server, raw=raw: server.raw(raw, PATIENCE_S))


RAW = {
    "nothing like HTTP": b"\x16\x03\x01" + b"\xff" * 5000 + b"\r\n\r\n",
    "a line of 1 MB": b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\n\r\n",
    "a header of 1 MB": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 1_000_000 + b"\r\n\r\n",
    "4,000 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 4000 + b"\r\n",
    "many requests at once": b"GET /robots.txt HTTP/1.1\r\nHost: x\r\n\r\n" * 2000
    + b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a huge length": b"POST /preview HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\na",
    "bad chunks": b"POST /preview HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "chunks of a byte": b"POST /preview HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 300_000 + b"0\r\n\r\n",
    "WebSocket": b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade, close\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 1000 + b"\r\n\r\n",
    "percent signs": b"GET /papers/" + b"%25" * 3000 + b" HTTP/1.1\r\nHost: x\r\n"
    b"Connection: close\r\n\r\n",
}


class Health(threading.Thread):
    """Asks /healthz again and again, and keeps the longest time that it took."""

    def __init__(self, server: Running) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._ended = threading.Event()
        self.worst = 0.0
        self.failures = 0

    def run(self) -> None:
        while not self._ended.wait(0.05):
            started = time.monotonic()
            try:
                status, _ = self._server.ask("/healthz", timeout=PATIENCE_S)
            except OSError:
                status = 0
            self.worst = max(self.worst, time.monotonic() - started)
            self.failures += status != 200

    def stop(self) -> None:
        self._ended.set()
        self.join()


def attack(
    server: Running, attacks: Iterable[Attack], note: Callable[[str], None]
) -> dict[str, float]:
    """Send each input while health is asked for."""
    found = {"inputs": 0, "crashed": 0, "stuck": 0, "failed": 0, "healthz_worst_s": 0.0,
             "cpu_worst_s": 0.0, "healthz_failures": 0}  # fmt: skip
    for one in attacks:
        before = server.cpu_s
        health = Health(server)
        health.start()
        started = time.monotonic()
        try:
            status, _ = one.send(server)
        except OSError:
            status = -1
        taken = time.monotonic() - started
        time.sleep(0.1)
        health.stop()
        cpu = server.cpu_s - before
        found["inputs"] += 1
        found["stuck"] += status == -1
        found["failed"] += status >= 500 and status != 503
        found["healthz_worst_s"] = max(found["healthz_worst_s"], round(health.worst, 3))
        found["healthz_failures"] += health.failures
        found["cpu_worst_s"] = max(found["cpu_worst_s"], round(cpu, 3))
        if cpu > 1 or health.worst > 0.5 or status in {-1, 500}:
            note(f"{one.name}: {status} in {taken:.2f} s, cpu {cpu:.2f}, health {health.worst:.2f}")
        if server.process.poll() is not None:
            found["crashed"] += 1
            break
    return found
