"""Say what went wrong on the wire: a short kind for reports, a sentence for people. Pure."""

from __future__ import annotations

import ssl

import httpx

from digest.sources._http.errors import NoSuchHostError, RefusedError, TooSlowError
from digest.sources._http.inflate import BadEncodingError


def explain(exc: Exception, host: str, total_s: float) -> tuple[str, str]:
    """Return the kind and the sentence for what an exchange with a host ended in."""
    for types, kind, sentence in (
        (RefusedError, "refused-address", "{exc}"),
        (NoSuchHostError, "dns", "{exc}"),
        (TooSlowError, "timeout", "{host} was not done in {total_s:g} s"),
        (httpx.ConnectTimeout, "unreachable", "{host} does not let us connect in time"),
        (httpx.TimeoutException, "timeout", "{host} does not answer in time"),
        (httpx.ConnectError, "connect", "{host} cannot be connected to ({exc})"),
        (
            (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError),
            "broken-answer",
            "{host} broke off its answer ({exc})",
        ),
        (BadEncodingError, "bad-encoding", "the answer of {host} cannot be decoded: {exc}"),
    ):
        if isinstance(exc, types):
            if kind == "connect" and _is_tls(exc):
                return "tls", f"{host} has no valid certificate ({exc})"
            return kind, sentence.format(exc=exc, host=host, total_s=total_s)
    return "network", f"{host}: {type(exc).__name__}: {exc}".rstrip(": ")


def _is_tls(exc: BaseException) -> bool:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
