"""The outbox as its owner sees it: is it whole, what is in it, retry, cancel, pause, why.

Sending itself is ``sending``; nothing here talks to a relay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.actions.paging import Page, page_of
from digest.app import App
from digest.errors import MissingError
from digest.model import DeliveryState
from digest.pipeline import _clones, claims, clock
from digest.pipeline._throttle import Throttle
from digest.store import bounces, deliveries, integrity, subscribers, suppressions
from digest.store.bounces import BounceRow
from digest.store.deliveries import Attempt, Delivery, DeliveryFilters
from digest.subscribers.addresses import address_hmac, address_key

RETRYABLE = (
    DeliveryState.FAILED,
    DeliveryState.UNCERTAIN,
    DeliveryState.DEFERRED,
    DeliveryState.EXPIRED,
)
CANCELLABLE = (
    DeliveryState.READY,
    DeliveryState.DEFERRED,
    DeliveryState.CLAIMED,
    DeliveryState.UNCERTAIN,
)


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether every planned mail is accounted for."""

    planned: int
    counts: Mapping[str, int]
    """By state; they sum up to ``planned``."""
    problems: tuple[str, ...]
    """What breaks the promise: editions without a delivery, two sendings of one mail, ..."""
    uncertain: tuple[Delivery, ...]
    is_paused: bool
    is_restored: bool = False
    """Paused by `digest restore`: what waits may have been sent since the backup was made."""
    skipped: tuple[str, ...] = ()
    """A sentence for each relay that is left alone for a while, because it broke."""

    @property
    def is_ok(self) -> bool:
        """Tell whether nothing needs a look."""
        return not self.problems and not self.uncertain


def verify(app: App) -> Verification:
    """Check that the store is whole, then the conservation of mails; settles dead senders first.

    A damaged store's mails are not counted.
    """
    with app.reading() as connection:
        if damage := integrity.problems(connection):
            return Verification(
                planned=0, counts={}, problems=damage, uncertain=(), is_paused=False
            )
    claims.settle(app)
    with app.reading() as connection:
        counts = deliveries.count_by_state(connection)
        found = deliveries.irregularities(connection, app.now())
        skew = clock.problem(connection, app.now())
        uncertain = deliveries.listed(
            connection, DeliveryFilters(state=DeliveryState.UNCERTAIN), limit=1000
        )
        paused = deliveries.is_paused(connection)
        reason = deliveries.pause_reason(connection)
    problems = (
        *([skew] if skew else []),
        *(f"{count} {what}" for what, count in found.items() if count),
        *claims.stranded(app),
    )
    return Verification(
        planned=sum(counts.values()),
        counts={state.value: count for state, count in counts.items()},
        problems=problems,
        uncertain=tuple(uncertain),
        is_paused=paused,
        is_restored=reason == deliveries.AFTER_RESTORE,
        skipped=_skipped(app),
    )


def _skipped(app: App) -> tuple[str, ...]:
    throttle = Throttle(app)
    ends = {name: throttle.closed_until(name) for name in app.config.settings.transports}
    return tuple(
        f"relay {name} broke and is left alone until {at:%F %H:%M:%S} UTC"
        for name, at in ends.items()
        if at is not None
    )


def listed(
    app: App,
    *,
    state: DeliveryState | None = None,
    edition_id: int | None = None,
    limit: int = 100,
) -> Sequence[Delivery]:
    """Return deliveries, newest first."""
    return page(app, DeliveryFilters(state=state, edition_id=edition_id), limit=limit).items


def page(
    app: App,
    filters: DeliveryFilters | None = None,
    *,
    address: str = "",
    after: int = 0,
    limit: int = 100,
) -> Page[Delivery]:
    """Return a page of deliveries, newest first; ``after`` is the last row id of the page before.

    With ``address`` only those to this mailbox. Raises AddressError.
    """
    asked = filters or DeliveryFilters()
    if address:
        mark = address_hmac(app.secret_keys, address)
        asked = replace(asked, address_key=address_key(address), address_hmac=mark)
    with app.reading() as connection:
        found = deliveries.listed(connection, asked, before=after, limit=limit + 1)
    return page_of(found, limit, lambda delivery: delivery.row_id)


@dataclass(frozen=True, kw_only=True)
class DeliveryStory:
    """One delivery and each of its attempts."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]


def story(app: App, delivery_id: int) -> DeliveryStory:
    """Return a delivery with its attempts. Raises MissingError."""
    with app.reading() as connection:
        found = deliveries.get(connection, delivery_id)
        if found is None:
            raise MissingError(f"there is no delivery {delivery_id}")
        return DeliveryStory(
            delivery=found, attempts=tuple(deliveries.attempts_of(connection, delivery_id))
        )


def retry(app: App, ids: Sequence[int]) -> int:
    """Make deliveries that were not sent due now; return how many. Raises MissingError.

    Asked for by name, one is not too old: it may be tried for ``mail.max_age_hours`` from now. An
    uncertain one may have arrived: retrying it is a person's decision, never the program's.
    """
    with app.writing() as connection:
        _known(deliveries.existing(connection, ids), ids)
        return deliveries.move(
            connection,
            ids,
            RETRYABLE,
            DeliveryState.READY,
            due_at=app.now(),
            expires_at=app.now() + timedelta(hours=app.config.settings.mail.max_age_hours),
        )


def cancel(app: App, ids: Sequence[int]) -> int:
    """End deliveries that are not sent; return how many. Raises MissingError."""
    with app.writing() as connection:
        _known(deliveries.existing(connection, ids), ids)
        return deliveries.move(connection, ids, CANCELLABLE, DeliveryState.CANCELLED)


def pause(app: App) -> None:
    """Hold all sending; it takes effect within one message a connection."""
    with app.writing() as connection:
        deliveries.pause(connection, app.now())


def resume(app: App, *, accept_clone: bool = False) -> None:
    """Let sending go on; ``accept_clone``: from here, though the store was another's."""
    if accept_clone:
        _clones.adopt(app)
    with app.writing() as connection:
        deliveries.resume(connection)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The outbox at a glance."""

    is_paused: bool
    counts: Mapping[str, int]
    """By state."""


def standing(app: App) -> Standing:
    """Return whether sending is on hold, and how many deliveries are in each state."""
    with app.reading() as connection:
        counts = deliveries.count_by_state(connection)
        paused = deliveries.is_paused(connection)
    return Standing(
        is_paused=paused, counts={state.value: count for state, count in counts.items()}
    )


@dataclass(frozen=True, kw_only=True)
class MailExplanation:
    """Why mail did or did not come to an address."""

    status: str
    """The subscriber's status; empty for a stranger."""
    suppression: str
    """Why the address is not mailed; empty where it is."""
    suppressed_at: datetime | None
    deliveries: tuple[Delivery, ...]
    """The latest first."""
    returned: Mapping[int, BounceRow]
    """What came back about them, by delivery."""
    verdict: str
    """One sentence."""


def explain_mail(app: App, address: str, *, limit: int = 10) -> MailExplanation:
    """Say why mail did or did not come. Raises AddressError."""
    hmac = address_hmac(app.secret_keys, address)
    with app.reading() as connection:
        subscriber = subscribers.find(connection, address)
        held = suppressions.lookup(connection, [hmac]).get(hmac)
        asked = DeliveryFilters(address_key=address_key(address), address_hmac=hmac)
        found = deliveries.listed(connection, asked, limit=limit)
        returned = bounces.of_deliveries(connection, [one.row_id for one in found])
        paused = deliveries.is_paused(connection)
    status = subscriber.status.value if subscriber else ""
    return MailExplanation(
        status=status,
        suppression=held.reason if held else "",
        suppressed_at=held.at if held else None,
        deliveries=tuple(found),
        returned=returned,
        verdict=_verdict(status, held.reason if held else "", found, returned, paused=paused),
    )


def _verdict(
    status: str,
    suppression: str,
    found: Sequence[Delivery],
    returned: Mapping[int, BounceRow],
    *,
    paused: bool,
) -> str:
    if suppression:
        return f"the address is suppressed ({suppression}): no mail is sent to it"
    if not status and not found:
        return "nobody subscribed with this address, and nothing was ever sent to it"
    if status in {"unconfirmed", "unsubscribed"}:
        return f"the subscriber is {status}: no editions are made"
    if not found:
        return "no edition has been due yet"
    latest = found[0]
    if latest.state is DeliveryState.SENT:
        said = f"the latest mail was accepted by {latest.transport} at {latest.sent_at:%F %T} UTC"
        back = returned.get(latest.row_id)
        return f"{said}; then came back {told_back(back)}" if back else said
    said = " ".join(filter(None, (str(latest.code or ""), latest.enhanced_code, latest.reply)))
    if latest.state is DeliveryState.READY:
        return "sending is paused" if paused else "the latest mail waits to be sent"
    cause = f" ({latest.cause})" if latest.cause else ""
    return f"the latest mail is {latest.state}{cause}{': ' if said else ''}{said}"


def told_back(row: BounceRow) -> str:
    """Return what came back in a few words: ``soft 5.2.2: mailbox full``."""
    return f"{row.kind} {row.status}".strip() + (f": {row.reason}" if row.reason else "")


def _known(existing: set[int], ids: Sequence[int]) -> None:
    missing = [str(number) for number in ids if number not in existing]
    if missing:
        raise MissingError(f"there is no delivery {', '.join(missing)}")
