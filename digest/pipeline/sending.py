"""Stage 5 of the pipeline: claim what is due, compose it, hand it over, write down what became.

    settle what dead senders left; end what is too old
    until nothing is due, or somebody says stop:
        claim a batch                       one transaction, leased
        compose it                          stage 4; one that cannot be is failed(render)
        lanes: marker, dot, outcome         stage 5; markers and outcomes in group commits
    give back what no relay could take

It knows neither how messages are composed (``composing``) nor what a reply means (``policy``).
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.app import App
from digest.errors import RenderError
from digest.model import DeliveryState, Message, Purpose
from digest.pipeline import _clones, _collector, _owners, claims
from digest.pipeline._lanes import PATIENCE, Lanes
from digest.pipeline._outcomes import RELAY_WAIT, STRIKES, Item, Outcomes, Relay
from digest.pipeline._recorder import Recorder
from digest.pipeline._throttle import Throttle
from digest.store import deliveries, outbox, recovery
from digest.store.marking import Finished
from digest.store.outbox import Claimed

log = logging.getLogger(__name__)

Compose = Callable[[Sequence[Claimed]], Mapping[int, Message | RenderError]]
"""Makes messages of claimed deliveries, by row id; one that cannot be made is an error there.

Each is looked up once, when it is wanted.
"""

REPORTED = (
    DeliveryState.SENT,
    DeliveryState.DEFERRED,
    DeliveryState.FAILED,
    DeliveryState.UNCERTAIN,
    DeliveryState.SUPPRESSED,
    DeliveryState.EXPIRED,
    DeliveryState.CANCELLED,
)
SLICE = 50
"""Messages whose contents are read at once: more would let the next hops wait."""
REASONS = 5
"""Reasons of failures that a report names."""
POISON_MIN = 5
POISON_SHARE = 0.2
"""More render failures than this in the first slice: a template is wrong, not a row."""


@dataclass(frozen=True, kw_only=True)
class SendReport:
    """What one run of sending did: how many deliveries ended in each state."""

    counts: Mapping[str, int]
    """By state: ``sent``, ``deferred``, ``failed``, ``uncertain``, ``suppressed``, ..."""
    recovered: int = 0
    """Claims of a dead sender that were given back."""
    returned: int = 0
    """Claimed and given back: no relay could be used, or the run was stopped."""
    waiting: int = 0
    """Left in the outbox, ready or deferred."""
    next_due_at: datetime | None = None
    is_paused: bool = False
    reasons: tuple[str, ...] = ()
    """Why deliveries failed, the most frequent first."""
    problems: tuple[str, ...] = ()
    """One sentence for each relay that could not be used, and each reason to stop."""

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing needs a look."""
        return not (self.problems or self.counts["failed"] or self.counts["uncertain"])


class Stop:
    """A wish to end: no new claims, what is begun is finished, the rest is given back."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> bool:
        """Tell whether the end was asked for."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the end; safe in a signal handler."""
        self._event.set()


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[Stop]:
    """Give a Stop that SIGTERM and SIGINT request; the former handlers come back after."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    kept = {
        number: signal.signal(number, lambda *_: stop.request())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def send_ready(
    app: App,
    *,
    compose: Compose,
    limit: int | None = None,
    on_progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    is_share: bool = False,
    purposes: Collection[Purpose] = tuple(Purpose),
) -> SendReport:
    """Send every delivery of these purposes that is due (at most ``limit``), each at most once.

    Safe to call from several processes and machines at the same time. As one share of a greater
    run (``is_share``) it leaves recovery, and counting the whole outbox, to whoever divided it.
    Raises UsageError where no transport is configured, ConflictError where the store is a copy
    of another installation's, StoreError where the outbox cannot be written.
    """
    app.require_way_out()
    _clones.guard(app)
    recovered = recovery.Recovered(released=0, uncertain=0) if is_share else claims.settle(app)
    with _owners.owner(app.config.data_dir) as owner, _collector.seldom():
        run = _Run(app, owner, compose, stop or (lambda: False), on_progress or (lambda _: None))
        try:
            run.work(limit, purposes)
        finally:
            run.close()
    return run.share() if is_share else overall(app, [run.share()], recovered)


def overall(app: App, shares: Sequence[SendReport], recovered: recovery.Recovered) -> SendReport:
    """Return the report of a whole run, with how the outbox stands after it."""
    with app.reading() as connection:
        states = deliveries.count_by_state(connection)
        due_at = deliveries.next_due_at(connection)
        paused = deliveries.is_paused(connection)
    settled = {state.value: sum(s.counts[state.value] for s in shares) for state in REPORTED}
    settled[DeliveryState.UNCERTAIN.value] += recovered.uncertain
    settled[DeliveryState.EXPIRED.value] += recovered.expired
    return SendReport(
        counts=settled,
        recovered=recovered.released,
        returned=sum(share.returned for share in shares),
        waiting=states[DeliveryState.READY] + states[DeliveryState.DEFERRED],
        next_due_at=due_at,
        is_paused=paused,
        reasons=tuple(dict.fromkeys(why for share in shares for why in share.reasons))[:REASONS],
        problems=(
            *dict.fromkeys(line for share in shares for line in share.problems),
            *claims.stranded(app),
        ),
    )


class _Run:
    """One call of ``send_ready``: claims on this thread, lanes and recorder on theirs."""

    def __init__(
        self,
        app: App,
        owner: str,
        compose: Compose,
        stop: Callable[[], bool],
        on_progress: Callable[[int], None],
    ) -> None:
        mail = app.config.settings.mail
        self._app = app
        self._owner = owner
        self._compose = compose
        self._stop = stop
        self._on_progress = on_progress
        self._batch_size = mail.batch_size
        self._lease = timedelta(seconds=mail.lease_s)
        self._problems: list[str] = []
        self._returned = 0
        self._left: int | None = None
        self._recorder = Recorder(app, owner, self._lease)
        self._soonest: datetime | None = None
        self._throttle = throttle = Throttle(app)
        self._lanes = Lanes(
            app,
            self._recorder,
            _relays(app, throttle),
            connections=mail.connections,
            outcomes=Outcomes(
                app,
                self._recorder,
                throttle,
                resend=mail.uncertain == "resend",
                on_done=on_progress,
            ),
            throttle=throttle,
        )

    def work(self, limit: int | None, purposes: Collection[Purpose]) -> None:
        """Send what is due, and what was due but for a domain's limit that ends soon."""
        self._left = limit
        while True:
            items = self._items(purposes)
            self._lanes.run(lambda items=items: next(items, None), self._stop)  # type: ignore[misc]
            self._release_parked()
            if not (self._lanes.is_usable and self._may_wait()):
                return

    def _may_wait(self) -> bool:
        """Wait for the first parked mails, if that is not for long; False where it is."""
        until, self._soonest = self._soonest, None
        if until is None or self._left == 0:
            return False
        if until - self._throttle.now() > PATIENCE:
            return False
        while (left := (until - self._throttle.now()).total_seconds()) > 0:
            if self._stop():
                return False
            time.sleep(min(0.2, max(left, 0.001)))
        return True

    def _release_parked(self) -> None:
        """Give back what a domain's limit holds; it is due again when the limit allows."""
        parked, self._lanes.parked = self._lanes.parked, []
        by_instant: dict[datetime, list[int]] = {}
        for item, until in parked:
            by_instant.setdefault(until, []).append(item.row.row_id)
        if not by_instant:
            return
        with self._app.writing() as connection:
            for until, row_ids in by_instant.items():
                outbox.release(connection, self._owner, row_ids, not_before=until)
        soonest = min(by_instant)
        self._soonest = min(self._soonest or soonest, soonest)
        if self._left is not None:
            self._left += len(parked)

    def _items(self, purposes: Collection[Purpose]) -> Iterator[Item]:
        """Claim and compose batch by batch, a few messages before they are wanted."""
        is_first = True
        while not self._stop() and self._left != 0:
            self._release_parked()
            size = self._batch_size if self._left is None else min(self._batch_size, self._left)
            rows = by_turns(self._claim(size, purposes))
            if not rows:
                return
            if self._left is not None:
                self._left -= len(rows)
            for start in range(0, len(rows), SLICE):
                part = rows[start : start + SLICE]
                if not is_first:
                    yield from self._composed(part)
                    continue
                is_first = False
                items = list(self._composed(part))
                if _is_poisoned(len(part), len(items)):
                    self._problems.append(
                        f"{len(part) - len(items)} of {len(part)} mails could not be composed: "
                        "nothing was sent"
                    )
                    return
                yield from items

    def close(self) -> None:
        """End the lanes, give back what was not sent."""
        try:
            self._lanes.close()
        finally:
            self._recorder.close()
            self._release_claimed()

    def share(self) -> SendReport:
        """Report what this run did, without a look at the rest of the outbox."""
        return SendReport(
            counts={state.value: self._recorder.counts[state] for state in REPORTED},
            returned=self._returned,
            reasons=tuple(why for why, _ in self._recorder.reasons.most_common(REASONS)),
            problems=(*self._problems, *(r.error for r in self._lanes.relays if r.error)),
        )

    def _claim(self, size: int, purposes: Collection[Purpose]) -> list[Claimed]:
        now = self._app.now()
        with self._app.writing() as connection:
            if deliveries.is_paused(connection):
                return []
            return outbox.claim(
                connection,
                self._owner,
                now=now,
                lease_until=now + self._lease,
                limit=size,
                purposes=purposes,
                due_by=max(now, self._throttle.now()),
            )

    def _composed(self, rows: Sequence[Claimed]) -> Iterator[Item]:
        made = self._compose(rows)
        for row in rows:
            message = made[row.row_id]
            if isinstance(message, RenderError):
                self._recorder.finish(_unrendered(row, message, self._app.now()))
                self._on_progress(1)
            else:
                yield Item(row, message)

    def _release_claimed(self) -> None:
        """Give back what is still claimed: not begun, or not even composed."""
        self._release_parked()
        now = self._app.now()
        due = now
        if not (self._stop() or self._lanes.is_usable):
            known = [relay.open_at for relay in self._lanes.relays if relay.open_at]
            due = max(now, min(known, default=now + RELAY_WAIT))
        with self._app.writing() as connection:
            self._returned += outbox.release_all(connection, self._owner, not_before=due)


def by_turns(rows: Sequence[Claimed]) -> list[Claimed]:
    """Let recipients' domains take turns, within one priority: a slow one holds up nobody."""
    turn: Counter[tuple[int, str]] = Counter()
    keyed = []
    for row in rows:
        key = (row.purpose.priority, row.domain)
        keyed.append((key[0], turn[key], row))
        turn[key] += 1
    return [row for _, _, row in sorted(keyed, key=lambda entry: entry[:2])]


def _relays(app: App, throttle: Throttle) -> list[Relay]:
    """Return the next hops in order; those that broke a short while ago are left alone."""
    relays = [Relay(hop) for hop in (*app.transports.values(), *app.channels.values())]
    for relay in relays:
        relay.open_at = throttle.closed_until(relay.name)
        if relay.open_at is not None:
            relay.give_up(f"{relay.name}: to be used again from {relay.open_at:%H:%M:%S} UTC on")
        elif throttle.has_broken(relay.name):
            relay.strikes = STRIKES - 1
    return relays


def _is_poisoned(claimed: int, composed: int) -> bool:
    failures = claimed - composed
    return failures >= POISON_MIN and failures > POISON_SHARE * claimed


def _unrendered(row: Claimed, error: RenderError, now: datetime) -> Finished:
    return Finished(
        row_id=row.row_id,
        state=DeliveryState.FAILED,
        at=now,
        phase="compose",
        reply=str(error)[:500],
        cause="render",
    )
