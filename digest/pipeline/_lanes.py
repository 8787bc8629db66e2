"""Lanes: one thread keeps many ways to the next hops busy, and commits for all of them together.

    until the source is dry and nothing is on its way:
        give each free way its next message
        read what next hops say; keep outcomes
        messages whose text is wanted: one commit of their markers and the outcomes, then go

Several next hops are used in order of preference: when one cannot be used, its messages go on
with the next (nothing was accepted, so nothing is doubled). What to claim is ``sending``'s
business.
"""

from __future__ import annotations

import contextlib
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from digest.app import App
from digest.delivery import Outcome, Step, Turn
from digest.errors import DeliveryError, StoreError
from digest.pipeline._lane import Lane
from digest.pipeline._opening import Openings
from digest.pipeline._outcomes import Item, Outcomes, Relay
from digest.pipeline._recorder import Recorder
from digest.pipeline._throttle import Throttle

GATHER_S = 0.001
"""A marker waits so long for others to share a commit with."""
LOOK_S = 0.5
"""How often time limits, leases and the wish to stop are looked at."""
HEAR_OUT_S = 10
"""A run that ends because the store failed waits so long for replies to texts that are out."""
PATIENCE = timedelta(seconds=60)
"""A run waits so long for a relay's tokens; for longer it leaves the relay alone."""
AHEAD = 2
"""Messages composed for each way while next hops are awaited: more would leave the caches."""
MOST_WAITING = 200
"""Messages composed and not begun: a busy channel does not hold up the relays before that."""

Source = Callable[[], "Item | None"]
"""Gives the next message to send, None where nothing is due (now)."""


class Lanes:
    """The ways of one run; used by one thread."""

    def __init__(
        self,
        app: App,
        recorder: Recorder,
        relays: list[Relay],
        *,
        connections: int,
        outcomes: Outcomes,
        throttle: Throttle,
    ) -> None:
        self.relays = relays
        self.parked: list[tuple[Item, datetime]] = []
        """Claimed, but not to go before an instant: their domains are used enough."""
        self._throttle = throttle
        self._app = app
        self._recorder = recorder
        self._connections = connections
        self._outcomes = outcomes
        self._lanes: dict[Relay, list[Lane]] = {relay: [] for relay in relays}
        self._waiting: dict[Relay, deque[Item]] = {relay: deque() for relay in relays}
        self._ready: list[tuple[Lane, Item]] = []
        self._ready_at = 0.0
        self._looked_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._openings: Openings[Lane] = Openings()
        self._selector.register(self._openings.bell, selectors.EVENT_READ, None)

    @property
    def is_usable(self) -> bool:
        """Tell whether any relay is left (any channel, where there is no relay)."""
        mail = [relay for relay in self.relays if not relay.is_channel]
        return any(not relay.error for relay in mail or self.relays)

    def run(self, source: Source, stop: Callable[[], bool]) -> None:
        """Send what the source gives until it is dry, or somebody says stop.

        What no next hop could take, or was not begun when the end came, stays claimed. Where the
        store fails, replies to texts that are out are heard before that is raised.
        """
        try:
            self._work(source, stop)
        except Exception:
            self._hear_out()
            raise
        self._recorder.commit()

    def _work(self, source: Source, stop: Callable[[], bool]) -> None:
        while True:
            going_on = not stop() and self.is_usable
            if stop():
                for waiting in self._waiting.values():
                    waiting.clear()
            given = source if going_on else _dry
            self._fill(given)
            if not (any(self._waiting.values()) or any(lane.items for lane in self._all())):
                return
            self._turn(given)

    def _hear_out(self) -> None:
        """Take back what waits for its marker; hear what becomes of the texts that are out."""
        until = time.monotonic() + HEAR_OUT_S
        while True:
            ready, self._ready = self._ready, []
            for lane, item in ready:
                if lane.way is not None and item in lane.items:
                    self._take(lane, lane.way.withdraw())
            if not any(lane.items for lane in self._all()) or time.monotonic() > until:
                return
            for key, _ in self._selector.select(LOOK_S):
                # What the store would have to note of a relay is left out: the outcome counts.
                with contextlib.suppress(StoreError):
                    if key.data is None:
                        self._take_opened()
                    else:
                        self._hear(key.data)

    def close(self) -> None:
        """Close every way."""
        for lane, found in self._openings.end():
            if not isinstance(found, BaseException):
                lane.way = found
        ways = [way for lane in self._all() for way in (lane.way, lane.spent) if way is not None]
        threads = [threading.Thread(target=way.close, daemon=True) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._selector.close()
        self._openings.close()

    def _all(self) -> list[Lane]:
        return [lane for lanes in self._lanes.values() for lane in lanes]

    def _fill(self, source: Source) -> None:
        """Give every free way a message; open a further way where all are busy."""
        if not any(self._waiting.values()):
            self._pull(source)
        for relay, lanes in self._lanes.items():
            if relay.error:
                continue
            for lane in lanes:
                while lane.is_free and (item := self._next(relay, source)) is not None:
                    self._begin(lane, item)
            if (
                self._waiting[relay]
                and not relay.open_at
                and not self._is_probed(relay)
                and not any(lane.is_opening for lane in lanes)
            ):
                self._open_another(relay, lanes)

    def _open_another(self, relay: Relay, lanes: list[Lane]) -> None:
        closed = next((lane for lane in lanes if lane.way is None), None)
        if closed is None and len(lanes) < self._connections:
            closed = Lane(relay)
            lanes.append(closed)
        if closed is not None:
            self._open(closed)

    def _next(self, relay: Relay, source: Source) -> Item | None:
        """Return the next message that may go by a relay now: its tokens are taken."""
        waiting = self._waiting[relay]
        if relay.error or self._is_held(relay) or self._is_probed(relay):
            return None
        at = 0
        while at < len(waiting) or self._has(relay, source, at + 1):
            if at >= len(waiting):
                return None
            domain = waiting[at].row.domain
            if self._throttle.is_crowded(relay.name, domain):
                at += 1
                continue
            wait = self._throttle.wait(relay.name, domain)
            if wait is None:
                item = waiting[at]
                del waiting[at]
                return item
            if wait.is_relay:
                self._hold(relay, wait.until)
                return None
            self.parked.append((waiting[at], wait.until))
            del waiting[at]
        return None

    def _hold(self, relay: Relay, until: datetime) -> None:
        """Let a relay wait for its tokens; for long ones the next relay takes over."""
        relay.open_at = until
        if until - self._throttle.now() > PATIENCE:
            self._give_up(relay, f"{relay.name}: to be used again from {until:%H:%M} UTC on")

    def _is_held(self, relay: Relay) -> bool:
        if relay.open_at is None:
            return False
        if relay.open_at <= self._throttle.now():
            relay.open_at = None
            return False
        return True

    def _is_probed(self, relay: Relay) -> bool:
        """Tell whether one message is finding out if a relay answers: the others wait for that."""
        return not relay.is_proven and any(lane.items for lane in self._lanes[relay])

    def _has(self, relay: Relay, source: Source, count: int = 1) -> bool:
        """Have so many messages for a relay at hand, if there are; tell whether there is any."""
        mine = self._waiting[relay]
        while len(mine) < count and self._pull(source):
            pass
        return bool(mine)

    def _pull(self, source: Source) -> bool:
        """Get one more message; False where there is none or enough are waiting."""
        if sum(map(len, self._waiting.values())) >= MOST_WAITING:
            return False
        item = source()
        if item is not None:
            self._route(item)
        return item is not None

    def _route(self, item: Item) -> None:
        """Let a message wait for the first next hop that carries it; without one it is kept."""
        for relay in self.relays:
            if not relay.error and relay.carries(item.row.address):
                self._waiting[relay].append(item)
                return

    def _give_up(self, relay: Relay, reason: str) -> None:
        """Use a relay no more: its messages go on with the next."""
        relay.give_up(reason)
        self._route_again(relay)

    def _route_again(self, relay: Relay) -> None:
        waiting, self._waiting[relay] = self._waiting[relay], deque()
        for item in waiting:
            self._route(item)

    def _begin(self, lane: Lane, item: Item) -> None:
        assert lane.way is not None
        refused = lane.way.begin(item.message)
        if refused is not None:
            self._end(lane, item, refused)
            return
        lane.items.append(item)
        self._throttle.begin(lane.relay.name, item.row.domain)
        self._write(lane)

    def _write(self, lane: Lane) -> None:
        assert lane.way is not None
        self._take(lane, lane.way.flush())
        if lane.way is not None and lane.way.wants_write:
            self._watch(lane)

    def _watch(self, lane: Lane) -> None:
        assert lane.way is not None
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if lane.way.wants_write else 0)
        self._selector.modify(lane.way, wanted, lane)

    def _turn(self, source: Source) -> None:
        """Wait for news, and act on it."""
        for key, _ in self._news(source):
            if key.data is None:
                self._take_opened()
            else:
                self._hear(key.data)
        now = time.monotonic()
        if self._ready and self._is_time(now):
            self._go(source)
        elif self._recorder.patience_s == 0:
            self._recorder.commit()
        if now - self._looked_at > LOOK_S:
            self._looked_at = now
            self._recorder.live(self._app.now())
            for lane in self._all():
                if lane.way is not None and lane.items and lane.way.deadline < now:
                    self._take(lane, lane.way.expire())

    def _news(self, source: Source) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for news; while there is none, compose what will go next."""
        room = AHEAD * self._connections - sum(map(len, self._waiting.values()))
        for _ in range(room):
            if (news := self._selector.select(0)) or not self._patience():
                return news
            if not self._pull(source):
                break
        return self._selector.select(self._patience())

    def _patience(self) -> float:
        if self._ready:
            return max(0.0, self._ready_at + GATHER_S - time.monotonic())
        waits = [LOOK_S]
        if (outcomes := self._recorder.patience_s) is not None:
            waits.append(outcomes)
        now = self._throttle.now()
        waits += [
            max(0.001, (relay.open_at - now).total_seconds())
            for relay in self.relays
            if relay.open_at is not None and not relay.error
        ]
        return min(waits)

    def _is_time(self, now: float) -> bool:
        """Tell whether to commit now: most share it, or the first has waited long enough."""
        if now - self._ready_at >= GATHER_S:
            return True
        busy = sum(1 for lanes in self._lanes.values() for lane in lanes if lane.items)
        return len(self._ready) * 4 >= busy * 3

    def _hear(self, lane: Lane) -> None:
        if lane.way is None:
            return
        was_writing = lane.way.wants_write
        self._take(lane, lane.way.advance())
        if lane.way is not None and lane.way.wants_write != was_writing:
            self._watch(lane)

    def _take(self, lane: Lane, steps: Iterable[Step]) -> None:
        """Act on what happened on a way."""
        for message, step in steps:
            item = lane.items[0]
            if item.message is not message:
                item = next(item for item in lane.items if item.message is message)
            if step is Turn.READY:
                if not self._ready:
                    self._ready_at = time.monotonic()
                self._ready.append((lane, item))
                continue
            lane.items.remove(item)
            self._throttle.end(lane.relay.name, item.row.domain)
            if isinstance(step, Outcome):
                self._end(lane, item, step)
            else:
                self._waiting[lane.relay].appendleft(item)
                if isinstance(step, DeliveryError):
                    self._throttle.broke(lane.relay.name)
                    self._give_up(lane.relay, str(step))
                elif lane.relay.error:  # given up a moment ago: nobody would begin it any more
                    self._route_again(lane.relay)
        if lane.way is not None and not lane.items and lane.way.is_spent:
            self._selector.unregister(lane.way)
            lane.spent, lane.way = lane.way, None

    def _end(self, lane: Lane, item: Item, outcome: Outcome) -> None:
        if self._outcomes.take(lane.relay, item, outcome):
            self._waiting[lane.relay].appendleft(item)
        if lane.relay.error:
            self._route_again(lane.relay)

    def _go(self, source: Source) -> None:
        """Commit the markers of all that are ready, then let their texts go out."""
        ready = [(lane, item) for lane, item in self._ready if item in lane.items]
        for relay in {lane.relay for lane, _ in ready}:
            self._has(relay, source, sum(lane.relay is relay for lane, _ in ready))
        self._ready = ready
        refused = self._recorder.commit([item.row.row_id for _, item in ready])
        self._ready = []
        for lane, item in ready:
            assert lane.way is not None
            if item.row.row_id in refused:
                self._take(lane, lane.way.withdraw())
                continue
            lane.way.go()
            following = self._next(lane.relay, _dry) if lane.is_free else None
            if following is not None:
                self._begin(lane, following)
            else:
                self._write(lane)

    def _open(self, lane: Lane) -> None:
        """Begin to open a way."""
        lane.is_opening = True
        spent, lane.spent = lane.spent, None
        self._openings.begin(lane, lane.relay.transport, spent)

    def _take_opened(self) -> None:
        for lane, found in self._openings.taken():
            lane.is_opening = False
            if not isinstance(found, BaseException):
                lane.way = found
                self._selector.register(found, selectors.EVENT_READ, lane)
                continue
            self._lanes[lane.relay].remove(lane)
            if not isinstance(found, DeliveryError):
                raise found
            self._throttle.broke(lane.relay.name)
            self._give_up(lane.relay, str(found))


def _dry() -> None:
    return None
