"""Make messages of editions: parts made once, encoded once, joined per message.

Per message only bytes are joined and a few short personal texts encoded; templates, CSS inlining
and encoding are paid per paper or per frame (`cards`). The slow, obvious way (render the whole
template, then ``EmailMessage``) lives in the tests, which hold the two equal.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from digest.errors import RenderError
from digest.model import Frequency, Message, PickColumns, Picks
from digest.model.quickly import made
from digest.rendering import EditionInput, headers, mime, views
from digest.rendering.assembly import Assembly, Shown
from digest.rendering.bodies import with_bodies
from digest.rendering.cards import Card, PartMaker, Shelf, Signals
from digest.rendering.dkim import Signer
from digest.rendering.fields import Head, edition_head, personal_fields
from digest.rendering.frames import Frame, Shows, make_frame
from digest.rendering.inert import plain
from digest.rendering.lint import CLIPPED_KB, lint, lint_size
from digest.rendering.notices import NoticeInput, compose_notice
from digest.rendering.parts import Templates, load_templates
from digest.rendering.pieces import SHARED
from digest.rendering.shapes import head_shape, own_shape
from digest.rendering.subjects import SubjectMaker
from digest.rendering.views import CardOptions, SignalValues

__all__ = ["Composer"]

FRAME_LIMIT = 4_000
OPENING_LIMIT = 4_000
_NO_SIGNALS: SignalValues = {}
_NO_DELTAS: Signals = {}
SHAPES = 1_000


class _Composed(NamedTuple):
    """A message with what tells whether it may be sent."""

    message: Message
    faults: list[str]
    shape: Hashable | None
    """Equal for messages of the same fields and parts; None where only the lint can tell."""


class _Opening(NamedTuple):
    """What the best paper decides: the subject, and with it the head."""

    subject: str
    head: Head
    shape: tuple[bytes, ...] | None
    """Of the head, see `head_shape`."""


class Composer:
    """Composes messages; built once per process, shared by threads.

    ``body_limit_kb`` bounds the HTML part before encoding (Gmail clips at about 102 KB);
    ``subject`` overrides the subject with a Jinja2 template (see `subjects`).
    """

    def __init__(
        self,
        templates: Templates | None = None,
        *,
        body_limit_kb: int = 90,
        dkim: Signer | None = None,
        subject: str = "",
        remote_images: bool = False,
    ) -> None:
        self.templates = templates or load_templates()
        self.dkim = dkim
        self.limit = body_limit_kb * 1000
        self._images = remote_images
        self._maker = PartMaker(self.templates, images=remote_images)
        self._subjects = SubjectMaker(self.templates, subject)
        self._frames: dict[Hashable, Frame] = {}
        self._openings: dict[tuple[str, Frame], _Opening] = {}
        self._surely_small = min(self.limit, CLIPPED_KB * 1000)
        self._clean: set[Hashable] = set()

    def check_subject(self, name: str) -> None:
        """Try the subject's template as an installation of this name. Raises RenderError."""
        self._subjects.check(name)

    def compose(self, given: EditionInput, *, bodies: bool = False) -> Message:
        """Return the message of an edition. The same input gives the same bytes.

        ``bodies`` also fills ``html`` and ``text``, decoded from the very bytes (for previews).
        Raises RenderError where a template or an address is wrong.
        """
        message = self._composed(given).message
        return with_bodies(message) if bodies else message

    def compose_checked(self, given: EditionInput) -> Message:
        """Return the message of an edition that may be sent; raise RenderError where it may not.

        Its parts were linted when they were made, what is personal in its head is checked here;
        a message of a shape that was never sent before is linted whole.
        """
        message, refused, shape = self._composed(given)
        limit = self.limit // 1000
        is_known = shape is not None and shape in self._clean
        if not is_known:
            found = lint(message, body_limit_kb=limit, remote_images=self._images)
            refused += [str(finding) for finding in found if finding.forbids]
        elif len(message.content) > self._surely_small:
            found = lint_size([mime.html_of(message.content)], body_limit_kb=limit)
            refused += [str(finding) for finding in found if finding.forbids]
        if refused:
            raise RenderError("; ".join(dict.fromkeys(refused)))
        if not is_known and shape is not None and len(self._clean) < SHAPES:
            self._clean.add(shape)
        return message

    def _composed(self, given: EditionInput) -> _Composed:
        edition = given.edition
        columns = Picks.of(edition.picks).columns
        title = self._maker.said(given.profile.title or given.profile.name)
        frame = self._frame(given, columns, has_title=title.size > 0)
        shown = self._shown(given, columns)
        subject, head, shape = self._opening(given, frame, shown)
        assembly = Assembly(
            self._maker, given, frame, title=title, subject=subject, limit=self.limit
        )
        html, text = assembly.bodies(shown)
        in_html, in_text = assembly.repeated
        if in_html != in_text:  # an address with an ampersand in it
            text = [b"".join(text).replace(SHARED, in_text)]
        recipient = headers.mail_address(given.recipient)
        message_id = headers.identifier(given.message_id)
        personal = personal_fields(recipient, given.composed_at, message_id, given.links)
        content = mime.message(
            head.around(*personal),
            mime.body(text, html),
            at=given.composed_at,
            signer=self.dkim,
            repeated=in_html,
        )
        message = made(
            Message,
            message_id=message_id,
            sender=given.envelope_sender or given.sender.address,
            recipient=recipient,
            subject=subject,
            content=content,
            is_wire_safe=True,  # see `pieces`: the encoder escapes a dot where a line begins
        )
        own = own_shape(personal)
        whole = None if own is None or shape is None else (shape, own, frame.shows, assembly.used)
        return _Composed(message, assembly.faults, whole)

    def _opening(self, given: EditionInput, frame: Frame, shown: Shown) -> _Opening:
        """Return the subject and the head of an edition; readers of one best paper share them."""
        best = shown.cards[0].made.title if shown.cards else ""
        found = self._openings.get((best, frame))
        if found is None:
            edition, sender = given.edition, given.sender
            subject = self._subjects.line(best, len(edition.picks), frame.view, sender.name)
            head = edition_head(sender, subject, edition.edition_on)
            found = _Opening(subject, head, head_shape(head.shared))
            if len(self._openings) >= OPENING_LIMIT:
                self._openings.clear()
            self._openings[best, frame] = found
        return found

    def compose_notice(self, given: NoticeInput, *, bodies: bool = False) -> Message:
        """Return a transactional mail: confirmation, link, alert. Raises RenderError."""
        message = compose_notice(self.templates, given, self.dkim)
        return with_bodies(message) if bodies else message

    def _frame(self, given: EditionInput, picks: PickColumns, *, has_title: bool) -> Frame:
        edition, links, sender = given.edition, given.links, given.sender
        shows = Shows(
            has_title,
            bool(links.view),
            bool(links.preferences),
            bool(links.unsubscribe or links.unsubscribe_mailto),
            bool(links.feedback_base and picks.paper_ids),
        )
        key = (
            edition.edition_on, edition.frequency, len(picks.paper_ids), sum(picks.are_new),
            edition.other_count, edition.source_lines, given.profile.locale, sender, shows,
        )  # fmt: skip
        found = self._frames.get(key)
        if found is None:
            found = make_frame(
                self._maker,
                views.edition_view(edition, given.profile.locale),
                shows,
                plain(sender.name) or sender.address,
                weekly=edition.frequency is Frequency.WEEKLY,
            )
            if len(self._frames) >= FRAME_LIMIT:
                self._frames.clear()
            self._frames[key] = found
        return found

    def _shown(self, given: EditionInput, picks: PickColumns) -> Shown:
        """Return the picks whose papers are given, best first, each with its card."""
        # Every step is done twenty times a mail: what can be looked up before is.
        reasons, said, ids = self._maker.reasons(picks.reasons), given.summaries, picks.paper_ids
        summaries = [said.get(row_id, "") for row_id in ids] if said else [""] * len(ids)
        kinds = picks.sections, picks.are_new, list(map(bool, reasons.sizes)), summaries
        shelves = {kind: self._shelf(given, *kind) for kind in set(zip(*kinds, strict=True))}
        papers, deltas = given.papers, given.deltas or _NO_DELTAS
        ready = {kind: shelf.ready_for(papers, deltas) for kind, shelf in shelves.items()}
        cards: list[Card | None]
        if len(ready) == 1:
            (of_kind,) = ready.values()
            cards = list(map(of_kind.get, ids))
        else:
            each = zip(zip(*kinds, strict=True), ids, strict=True)
            cards = [ready[kind].get(row_id) for kind, row_id in each]
        found = [card for card in cards if card]
        if len(found) == len(cards):
            return Shown(found, reasons, picks.sections)
        for place, (kind, row_id) in enumerate(zip(zip(*kinds, strict=True), ids, strict=True)):
            paper = papers.get(row_id)
            if cards[place] is None and paper is not None:
                signals = deltas.get(row_id, _NO_SIGNALS)
                card = cards[place] = self._maker.card(paper, signals, shelves[kind])
                ready[kind][row_id] = card
        return Shown.of_given(cards, reasons, picks.sections)

    def _shelf(
        self, given: EditionInput, section: str, is_new: bool, has_reason: bool, summary: str
    ) -> Shelf:
        profile, links = given.profile, given.links
        return self._maker.shelf(
            # By place, for each mail asks: by name takes three times as long.
            CardOptions(
                profile.locale,
                profile.abstracts,
                views.badge(section, is_new=is_new),
                has_reason,
                bool(links.feedback_base),
                self._images,
                summary,
                links.papers_base,
            )
        )
