"""How fast relays and recipients' domains are used: their limits, and what their refusals ask for.

Tokens are taken when a message is begun, in buckets that every process shares and a restart
remembers. A refusal for rate halves the rate and leaves one connection for a while, three in an
hour suspend; a refusal by policy lets the recipient's domain rest; a relay that breaks is left
alone for longer each time. Waiting is the caller's business.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.app import App
from digest.config.sections import TransportSection
from digest.delivery import Outcome, OutcomeKind, Phase
from digest.delivery.policy import Cause
from digest.store import buckets
from digest.store.buckets import Note, Want

log = logging.getLogger(__name__)

SLOW_RATE = 10.0
"""Mails a second taken for the full rate where none is configured, once somebody asks for less."""
SLOW_TIME = timedelta(minutes=15)
"""So long after a refusal the rate stays halved, on one connection; then it comes back."""
BACK_PER_MINUTE = 0.1
LEAST = 0.05
HITS = 3
"""So many refusals for rate within an hour suspend for an hour."""
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
POLICY_REST = timedelta(minutes=10)
LONGEST_REST = timedelta(hours=6)
BREAK_FIRST = timedelta(seconds=5)
BREAK_LONGEST = timedelta(minutes=5)
REFRESH = timedelta(seconds=5)
"""How soon what other processes noted is seen here."""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Why a message may not go now, and until when."""

    until: datetime
    is_relay: bool
    """The whole relay waits, not this domain alone."""


class Throttle:
    """The limits of one run; used by one thread."""

    def __init__(self, app: App, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._monotonic = monotonic
        self._limits: Mapping[str, TransportSection] = app.config.settings.transports
        self._limited = {
            name
            for name, section in self._limits.items()
            if section.rate_per_s or section.per_day or section.domain_rate_per_s
        }
        self._going: Counter[tuple[str, str]] = Counter()
        self._notes: dict[str, Note] = {}
        self._seen_at: datetime | None = None
        self._begun: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """Return the instant that pacing goes by: it moves on where ``--now`` fixed the clock.

        It does not jump with the machine's clock either.
        """
        if self._begun is None:
            self._begun = self._app.now(), self._monotonic()
        at, begun = self._begun
        return at + timedelta(seconds=self._monotonic() - begun)

    def wait(self, relay: str, domain: str) -> Wait | None:
        """Take the tokens of one message; return a Wait where that cannot be now."""
        now = self.now()
        self._look(now)
        if relay not in self._limited and not self._notes:
            return None
        wants = [want for want in self._wants(relay, domain, now) if self._matters(want)]
        if not wants:
            return None
        with self._app.writing() as connection:
            found = buckets.take_all(connection, wants, now=now)
        if found is None:
            return None
        name, until = found
        return Wait(until=until, is_relay=name == _relay(relay))

    def is_crowded(self, relay: str, domain: str) -> bool:
        """Tell whether enough messages are on their way to a domain."""
        section = self._limits.get(relay)
        most = 1 if self._is_slow(domain) else section.domain_connections if section else None
        return most is not None and self._going[relay, domain] >= most

    def begin(self, relay: str, domain: str) -> None:
        """Note that a message to a domain is on its way."""
        self._going[relay, domain] += 1

    def end(self, relay: str, domain: str) -> None:
        """Note that it is not any more."""
        self._going[relay, domain] -= 1

    def note(self, relay: str, domain: str, outcome: Outcome) -> None:
        """Take in what an outcome says of the relay and of the domain."""
        if outcome.kind is OutcomeKind.SENT:
            self._forgive(_relay(relay))
        elif outcome.cause == Cause.RATE:
            # Refused with the recipient named, it is about that domain.
            about_domain = outcome.phase in (Phase.RCPT, Phase.DOT)
            self._slow_down(_domain(domain) if about_domain else _relay(relay))
        elif outcome.pauses_domain:
            self._rest(_domain(domain), POLICY_REST, LONGEST_REST)

    def broke(self, relay: str, *, has_text: bool = False) -> None:
        """Leave a relay alone for a while: 5 seconds first, 5 minutes at most.

        ``has_text``: it took texts and did not answer. Each try then costs a mail of uncertain
        fate: 10 minutes first, 6 hours at most.
        """
        rests = (POLICY_REST, LONGEST_REST) if has_text else (BREAK_FIRST, BREAK_LONGEST)
        self._rest(_relay(relay), *rests)

    def has_broken(self, relay: str) -> bool:
        """Tell whether a relay broke when it was last used: one message tries it first."""
        self._look(self.now())
        found = self._notes.get(_relay(relay))
        return found is not None and bool(found.state.get("refusals"))

    def closed_until(self, relay: str) -> datetime | None:
        """Return until when a relay is left alone, None where it may be used."""
        now = self.now()
        self._look(now)
        found = self._notes.get(_relay(relay))
        if found is None or found.blocked_until is None or found.blocked_until <= now:
            return None
        return found.blocked_until

    def _wants(self, relay: str, domain: str, now: datetime) -> list[Want]:
        section = self._limits.get(relay) or TransportSection(kind="")
        whole, part = _relay(relay), _domain(domain)
        return [
            Want(
                name=whole,
                per_second=self._slowed(whole, section.rate_per_s, now),
                burst=section.burst,
                per_day=section.per_day,
            ),
            Want(
                name=part,
                per_second=self._slowed(part, section.domain_rate_per_s, now),
                burst=section.domain_burst,
            ),
        ]

    def _matters(self, want: Want) -> bool:
        if want.per_second is not None or want.per_day is not None:
            return True
        found = self._notes.get(want.name)
        return found is not None and found.blocked_until is not None

    def _slowed(self, name: str, rate: float | None, now: datetime) -> float | None:
        factor = self._factor(name)
        return rate if factor == 1.0 else (rate or SLOW_RATE) * factor

    def _factor(self, name: str) -> float:
        """Return by how much a bucket is slowed: halved for a while, then it comes back."""
        found = self._notes.get(name)
        hit_at = found.state.get("hit_at") if found else None
        if found is None or hit_at is None:
            return 1.0
        past = self.now() - datetime.fromisoformat(hit_at) - SLOW_TIME
        return min(1.0, float(found.state["factor"]) + BACK_PER_MINUTE * max(0.0, past / MINUTE))

    def _is_slow(self, domain: str) -> bool:
        found = self._notes.get(_domain(domain))
        hit_at = found.state.get("hit_at") if found else None
        return hit_at is not None and (self.now() - datetime.fromisoformat(hit_at) < SLOW_TIME)

    def _slow_down(self, name: str) -> None:
        now = self.now()
        with self._app.writing() as connection:
            state = buckets.notes(connection, [name]).get(name, Note(None, {})).state
            since = (now - HOUR).isoformat()
            hits = [at for at in state.get("hits", []) if at > since] + [now.isoformat()]
            factor = max(LEAST, self._factor(name) / 2)
            is_enough = len(hits) >= HITS
            buckets.note(
                connection,
                name,
                {"factor": factor, "hit_at": hits[-1], "hits": [] if is_enough else hits},
                now=now,
            )
            if is_enough:
                buckets.block(connection, name, now + HOUR, now=now)
        log.warning("slowed bucket=%s factor=%s suspended=%s", name, factor, is_enough)
        self._seen_at = None

    def _rest(self, name: str, first: timedelta, longest: timedelta) -> None:
        now = self.now()
        found = self._notes.get(name)
        if found and found.blocked_until and found.blocked_until > now:
            return  # several messages were on their way: that was one refusal
        with self._app.writing() as connection:
            count = buckets.refused(connection, name, now=now)
            rest = min(longest, first * 2 ** min(count - 1, 20))
            buckets.block(connection, name, now + rest, now=now)
        log.warning("resting bucket=%s seconds=%d", name, rest.total_seconds())
        self._seen_at = None

    def _forgive(self, name: str) -> None:
        found = self._notes.get(name)
        if found is None or not found.state.get("refusals"):
            return
        with self._app.writing() as connection:
            buckets.note(connection, name, {"refusals": 0}, now=self.now())
        self._seen_at = None

    def _look(self, now: datetime) -> None:
        """Read what is noted of relays and domains, by whatever process."""
        if self._seen_at is not None and now - self._seen_at < REFRESH:
            return
        self._seen_at = now
        with self._app.reading() as connection:
            found = buckets.notes(connection, [_relay(""), _domain("")])
        self._notes = {name: note for name, note in found.items() if _still_says(note, now)}


def _still_says(note: Note, now: datetime) -> bool:
    if (note.blocked_until is not None and note.blocked_until > now) or note.state.get("refusals"):
        return True
    hit_at = note.state.get("hit_at")
    return hit_at is not None and now - datetime.fromisoformat(hit_at) < HOUR


def _relay(name: str) -> str:
    return f"relay:{name}"


def _domain(name: str) -> str:
    return f"domain:{name}"
