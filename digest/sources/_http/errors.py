"""The SourceError of a fetch: what went wrong on the wire, and when to come back."""

from __future__ import annotations

from datetime import datetime

from digest.errors import SourceError


class HttpError(SourceError):
    """A fetch that gave no whole, successful answer.

    ``retry_at`` is when the other side said to come back (capped), ``status`` its HTTP status
    where there was one.
    """

    def __init__(
        self,
        source: str,
        reason: str,
        *,
        kind: str,
        permanent: bool = False,
        status: int | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(source, reason, kind=kind, permanent=permanent)
        self.status = status
        self.retry_at = retry_at


class RefusedError(OSError):
    """The connection would have gone where a source may not live."""


class NoSuchHostError(OSError):
    """The name has no address (or the resolver cannot be reached)."""


class TooSlowError(OSError):
    """The whole exchange took longer than it may."""
