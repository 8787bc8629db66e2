"""One profile's edition by hand: send it, try it on one address, or look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection

from digest.actions import profiles as profile_actions
from digest.app import App
from digest.delivery import OutcomeKind
from digest.errors import ConflictError, DeliveryError, MissingError, UsageError
from digest.model import (
    Edition,
    Message,
    Profile,
    Purpose,
    Subscriber,
    SubscriberStatus,
    Subscription,
)
from digest.pipeline import composing, editions, judging, planning, readiness, sending, summaries
from digest.pipeline.composing import ToCompose
from digest.pipeline.editions import Draft
from digest.rendering.chat import compose_post
from digest.rendering.findings import Finding
from digest.store import due, suppressions
from digest.store import editions as edition_store
from digest.store import profiles as profile_store
from digest.store.profiles import StoredProfile
from digest.subscribers import slots
from digest.subscribers.addresses import address_hmac, channel_of, destination
from digest.text.counting import counted


@dataclass(frozen=True, kw_only=True)
class PreviewSummary:
    """What a preview says in numbers."""

    subject: str
    picks: int
    other_count: int
    html_kb: float
    message_kb: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The message that would be sent, and what the lint says of it."""

    message: Message
    edition: Edition
    summary: PreviewSummary

    @property
    def forbidden(self) -> bool:
        """Tell whether sending would refuse it."""
        return any(finding.forbids for finding in self.summary.findings)


@dataclass(frozen=True, kw_only=True)
class SendResult:
    """What a manual send did, one line an address."""

    ok: bool
    lines: tuple[str, ...]
    editions: int = 0
    picks: int = 0


def preview(app: App, name: str, *, on: date | None = None) -> Preview:
    """Compose the next edition of a profile (or an address) without changing anything."""
    stored = _profile(app, name)
    with app.reading() as connection:
        found = _targets(connection, stored, name)
        target = min(found, key=lambda s: bool(channel_of(s.subscriber.address)))
        made = _drafts(app, connection, [target], on)[0]
        return _composed(app, connection, made)


def preview_subscription(app: App, subscription_id: int) -> Preview:
    """Compose a subscription's next edition as it would be made now. Raises MissingError."""
    with app.reading() as connection:
        found = profile_store.subscriptions_of(connection, subscription_ids=[subscription_id])
        if not found:
            raise MissingError(f"there is no subscription {subscription_id}")
        return _composed(app, connection, _drafts(app, connection, found, None)[0])


def send(
    app: App, name: str, *, to: str = "", dry_run: bool = False, on: date | None = None
) -> SendResult:
    """Make a profile's edition now and mail it to its addresses, or a copy to one of them.

    Raises UsageError where there is no such profile, or it has no address.
    """
    stored = _profile(app, name)
    if to:
        return _send_copy(app, stored, destination(to), dry_run=dry_run, on=on)
    with app.reading() as connection:
        targets = [t for t in _targets(connection, stored, name) if t.row_id]
    live = [t for t in targets if t.status is SubscriberStatus.CONFIRMED]
    if not live:
        raise UsageError(f"profile {name!r} has no confirmed address: add one, or use --to")
    if dry_run:
        with app.reading() as connection:
            made, before = _new(connection, _drafts(app, connection, live, on))
        return _told(made, "would be sent to", before)
    readiness.guard(app)
    slotted, end = _slotted(app, live, on)
    judging.judge(app, slotted, window_end=end)
    with app.writing() as connection:
        due.hold(connection, [target.subscriber.row_id for target in live])
        made, before = _new(connection, _drafts(app, connection, live, on))
        planned = planning.freeze(app, connection, made, Purpose.MANUAL)
    summaries.prepare(app)
    with sending.stopping_on_signals() as stop:
        report = sending.send_ready(app, compose=composing.for_run(app), stop=stop)
    is_done = not (report.problems or stop())
    told = _told(made, "sent to" if is_done else "queued for", before)
    return SendResult(
        ok=told.ok and not report.problems,
        lines=(*told.lines, *report.problems),
        editions=planned.mailed,
        picks=planned.picks,
    )


def _profile(app: App, name: str) -> StoredProfile:
    profile_actions.sync(app)
    if "@" in name:
        with app.reading() as connection:
            first = profile_actions.subscribed_as(connection, name)[0]
        return StoredProfile(
            row_id=first.profile_id, origin="", profile=first.profile, is_active=True
        )
    return profile_actions.get(app, name)


def _targets(connection: Connection, stored: StoredProfile, name: str) -> list[Subscription]:
    """Return the profile's subscriptions, or a stand-in where it has none."""
    found = profile_store.subscriptions_of(connection, profile_id=stored.row_id)
    if "@" in name:
        found = [s for s in found if s.subscriber.address.lower() == name.lower()]
    return found or [stand_in(stored.profile, "reader@example.org", profile_id=stored.row_id)]


def stand_in(profile: Profile, address: str, *, profile_id: int = 0) -> Subscription:
    """Return a subscription that is in no table: nothing of it can be recorded."""
    person = Subscriber(
        row_id=0,
        address=address,
        status=SubscriberStatus.CONFIRMED,
        created_at=datetime(1970, 1, 1, tzinfo=UTC),
    )
    return Subscription(
        row_id=0,
        subscriber=person,
        profile_id=profile_id,
        profile=profile,
        status=SubscriberStatus.CONFIRMED,
        next_slot_at=None,
    )


def _drafts(
    app: App, connection: Connection, targets: Sequence[Subscription], on: date | None
) -> list[Draft]:
    slotted, end = _slotted(app, targets, on)
    return editions.draft(app, connection, slotted, window_end=end)


def _slotted(
    app: App, targets: Sequence[Subscription], on: date | None
) -> tuple[list[tuple[Subscription, datetime]], datetime]:
    """Return the targets with their slots, and where the window of their editions ends."""
    slotted = []
    end = app.now()
    for target in targets:
        slot = app.now()
        if on is not None:
            schedule = target.profile.schedule
            midnight = datetime.combine(on + timedelta(days=1), time(0), tzinfo=UTC)
            slot = slots.slot_on(schedule, on)
            end = min(app.now(), max(slot, midnight))
        slotted.append((target, slot))
    return slotted, end


def _composed(app: App, connection: Connection, made: Draft) -> Preview:
    item = ToCompose(
        edition=made.edition,
        recipient=made.subscription.subscriber.address,
        profile=made.subscription.profile,
        message_id=composing.message_id(app, made.edition),
        composed_at=app.now(),
    )
    inputs = composing.edition_inputs(app, connection, [item])
    is_post = bool(channel_of(inputs[0].recipient))
    message = compose_post(inputs[0]) if is_post else app.composer.compose(inputs[0], bodies=True)
    return Preview(
        message=message,
        edition=made.edition,
        summary=PreviewSummary(
            subject=message.subject,
            picks=len(made.edition.picks),
            other_count=made.edition.other_count,
            html_kb=len(message.html.encode()) / 1024,
            message_kb=len(message.content) / 1024,
            findings=() if is_post else composing.findings(app, message),
        ),
    )


def _send_copy(
    app: App, stored: StoredProfile, address: str, *, dry_run: bool, on: date | None
) -> SendResult:
    """Mail a copy to one address; no edition, ledger or delivery row comes of it.

    Raises ConflictError where the address must not be mailed.
    """
    mark = address_hmac(app.secret_keys, address)
    with app.reading() as connection:
        held = suppressions.lookup(connection, [mark]).get(mark)
        if held:
            raise ConflictError(f"{address} is suppressed ({held.reason}): no mail is sent to it")
        target = stand_in(stored.profile, address, profile_id=stored.row_id)
        made = _drafts(app, connection, [target], on)[0]
        composed = _composed(app, connection, made)
    if dry_run:
        return _told([made], "would be sent to")
    if composed.forbidden:
        lines = tuple(str(finding) for finding in composed.summary.findings)
        return SendResult(ok=False, lines=lines)
    failures = []
    channel = channel_of(address)
    if channel and channel not in app.channels:
        raise UsageError(f'there is no [transports.{channel}] with kind = "chat"')
    ways = [app.channels[channel]] if channel else list(app.transports.values())
    for transport in ways:
        try:
            session = transport.open()
            try:
                outcome = session.send(composed.message, lambda: True)
            finally:
                session.close()
        except DeliveryError as exc:
            failures.append(str(exc))
            continue
        if outcome.kind is OutcomeKind.SENT:
            return _told([made], "sent to")
        failures.append(f"{transport.name}: {outcome.kind}: {outcome.code} {outcome.reply}")
        break
    return SendResult(ok=False, lines=tuple(failures) or ("there is no [transports.NAME] table",))


def _new(connection: Connection, drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    """Part drafts from those whose slot has an edition: what it showed is frozen."""
    slots_asked = [(d.edition.subscription_id, d.edition.slot_at) for d in drafts]
    taken = edition_store.taken(connection, slots_asked)
    return (
        [d for d in drafts if d.edition.subscription_id not in taken],
        [d for d in drafts if d.edition.subscription_id in taken],
    )


def _told(made: Sequence[Draft], verb: str, before: Sequence[Draft] = ()) -> SendResult:
    """Report what was made, and which editions were made ``before``: nothing goes for those."""
    sent = [
        f"{counted(len(d.edition.picks), 'paper')} {verb} {d.subscription.subscriber.address}"
        for d in made
    ]
    known = [
        f"{d.subscription.subscriber.address}: that edition was made already: digest edition "
        f"--date {d.edition.edition_on} --profile {d.subscription.profile.name}"
        for d in before
    ]
    return SendResult(
        ok=bool(made),
        lines=(*sent, *known),
        editions=len(made),
        picks=sum(len(d.edition.picks) for d in made),
    )
