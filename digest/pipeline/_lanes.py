"""Lanes: threads that each keep one session open and hand over messages from a common queue.

Several next hops are used in order of preference: when one cannot be used, its lanes go on with
the next (nothing was accepted, so nothing is doubled). What to claim is ``sending``'s business.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from digest.app import App
from digest.delivery import Outcome, OutcomeKind, Session, Transport, is_channel
from digest.delivery.policy import Cause, retry_at
from digest.errors import DeliveryError
from digest.model import DeliveryState, Message
from digest.pipeline._recorder import Recorder
from digest.store.outbox import Claimed, Finished
from digest.store.suppressions import Suppression
from digest.subscribers.addresses import channel_of

log = logging.getLogger(__name__)

STRIKES = 3
"""Conversations in a row that a next hop may break before it is left alone for this run."""
RELAY_WAIT = timedelta(minutes=1)

STATES = {
    OutcomeKind.SENT: DeliveryState.SENT,
    OutcomeKind.DEFERRED: DeliveryState.DEFERRED,
    OutcomeKind.FAILED: DeliveryState.FAILED,
    OutcomeKind.UNCERTAIN: DeliveryState.UNCERTAIN,
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """A claimed delivery and its composed message."""

    row: Claimed
    message: Message
    content_hash: str


@dataclass
class Relay:
    """A next hop in this run: usable until it is struck out."""

    transport: Transport
    strikes: int = 0
    error: str = ""
    """Why it is not used any more; empty while it is."""

    def carries(self, address: str) -> bool:
        """Tell whether it is a way to this address: a channel by its name, else any relay."""
        channel = channel_of(address)
        if is_channel(self.transport):
            return channel == self.transport.name
        return not channel


@dataclass
class Lanes:
    """The threads of one run."""

    app: App
    recorder: Recorder
    relays: list[Relay]
    connections: int
    resend: bool = False
    on_done: Callable[[int], None] = lambda _: None
    returned: list[Item] = field(default_factory=list)
    """What no next hop could take: nothing of it was sent."""

    def __post_init__(self) -> None:
        self._work: queue.Queue[Item | None] = queue.Queue(maxsize=max(self.connections * 4, 16))
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = False
        self._crashed: BaseException | None = None

    @property
    def is_usable(self) -> bool:
        """Tell whether any relay is left (any channel, where there is no relay)."""
        mail = [relay for relay in self.relays if not is_channel(relay.transport)]
        return self._crashed is None and any(not relay.error for relay in mail or self.relays)

    def put(self, items: Iterable[Item]) -> None:
        """Queue messages; waits while the lanes are busy."""
        for item in items:
            if len(self._threads) < self.connections and self._work.qsize() >= len(self._threads):
                self._start()
            self._work.put(item)

    def stop(self) -> None:
        """Let lanes finish what they have begun and return the rest."""
        self._stopping = True

    def close(self) -> None:
        """Wait until everything queued is done or returned. Raises what a lane raised."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()
        if self._crashed is not None:
            raise self._crashed

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"lane-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _run(self) -> None:
        sessions: dict[str, Session] = {}
        try:
            while (item := self._work.get()) is not None:
                if self._stopping or self._crashed or not self._deliver(item, sessions):
                    with self._lock:
                        self.returned.append(item)
        except BaseException as exc:  # noqa: BLE001 - told to whoever waits in close()
            self._crashed = exc
            self._drain()
        finally:
            for session in sessions.values():
                session.close()

    def _drain(self) -> None:
        """Keep the queue moving after a crash, so that nobody waits for ever."""
        while (item := self._work.get()) is not None:
            with self._lock:
                self.returned.append(item)

    def _deliver(self, item: Item, sessions: dict[str, Session]) -> bool:
        """Send by the first next hop that takes it; False where none could be used."""
        for relay in self.relays:
            if relay.error or not relay.carries(item.row.address):
                continue
            outcome = self._attempt(relay, item, sessions)
            if outcome is None:
                continue
            if outcome.blames_relay:
                self._strike(relay, outcome)
                if outcome.stops_relay:
                    continue
            else:
                relay.strikes = 0
            self._record(relay, item, outcome)
            self.on_done(1)
            return True
        return False

    def _attempt(self, relay: Relay, item: Item, sessions: dict[str, Session]) -> Outcome | None:
        name = relay.transport.name
        try:
            if name not in sessions:
                sessions[name] = relay.transport.open()
            return sessions[name].send(item.message, lambda: self.recorder.mark(item.row))
        except DeliveryError as exc:
            sessions.pop(name, None)
            self._give_up(relay, str(exc))
            return None

    def _strike(self, relay: Relay, outcome: Outcome) -> None:
        with self._lock:
            relay.strikes += 1
        if outcome.stops_relay or relay.strikes >= STRIKES:
            said = " ".join(filter(None, (str(outcome.code or ""), outcome.reply)))
            self._give_up(relay, f"{relay.transport.name}: {outcome.phase}: {said}")

    def _give_up(self, relay: Relay, reason: str) -> None:
        with self._lock:
            first = not relay.error
            relay.error = relay.error or reason
        if first:
            log.warning("relay unusable transport=%s", relay.transport.name)

    def _record(self, relay: Relay, item: Item, outcome: Outcome) -> None:
        if outcome.kind is OutcomeKind.WITHDRAWN:
            return  # the marker wrote down why
        now = self.app.now()
        finished = finished_from(relay.transport.name, item, outcome, now, resend=self.resend)
        suppression = None
        if outcome.suppress and item.row.address_hmac:
            suppression = Suppression(
                address_hmac=item.row.address_hmac,
                reason=outcome.suppress,
                at=now,
                detail=f"{outcome.code or ''} {outcome.enhanced_code}".strip(),
            )
        self.recorder.finish(finished, suppression)


def finished_from(
    transport: str, item: Item, outcome: Outcome, now: datetime, *, resend: bool = False
) -> Finished:
    """Make of an outcome what the row will say; a deferral past the last retry has failed."""
    state = STATES[outcome.kind]
    due_at = None
    if outcome.kind is OutcomeKind.UNCERTAIN and resend:
        state = DeliveryState.DEFERRED
    if state is DeliveryState.DEFERRED:
        due_at = outcome.retry_at or retry_at(
            now,
            item.row.attempts + (0 if outcome.blames_relay else 1),
            cause=Cause(outcome.cause),
            min_wait=outcome.min_wait,
            text=outcome.reply,
            seed=item.row.row_id,
            not_after=item.row.expires_at,
        )
        if due_at is None:
            state = DeliveryState.FAILED
    return Finished(
        row_id=item.row.row_id,
        state=state,
        at=now,
        phase=outcome.phase.value,
        transport=transport,
        code=outcome.code,
        enhanced_code=outcome.enhanced_code,
        reply=outcome.reply,
        queue_id=outcome.queue_id,
        cause=outcome.cause,
        content_hash=item.content_hash,
        next_attempt_at=due_at,
        is_charged=not outcome.blames_relay,
    )
