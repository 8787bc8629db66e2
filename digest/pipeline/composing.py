"""From frozen editions to what the composer needs: one set of queries for a whole block.

Sending and preview both come through here, so that a preview is the very bytes of a mail.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from digest.app import App
from digest.errors import RenderError
from digest.model import Edition, Message, Paper, Picks, Profile
from digest.model.quickly import made
from digest.rendering import EditionInput, Look, PersonalLinks, SenderIdentity
from digest.rendering.chat import compose_post
from digest.rendering.findings import Finding
from digest.rendering.lint import lint
from digest.rendering.notices import NoticeInput
from digest.rendering.setup import sender_identity
from digest.store import editions as edition_store
from digest.store import mailing, papers, summaries
from digest.store.outbox import Claimed
from digest.store.summaries import Summary
from digest.subscribers.addresses import channel_of, domain_of
from digest.subscribers.links import personal_links
from digest.subscribers.tokens import Signer

MOST_KNOWN = 20_000
"""Papers kept while a run lasts."""

DAY = timedelta(days=1)
SignalChanges = dict[str, tuple[float, float]]
Span = tuple[datetime, datetime | None]


@dataclass(frozen=True, kw_only=True)
class ToCompose:
    """One edition for one address, with what must be the same on every retry."""

    edition: Edition
    recipient: str
    profile: Profile | Look
    message_id: str
    composed_at: datetime
    envelope_sender: str = ""


def message_id(app: App, edition: Edition) -> str:
    """Return the Message-ID of an edition: the same whenever and wherever it is computed."""
    return message_ids(app)(edition)


def message_ids(app: App) -> Callable[[Edition], str]:
    """Return what makes Message-IDs, for many editions.

    They begin with what grows as editions are planned: the index of the outbox gets a block's
    rows side by side, and not one on each of its pages.
    """
    keyed = hashlib.blake2b(key=app.secret_keys[-1][:64], digest_size=12)
    domain = sender_domain(app)

    def name(edition: Edition) -> str:
        local = keyed.copy()
        # The slot alone may come again: a clock that was ahead has used it before.
        local.update(
            f"{edition.subscription_id}|{edition.slot_at.isoformat()}|{edition.row_id}".encode()
        )
        on, whose = edition.edition_on, edition.subscription_id
        return f"<{on.year:04}{on.month:02}{on.day:02}.{whose:08x}.{local.hexdigest()}@{domain}>"

    return name


def sender_domain(app: App) -> str:
    """Return the domain of ``mail.sender``, where Message-IDs are unique."""
    return domain_of(app.config.settings.mail.sender) or "localhost"


def identity(app: App) -> SenderIdentity:
    """Return who sends. Raises ConfigError without ``mail.sender``."""
    return sender_identity(app.config.settings, app.config.settings.digest.name)


@dataclass
class Known:
    """What one run has loaded for its mails: readers share papers."""

    papers: dict[int, Paper] = field(default_factory=dict)
    began_at: datetime | None = None
    """What was composed before is composed again as it was then: the same bytes."""
    changes: dict[Span, dict[int, SignalChanges]] = field(default_factory=dict)
    """By the instants since and until when, then by paper."""
    summaries: dict[int, Summary | None] = field(default_factory=dict)
    sending: tuple[SenderIdentity, Signer] | None = None
    """Who sends, and what signs the links."""

    def span(self, item: ToCompose) -> Span:
        """Return since and until when an edition's changes of signals count (None: now)."""
        again = self.began_at is not None and item.composed_at < self.began_at
        return item.edition.slot_at - DAY, item.composed_at if again else None

    def learn(self, app: App, connection: Connection, items: Iterable[ToCompose]) -> None:
        """Load what these editions name and is not known yet."""
        if len(self.papers) > MOST_KNOWN:
            self.papers, self.changes, self.summaries = {}, {}, {}
        wanted: set[int] = set()
        by_span: dict[Span, set[int]] = {}
        for item in items:
            edition = item.edition
            by_span.setdefault(self.span(item), set()).update(
                Picks.of(edition.picks).columns.paper_ids
            )
            if edition.other_ids:
                wanted.update(edition.other_ids)
        wanted.update(*by_span.values())
        if missing := wanted - self.papers.keys():
            self.papers |= papers.load(connection, missing)
        for (since, until), picks in by_span.items():
            known = self.changes.setdefault((since, until), {})
            if missing := picks - known.keys():
                found = edition_store.signal_changes(connection, missing, since, until=until)
                known |= {row_id: found.get(row_id, {}) for row_id in missing}
            if app.config.settings.summaries.enabled:
                self._learn_summaries(app, connection, picks)

    def _learn_summaries(self, app: App, connection: Connection, picks: Collection[int]) -> None:
        missing = {
            row_id: self.papers[row_id]
            for row_id in picks
            if row_id in self.papers and row_id not in self.summaries
        }
        language = app.config.settings.summaries.language
        said = summaries.of_papers(connection, missing, language=language)
        self.summaries |= {row_id: said.get(row_id) for row_id in missing}


def for_run(app: App) -> Callable[[Sequence[Claimed]], Mapping[int, Message | RenderError]]:
    """Return what composes the deliveries of one run of sending."""
    return partial(messages, app, known=Known(began_at=app.now()))


def messages(
    app: App, rows: Sequence[Claimed], *, known: Known | None = None
) -> Mapping[int, Message | RenderError]:
    """Compose claimed deliveries, by row id; one that cannot be composed is an error there.

    What they are made of is read now, each message is made when it is looked up.
    """
    with app.reading() as connection:
        loaded = mailing.load(connection, [row.edition_id for row in rows if row.edition_id])
        items = {
            row.row_id: made(
                ToCompose,
                edition=found.edition,
                recipient=found.address,
                profile=found.look,
                message_id=row.message_id,
                composed_at=row.composed_at,
                envelope_sender=_return_path(app, row.row_id),
            )
            for row in rows
            if row.edition_id and (found := loaded.get(row.edition_id))
        }
        inputs = dict(
            zip(
                items,
                edition_inputs(app, connection, list(items.values()), known=known),
                strict=True,
            )
        )
    return _AsAsked(app, {row.row_id: (row, inputs.get(row.row_id)) for row in rows})


class _AsAsked(Mapping[int, Message | RenderError]):
    """Messages that are composed when they are asked for: the others need not wait for all."""

    def __init__(self, app: App, given: Mapping[int, tuple[Claimed, EditionInput | None]]) -> None:
        self._app = app
        self._given = given

    def __getitem__(self, row_id: int) -> Message | RenderError:
        return _message(self._app, *self._given[row_id])

    def __iter__(self) -> Iterator[int]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)


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
    app: App, connection: Connection, items: Sequence[ToCompose], *, known: Known | None = None
) -> list[EditionInput]:
    """Return what each edition is composed of, in order; papers are loaded once for all."""
    known = known or Known()
    known.learn(app, connection, items)
    sender, signer = known.sending = known.sending or (identity(app), Signer(app.secret_keys))
    return [_input(app, item, known, signer, sender) for item in items]


def _input(
    app: App, item: ToCompose, known: Known, signer: Signer, sender: SenderIdentity
) -> EditionInput:
    edition = item.edition
    said = known.summaries
    return made(
        EditionInput,
        edition=edition,
        profile=item.profile,
        papers=known.papers,
        deltas=known.changes[known.span(item)],
        summaries={
            row_id: found.text
            for row_id in Picks.of(edition.picks).columns.paper_ids
            if (found := said.get(row_id)) and found.made_at <= item.composed_at
        }
        if said
        else {},
        recipient=item.recipient,
        sender=sender,
        envelope_sender=item.envelope_sender,
        links=_links(app, item, signer, sender),
        message_id=item.message_id,
        composed_at=item.composed_at,
    )


def _links(app: App, item: ToCompose, signer: Signer, sender: SenderIdentity) -> PersonalLinks:
    """Return the links of one mail; a channel gets none, for everybody in it would hold them."""
    edition, settings = item.edition, app.config.settings
    if channel_of(item.recipient):
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
