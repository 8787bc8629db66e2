"""What an outcome means for the row, the address and the relay of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.app import App
from digest.delivery import Outcome, OutcomeKind, Phase, Transport, is_channel
from digest.delivery.policy import Cause, retry_at
from digest.model import DeliveryState, Message
from digest.pipeline._recorder import Recorder
from digest.pipeline._throttle import Throttle
from digest.store.marking import Finished
from digest.store.outbox import Claimed
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


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A claimed delivery and its composed message."""

    row: Claimed
    message: Message


@dataclass(eq=False)
class Relay:
    """A next hop in this run: usable until it is struck out."""

    transport: Transport
    strikes: int = 0
    error: str = ""
    """Why it is not used any more; empty while it is."""
    open_at: datetime | None = None
    """Not before: its tokens are used up, or it is left alone."""
    is_proven: bool = False
    """It answered the last message's dot: until then it gets one message at a time."""

    @property
    def name(self) -> str:
        """Return the transport's name."""
        return self.transport.name

    @property
    def is_channel(self) -> bool:
        """Tell whether it carries only what is addressed to it."""
        return is_channel(self.transport)

    def carries(self, address: str) -> bool:
        """Tell whether it is a way to this address: a channel by its name, else any relay."""
        channel = channel_of(address)
        return channel == self.transport.name if self.is_channel else not channel

    def give_up(self, reason: str) -> None:
        """Use it no more in this run."""
        if not self.error:
            self.error = reason
            log.warning("relay unusable transport=%s", self.transport.name)


class Outcomes:
    """Takes outcomes in: rows to write, addresses to suppress, relays to leave alone."""

    def __init__(
        self,
        app: App,
        recorder: Recorder,
        throttle: Throttle,
        *,
        resend: bool,
        on_done: Callable[[int], None],
    ) -> None:
        self._throttle = throttle
        self._app = app
        self._recorder = recorder
        self._resend = resend
        self._on_done = on_done

    def take(self, relay: Relay, item: Item, outcome: Outcome) -> bool:
        """Note an outcome; True where the message is to go by another relay instead."""
        self._throttle.note(relay.name, item.row.domain, outcome)
        is_lost = outcome.kind is OutcomeKind.UNCERTAIN
        if is_lost or (outcome.phase in (Phase.DOT, Phase.DONE) and not outcome.blames_relay):
            relay.is_proven = not is_lost
        if is_lost or outcome.blames_relay:
            relay.strikes += 1
            if outcome.stops_relay or relay.strikes >= STRIKES:
                self._throttle.broke(relay.name, has_text=is_lost)
                said = " ".join(filter(None, (str(outcome.code or ""), outcome.reply)))
                relay.give_up(f"{relay.transport.name}: {outcome.phase}: {said}")
            if outcome.stops_relay:
                return True
        else:
            relay.strikes = 0
        self._on_done(1)
        if outcome.kind is OutcomeKind.WITHDRAWN:
            return False  # the marker wrote down why
        now = self._app.now()
        finished = self._finished(relay.transport.name, item, outcome, now)
        suppression = None
        if outcome.suppress and item.row.address_hmac:
            suppression = Suppression(
                address_hmac=item.row.address_hmac,
                reason=outcome.suppress,
                at=now,
                detail=f"{outcome.code or ''} {outcome.enhanced_code}".strip(),
            )
        self._recorder.finish(finished, suppression)
        return False

    def _finished(self, transport: str, item: Item, outcome: Outcome, now: datetime) -> Finished:
        """Make of an outcome what the row will say; a deferral past the last retry has failed."""
        state = STATES[outcome.kind]
        due_at = None
        if outcome.kind is OutcomeKind.UNCERTAIN and self._resend:
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
            content_hash=self._app.imprint.of(item.message.content),
            next_attempt_at=due_at,
            is_charged=not outcome.blames_relay,
        )
