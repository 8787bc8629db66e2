"""The Fetcher of one poll of one source: validators in, bodies and news of the addresses out.

What it learns (new validators, redirects, the addresses it asked) is kept on it for the poll to
store; it stores nothing, and decides nothing about the next poll.
"""

from __future__ import annotations

import hashlib
import json as jsonlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from digest.sources import Body
from digest.sources._http.errors import HttpError
from digest.sources._http.exchange import PERMANENT, Answer, Exchange
from digest.sources._http.redact import redact
from digest.sources._http.retry_after import read_retry_after

UNCONDITIONAL_EVERY = timedelta(days=7)
"""Some servers answer 304 for ever: once a week the whole answer is asked for."""
MAX_REQUESTS = 1_000
"""More in one poll is a loop, not a source."""
SHOWN_OF_AN_ERROR = 120
_TITLE = re.compile(rb"<title[^<>]*>([^<]*)</title", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What the last good answer of one address is known by, byte for byte as it was received."""

    etag: str = ""
    last_modified: str = ""
    sha256: str = ""
    full_at: datetime
    """When it last came whole."""

    def headers(self) -> dict[str, str]:
        """Return the conditional headers."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in found.items() if value}


Gate = Callable[[str], AbstractContextManager[None]]
"""Holds a turn while a request for an address goes out; raises HttpError if it is too far off."""


@contextmanager
def open_gate(_url: str) -> Iterator[None]:
    """Let everybody through at once."""
    yield


@dataclass(kw_only=True)
class PollFetcher:
    """Gives a source its bodies, within limits, and remembers what the poll has to keep."""

    source: str
    exchange: Exchange
    now: Callable[[], datetime]
    gate: Gate = open_gate
    validators: Mapping[str, Validators] = field(default_factory=dict)
    promoted: Mapping[str, str] = field(default_factory=dict)
    """Addresses that have moved for good: asked for the left, the right one is fetched."""
    force: bool = False

    learned: dict[str, Validators] = field(default_factory=dict)
    """Validators to keep once everything of this poll is ingested."""
    moves: dict[str, str] = field(default_factory=dict)
    """Addresses that redirected permanently, and where to; empty for those that did not."""
    requests: int = 0
    unchanged: int = 0

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        conditional: bool = True,
        label: str = "",
    ) -> Body | None:
        """Return the answer, or None where it has not changed since the last good ingest."""
        target = _with_params(url, params)
        target = self.promoted.get(target, target)

        def validators_of(hop: str) -> Mapping[str, str]:
            known = self.validators.get(hop)
            if not conditional or self.force or known is None:
                return {}
            if self.now() - known.full_at >= UNCONDITIONAL_EVERY:
                return {}
            return known.headers()

        answer = self._ask("GET", target, headers or {}, validators_of=validators_of)
        self._note_moves(target, answer)
        if answer.status == 304:
            self._not_modified(answer)
            return None
        body = self._body(answer, label)
        return self._unless_same(body, answer) if conditional else body

    def post(
        self,
        url: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        label: str = "",
    ) -> Body:
        """Return the answer to a POST; never conditional."""
        content = jsonlib.dumps(json).encode() if json is not None else b""
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._body(self._ask("POST", url, sent, content=content), label)

    def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        content: bytes = b"",
        validators_of: Callable[[str], Mapping[str, str]] = lambda _url: {},
    ) -> Answer:
        self.requests += 1
        if self.requests > MAX_REQUESTS:
            raise self._error(f"it asked for more than {MAX_REQUESTS} answers", "too-many-requests")
        with self.gate(url):
            answer = self.exchange.ask(
                method, url, headers=headers, content=content, validators_of=validators_of
            )
            if answer.status != 304 and not 200 <= answer.status < 300:
                raise self._refusal(answer)  # inside: the gate learns of it
        return answer

    def _not_modified(self, answer: Answer) -> None:
        if not answer.asked:
            raise self._error(f"{answer.url} says 'not modified' to a first request", "bad-304")
        known = self.validators[answer.url]
        self.unchanged += 1
        self.learned[answer.url] = Validators(
            etag=answer.headers.get("etag", known.etag),
            last_modified=answer.headers.get("last-modified", known.last_modified),
            sha256=known.sha256,
            full_at=known.full_at,
        )

    def _body(self, answer: Answer, label: str) -> Body:
        if not answer.content.strip():
            raise self._error(f"{answer.url} gives an empty answer", "empty")
        return Body(
            url=answer.url,
            content=answer.content,
            content_type=answer.headers.get("content-type", ""),
            headers=answer.headers,
            fetched_at=self.now(),
            label=label,
        )

    def _unless_same(self, body: Body, answer: Answer) -> Body | None:
        sha256 = hashlib.sha256(body.content).hexdigest()
        known = self.validators.get(answer.url)
        self.learned[answer.url] = Validators(
            etag=answer.headers.get("etag", ""),
            last_modified=answer.headers.get("last-modified", ""),
            sha256=sha256,
            full_at=self.now(),
        )
        if known is not None and known.sha256 == sha256 and not self.force:
            self.unchanged += 1
            return None
        return body

    def _note_moves(self, asked: str, answer: Answer) -> None:
        """Remember how far the leading, permanent part of the redirects goes."""
        target = ""
        for hop in answer.hops:
            if hop.status not in PERMANENT:
                break
            target = hop.to
        if target and "html" in answer.headers.get("content-type", "").lower():
            target = ""  # a login or consent page is nobody's new home
        self.moves[asked] = target

    def _refusal(self, answer: Answer) -> HttpError:
        status, headers = answer.status, answer.headers
        now = self.now()
        retry_at = read_retry_after(
            headers.get("retry-after", ""), now=now, server_date=headers.get("date", "")
        )
        kind, permanent, sentence = f"http-{status}", False, f"answers {status}"
        if status == 410:
            kind, permanent, sentence = "gone", True, "is gone for good (410)"
        elif status == 429:
            kind, sentence = "rate-limited", "asks us to slow down (429)"
        elif status == 403 and headers.get("cf-mitigated", "") == "challenge":
            kind, sentence = "challenge", "wants a browser challenge solved (403)"
        elif status in {401, 403}:
            sentence = f"does not let us in ({status})"
        said = _excerpt(answer)
        return HttpError(
            self.source,
            redact(f"{answer.url} {sentence}" + (f": {said}" if said else "")),
            kind=kind,
            permanent=permanent,
            status=status,
            retry_at=retry_at if status in {429, 503} or retry_at else None,
        )

    def _error(self, reason: str, kind: str) -> HttpError:
        return HttpError(self.source, redact(reason), kind=kind)


def _with_params(url: str, params: Mapping[str, str | int] | None) -> str:
    if not params:
        return url
    return str(httpx.URL(url).copy_merge_params({key: str(params[key]) for key in params}))


def _excerpt(answer: Answer) -> str:
    """Return what an error page says, in a few plain words."""
    if "html" in answer.headers.get("content-type", "") or not answer.content:
        found = _TITLE.search(answer.content[:4096])
        text = found[1] if found else b""
        if not found and len(answer.content) < SHOWN_OF_AN_ERROR:
            text = answer.content
    else:
        text = answer.content[:1024]
    plain = re.sub(r"<[^<>]*>", " ", text.decode("utf-8", "replace"))
    plain = "".join(character if character.isprintable() else " " for character in plain)
    return " ".join(plain.split())[:SHOWN_OF_AN_ERROR]
