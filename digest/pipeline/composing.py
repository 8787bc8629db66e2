"""From frozen editions to what the composer needs: one set of queries for a whole block.

Sending and preview both come through here, so that a preview is the very bytes of a mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from digest.app import App
from digest.errors import RenderError
from digest.model import Edition, Message, Paper, Subscription
from digest.rendering import EditionInput, PersonalLinks, SenderIdentity
from digest.rendering.chat import compose_post
from digest.rendering.lint import Finding, lint
from digest.rendering.notices import NoticeInput
from digest.rendering.setup import sender_identity
from digest.store import editions as edition_store
from digest.store import papers, profiles, summaries
from digest.store.outbox import Claimed
from digest.store.summaries import Summary
from digest.subscribers.addresses import channel_of, domain_of
from digest.subscribers.links import personal_links
from digest.subscribers.tokens import Signer


@dataclass(frozen=True, kw_only=True)
class ToCompose:
    """One edition for one address, with what must be the same on every retry."""

    edition: Edition
    subscription: Subscription
    message_id: str
    composed_at: datetime
    envelope_sender: str = ""


def message_id(app: App, edition: Edition) -> str:
    """Return the Message-ID of an edition: the same whenever and wherever it is computed."""
    name = f"{edition.subscription_id}|{edition.slot_at.isoformat()}".encode()
    local = hashlib.blake2b(name, key=app.secret_keys[-1][:64], digest_size=16).hexdigest()
    return f"<{local}.{edition.edition_on:%Y%m%d}@{sender_domain(app)}>"


def sender_domain(app: App) -> str:
    """Return the domain of ``mail.sender``, where Message-IDs are unique."""
    return domain_of(app.config.settings.mail.sender) or "localhost"


def identity(app: App) -> SenderIdentity:
    """Return who sends. Raises ConfigError without ``mail.sender``."""
    return sender_identity(app.config.settings, app.config.settings.digest.name)


def messages(app: App, rows: Sequence[Claimed]) -> dict[int, Message | RenderError]:
    """Compose claimed deliveries, by row id; one that cannot be composed is an error there."""
    with app.reading() as connection:
        made = edition_store.load_many(connection, [r.edition_id for r in rows if r.edition_id])
        owners = profiles.subscriptions_of(
            connection, subscription_ids={edition.subscription_id for edition in made.values()}
        )
        by_id = {subscription.row_id: subscription for subscription in owners}
        items = {
            row.row_id: ToCompose(
                edition=edition,
                subscription=by_id[edition.subscription_id],
                message_id=row.message_id,
                composed_at=row.composed_at,
                envelope_sender=_return_path(app, row.row_id),
            )
            for row in rows
            if row.edition_id
            and (edition := made.get(row.edition_id))
            and edition.subscription_id in by_id
        }
        inputs = dict(
            zip(items, edition_inputs(app, connection, list(items.values())), strict=True)
        )
    return {row.row_id: _message(app, row, inputs.get(row.row_id)) for row in rows}


def _message(app: App, row: Claimed, given: EditionInput | None) -> Message | RenderError:
    try:
        if given is not None and channel_of(given.recipient):
            return compose_post(given)
        if given is not None:
            return app.composer.compose_checked(given)
        if row.content is not None:
            message = app.composer.compose_notice(_notice(app, row, row.content))
        else:
            return RenderError("the edition or its subscription is gone")
    except RenderError as exc:
        return exc
    refused = [finding for finding in findings(app, message) if finding.forbids]
    return RenderError("; ".join(map(str, refused))) if refused else message


def findings(app: App, message: Message) -> tuple[Finding, ...]:
    """Return what the lint says of a message under this installation's limits."""
    mail = app.config.settings.mail
    return lint(message, body_limit_kb=mail.body_limit_kb, remote_images=mail.remote_images)


def _notice(app: App, row: Claimed, content: Mapping[str, Any]) -> NoticeInput:
    return NoticeInput(
        kind=str(content["notice"]),
        recipient=row.address,
        sender=identity(app),
        message_id=row.message_id,
        composed_at=row.composed_at,
        values=content.get("values", {}),
        envelope_sender=_return_path(app, row.row_id),
    )


def _return_path(app: App, delivery_id: int) -> str:
    return app.return_paths.make(delivery_id) if app.return_paths else ""


def edition_inputs(
    app: App, connection: Connection, items: Sequence[ToCompose]
) -> list[EditionInput]:
    """Return what each edition is composed of, in order; papers are loaded once for all."""
    wanted = {
        row_id
        for item in items
        for row_id in (*(p.paper_id for p in item.edition.picks), *item.edition.other_ids)
    }
    found = papers.load(connection, wanted)
    picked = {pick.paper_id for item in items for pick in item.edition.picks}
    since = min((item.edition.slot_at for item in items), default=app.now()) - timedelta(days=1)
    changes = edition_store.signal_changes(connection, picked, since)
    said = _summaries(app, connection, found, picked)
    signer = Signer(app.secret_keys)
    sender = identity(app)
    return [_input(app, item, found, changes, said, signer, sender) for item in items]


def _summaries(
    app: App, connection: Connection, found: Mapping[int, Paper], picked: Collection[int]
) -> dict[int, Summary]:
    """Return the picked papers' summaries from elsewhere; asks nothing where they are off."""
    wanted = app.config.settings.summaries
    if not wanted.enabled:
        return {}
    return summaries.of_papers(
        connection,
        {row_id: found[row_id] for row_id in picked if row_id in found},
        language=wanted.language,
    )


def _input(
    app: App,
    item: ToCompose,
    found: dict[int, Paper],
    changes: dict[int, dict[str, tuple[float, float]]],
    said: Mapping[int, Summary],
    signer: Signer,
    sender: SenderIdentity,
) -> EditionInput:
    edition = item.edition
    ids = [*(p.paper_id for p in edition.picks), *edition.other_ids]
    return EditionInput(
        edition=edition,
        profile=item.subscription.profile,
        papers={row_id: found[row_id] for row_id in ids if row_id in found},
        deltas={row_id: changes[row_id] for row_id in ids if row_id in changes},
        summaries={
            row_id: said[row_id].text
            for row_id in ids
            if row_id in said and said[row_id].made_at <= item.composed_at
        },
        recipient=item.subscription.subscriber.address,
        sender=sender,
        envelope_sender=item.envelope_sender,
        links=_links(app, item, signer, sender),
        message_id=item.message_id,
        composed_at=item.composed_at,
    )


def _links(app: App, item: ToCompose, signer: Signer, sender: SenderIdentity) -> PersonalLinks:
    """Return the links of one mail; a channel gets none, for everybody in it would hold them."""
    edition, settings = item.edition, app.config.settings
    if channel_of(item.subscription.subscriber.address):
        base = settings.digest.base_url
        return PersonalLinks(papers_base=f"{base}/paper" if base else "")
    return personal_links(
        settings.digest.base_url,
        signer,
        subscriber_id=edition.subscriber_id,
        subscription_id=edition.subscription_id,
        edition_id=edition.row_id,
        mailto=settings.mail.unsubscribe_mailto or settings.mail.reply_to or sender.address,
    )
