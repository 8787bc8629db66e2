"""Build a past day's edition again from what was frozen: the same bytes where the facts are kept.

Kept are the picks with their reasons, the signals with their dates, the Message-ID, the instant
of composing and a sum of the bytes that were sent, which proves or refutes the mail that is made
again. Not kept are the former texts of papers and templates: what has changed since is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta

from sqlalchemy import Connection

from digest.actions import profiles as profile_actions
from digest.app import App
from digest.errors import UsageError
from digest.model import DeliveryState, Edition, Message
from digest.pipeline import composing
from digest.pipeline.composing import ToCompose
from digest.rendering.chat import compose_post
from digest.rendering.imprint import is_same
from digest.store import editions as edition_store
from digest.store import past
from digest.store import profiles as profile_store
from digest.store.past import Mailed
from digest.subscribers.addresses import channel_of, masked_address

UNEXPLAINED = "nothing that is kept says why: the words of a paper may be others by now"


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """One reader's edition, composed again."""

    edition: Edition
    reader: str
    """The address, shortened."""
    state: DeliveryState | None
    message: Message
    is_same: bool | None
    """Whether these are the very bytes that were sent; None where no sum of those was kept."""
    differences: tuple[str, ...]
    """Why they are not, or may not be; empty where every fact is as it was."""


def rebuild(app: App, name: str, on: date) -> tuple[Rebuilt, ...]:
    """Compose the editions of a profile and a day once more; change nothing.

    Raises UsageError where there was none on that day.
    """
    stored = profile_actions.get(app, name)
    with app.reading() as connection:
        mailed = past.of_day(connection, stored.row_id, on)
        if not mailed:
            days = ", ".join(map(str, past.days_of(connection, stored.row_id))) or "none yet"
            raise UsageError(f"{name} had no edition on {on} (the last were on: {days})")
        made = edition_store.load_many(connection, [one.edition_id for one in mailed])
        owners = {
            subscription.row_id: subscription
            for subscription in profile_store.subscriptions_of(connection, profile_id=stored.row_id)
        }
        found = []
        for one in mailed:
            edition = made[one.edition_id]
            subscription = owners.get(edition.subscription_id)
            if subscription is None:
                continue  # erased on request: nothing may be left of what they got
            item = ToCompose(
                edition=edition,
                recipient=subscription.subscriber.address,
                profile=subscription.profile,
                message_id=one.message_id or composing.message_id(app, edition),
                composed_at=one.composed_at or edition.made_at,
            )
            message = _compose(app, connection, item, one)
            same = is_same(one.imprint, message.content)
            found.append(
                Rebuilt(
                    edition=edition,
                    reader=masked_address(subscription.subscriber.address),
                    state=one.state,
                    message=message,
                    is_same=same,
                    differences=()
                    if same
                    else tuple(_differences(app, connection, item, one))
                    or (() if same is None else (UNEXPLAINED,)),
                )
            )
    return tuple(found)


def _compose(app: App, connection: Connection, item: ToCompose, one: Mailed) -> Message:
    sender = app.return_paths.make(one.delivery_id) if app.return_paths and one.delivery_id else ""
    (given,) = composing.edition_inputs(app, connection, [replace(item, envelope_sender=sender)])
    edition = item.edition
    as_then = edition_store.signal_changes(
        connection,
        [pick.paper_id for pick in edition.picks],
        edition.slot_at - timedelta(days=1),
        until=item.composed_at,
    )
    given = replace(given, deltas=as_then)
    if channel_of(given.recipient):
        return compose_post(given)
    return app.composer.compose(given, bodies=True)


def _differences(app: App, connection: Connection, item: ToCompose, one: Mailed) -> Iterator[str]:
    edition = item.edition
    yield from app.imprint.changes(one.imprint)
    if one.composed_at is None:
        yield "it was never composed: there is nothing that it could be the same as"
    if one.message_id and one.message_id != composing.message_id(app, edition):
        yield "digest.secret or mail.sender has changed since: links and headers are others"
    changed_at = past.profile_changed_at(connection, edition.profile_id)
    if changed_at is not None and changed_at > item.composed_at:
        yield "the profile has changed since: its title, language or layout may be others"
    wanted = {*(pick.paper_id for pick in edition.picks), *edition.other_ids}
    for key, kinds in past.changed_papers(connection, wanted, item.composed_at).items():
        yield f"{key} has changed since: {', '.join(kinds)}"
    (given,) = composing.edition_inputs(app, connection, [item])
    if gone := len(wanted - given.papers.keys()):
        yield f"{gone} papers are not in the store any more"
