"""The network as one run uses it: connections, turns at each provider, fetchers.

Turns are kept in the store, so that all processes and the next run keep the same distance. It
polls nothing by itself.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest import __version__
from digest.app import App, system_clock
from digest.config.sections import LimitSection
from digest.sources._http import (
    Exchange,
    Gate,
    HttpError,
    Limits,
    PollFetcher,
    Transports,
    provider_of,
)
from digest.sources._state import SourceState, backoff
from digest.store import buckets

PATIENCE = timedelta(minutes=2)
"""A turn further off than this is not waited for: the source is polled again then."""
FIRST_BLOCK = timedelta(seconds=60)
WAITING = "waiting"
"""The error kind of a source that was not asked at all, because its provider wants a rest."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Opens fetchers for sources."""

    app: App
    transports: Transports
    clock: Callable[[], datetime] = system_clock
    """Real time even where the run's `now` is fixed: politeness is owed in real seconds."""
    sleep: Callable[[float], None] = time.sleep
    _turns: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetcher(
        self,
        name: str,
        *,
        provider: str,
        allow_private: bool = False,
        state: SourceState | None = None,
        force: bool = False,
    ) -> PollFetcher:
        """Return a fetcher for one poll of the source (or observer) of this name."""
        limit = self.app.config.settings.limit_of(provider)
        settings = self.app.config.settings
        allow_private = allow_private or settings.http.allow_private
        state = state or SourceState()
        return PollFetcher(
            source=name,
            exchange=Exchange(
                source=name,
                transport=self.transports.of(
                    provider if limit else "", allow_private=allow_private
                ),
                limits=self.transports.limits,
                user_agent=user_agent(self.app),
            ),
            now=self.app.now,
            gate=self._gate(name, provider),
            validators=state.validators,
            promoted=state.promoted,
            force=force,
        )

    def _gate(self, name: str, provider: str) -> Gate:
        def gate(url: str) -> contextlib.AbstractContextManager[None]:
            asked = provider_of(url) or provider
            limit = self.app.config.settings.limit_of(asked)
            return self._turn(name, asked, limit) if limit else contextlib.nullcontext()

        return gate

    @contextlib.contextmanager
    def _turn(self, name: str, provider: str, limit: LimitSection) -> Iterator[None]:
        with self._lock:
            turn = self._turns.setdefault(provider, threading.Lock())
        with turn:  # one request at a time, as well as one every so often
            self._wait(name, provider, limit)
            try:
                yield
            except HttpError as exc:
                if exc.status in {429, 503} or exc.retry_at:
                    self._block(provider, exc)
                raise

    def _wait(self, name: str, provider: str, limit: LimitSection) -> None:
        now = self.clock()
        with self.app.writing() as connection:
            at = buckets.reserve(
                connection,
                f"provider:{provider}",
                per_second=1 / limit.every_s,
                burst=limit.burst,
                now=now,
            )
            if at - now > PATIENCE:  # raised inside: the turn is given back
                raise HttpError(
                    name, f"{provider} wants a rest until {at:%H:%M} UTC", kind=WAITING, retry_at=at
                )
        if at > now:
            self.sleep((at - now).total_seconds())

    def _block(self, provider: str, error: HttpError) -> None:
        now = self.clock()
        bucket = f"provider:{provider}"
        with self.app.writing() as connection:
            refusals = buckets.refused(connection, bucket, now=now)
            until = now + backoff(refusals, random=0.5, first=FIRST_BLOCK)
            buckets.block(connection, bucket, max(until, error.retry_at or until), now=now)


@contextlib.contextmanager
def open_network(app: App) -> Iterator[Network]:
    """Give the network for one run, and close its connections after."""
    transports = Transports(limits=limits_of(app))
    try:
        yield Network(app=app, transports=transports)
    finally:
        transports.close()


def limits_of(app: App) -> Limits:
    """Return what one exchange may cost."""
    http = app.config.settings.http
    return Limits(
        connect_s=http.connect_timeout_s,
        read_s=http.read_timeout_s,
        total_s=http.total_timeout_s,
        wire_bytes=int(http.wire_limit_mb * 2**20),
        decoded_bytes=int(http.decoded_limit_mb * 2**20),
        ports=frozenset(http.ports),
    )


def user_agent(app: App) -> str:
    """Return who we say we are: name, release, and whom to ask about us."""
    settings = app.config.settings
    if settings.http.user_agent:
        return settings.http.user_agent
    contact = settings.digest.contact or settings.digest.owner or settings.digest.base_url
    if "@" in contact and "://" not in contact:
        contact = f"mailto:{contact}"
    return f"paper-digest/{__version__}" + (f" (+{contact})" if contact else "")
