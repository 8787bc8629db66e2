"""What an HTTP answer means for a delivery: the same verdicts as SMTP, by status code.

Shared by the transports that speak HTTP; sends nothing itself.
"""

from __future__ import annotations

from datetime import timedelta

import httpx

from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery.policy import Cause

REPLY_LIMIT = 300


def outcome_of(response: httpx.Response, queue_id: str = "") -> Outcome:
    """Judge an answer that was read: nothing about it is uncertain."""
    code = response.status_code
    reply = " ".join(response.text.split())[:REPLY_LIMIT]
    if 200 <= code < 300:
        return Outcome(
            kind=OutcomeKind.SENT, phase=Phase.DONE, code=code, reply=reply, queue_id=queue_id[:200]
        )
    return verdict_of(code, reply, wait=_retry_after(response))


def verdict_of(code: int, reply: str, *, wait: timedelta | None = None) -> Outcome:
    """Judge a refusal by its status; ``wait`` is what the answer asks for."""
    if code in {401, 403, 404, 405}:
        return _deferred(code, reply, Cause.CREDENTIALS, stops=True)
    if code < 400:  # elsewhere, or nothing at all: the address of the service is wrong
        return _deferred(code, reply, Cause.PROTOCOL, stops=True)
    if code == 429 or code >= 500:
        return _deferred(code, reply, Cause.RATE, wait=wait)
    cause = Cause.SIZE if code == 413 else Cause.POLICY
    return Outcome(kind=OutcomeKind.FAILED, phase=Phase.DOT, code=code, reply=reply, cause=cause)


def outcome_of_error(exc: httpx.TransportError) -> Outcome:
    """Judge a request without an answer: uncertain unless it provably never left."""
    reply = f"{type(exc).__name__}: {exc}"[:REPLY_LIMIT]
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Outcome(
            kind=OutcomeKind.DEFERRED,
            phase=Phase.CONNECT,
            reply=reply,
            cause=Cause.RELAY,
            blames_relay=True,
        )
    return Outcome(kind=OutcomeKind.UNCERTAIN, phase=Phase.DOT, reply=reply, cause=Cause.LOST)


def _deferred(
    code: int, reply: str, cause: Cause, *, stops: bool = False, wait: timedelta | None = None
) -> Outcome:
    return Outcome(
        kind=OutcomeKind.DEFERRED,
        phase=Phase.DOT,
        code=code,
        reply=reply,
        cause=cause,
        blames_relay=True,
        stops_relay=stops,
        min_wait=wait,
    )


def _retry_after(response: httpx.Response) -> timedelta | None:
    found = response.headers.get("retry-after", "")
    return timedelta(seconds=min(int(found), 86_400)) if found.isdigit() else None
