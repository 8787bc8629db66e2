"""Make messages of editions: parts made once, encoded once, joined per message.

Per message only bytes are joined and a few short personal texts encoded; templates, CSS inlining
and encoding are paid per paper or per frame (`cards`). The slow, obvious way (render the whole
template, then ``EmailMessage``) lives in the tests, which hold the two equal.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from digest.errors import RenderError
from digest.model import Frequency, Message, PickColumns, Picks
from digest.rendering import EditionInput, headers, mime, views
from digest.rendering.assembly import Assembly, Shown
from digest.rendering.bodies import with_bodies
from digest.rendering.cards import PartMaker, Shelf
from digest.rendering.dkim import Signer
from digest.rendering.fields import edition_fields
from digest.rendering.frames import Frame, Shows, make_frame
from digest.rendering.inert import plain
from digest.rendering.lint import head_shape, lint, lint_size
from digest.rendering.notices import NoticeInput, compose_notice
from digest.rendering.parts import Templates, load_templates
from digest.rendering.subjects import SubjectMaker
from digest.rendering.views import CardOptions, SignalValues

__all__ = ["Composer"]

FRAME_LIMIT = 4_000
_NO_SIGNALS: SignalValues = {}
SHAPES = 1_000


@dataclass(frozen=True, slots=True)
class _Composed:
    """A message with what tells whether it may be sent."""

    message: Message
    html: bytes
    faults: tuple[str, ...]
    shape: Hashable | None
    """Equal for messages of the same fields and parts; None where only the lint can tell."""


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
        made = self._composed(given)
        limit = self.limit // 1000
        refused = list(made.faults)
        if made.shape is None or made.shape not in self._clean:
            found = lint(made.message, body_limit_kb=limit, remote_images=self._images)
        else:
            found = lint_size([made.html], body_limit_kb=limit)
        refused += [str(finding) for finding in found if finding.forbids]
        if refused:
            raise RenderError("; ".join(dict.fromkeys(refused)))
        if made.shape is not None and len(self._clean) < SHAPES:
            self._clean.add(made.shape)
        return made.message

    def _composed(self, given: EditionInput) -> _Composed:
        edition = given.edition
        columns = Picks.of(edition.picks).columns
        title = self._maker.said(given.profile.title or given.profile.name)
        frame = self._frame(given, columns, has_title=title.size > 0)
        shown = self._shown(given, columns)
        best = shown.cards[0].title if shown.cards else ""
        subject = self._subjects.line(best, len(edition.picks), frame.view, given.sender.name)
        assembly = Assembly(
            self._maker, given, frame, title=title, subject=subject, limit=self.limit
        )
        html, text = assembly.bodies(shown)
        recipient, message_id = (
            headers.mail_address(given.recipient),
            headers.identifier(given.message_id),
        )
        fields = edition_fields(given, subject, recipient=recipient, message_id=message_id)
        head = head_shape(fields)
        content = mime.message(
            fields, mime.body(text, html), at=given.composed_at, signer=self.dkim
        )
        message = Message(
            message_id=message_id,
            sender=given.envelope_sender or given.sender.address,
            recipient=recipient,
            subject=subject,
            content=content,
            has_no_dots=True,  # see `pieces`: the encoder keeps them from the line's beginning
        )
        shape = None if head is None else (*head, frame.shows, assembly.used)
        return _Composed(message, html, tuple(assembly.faults), shape)

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
            edition.other_count, edition.source_lines, given.profile.locale, sender.name,
            sender.address, shows,
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
        maker, summaries = self._maker, given.summaries
        paper_of, signals_of, said = given.papers.get, given.deltas.get, maker.reasons.get
        shelves: dict[tuple[str, bool, bool, str], tuple[CardOptions, Shelf]] = {}
        shown = Shown()
        cards, reasons, sections = shown.cards, shown.reasons, shown.sections
        summary = ""
        for row_id, why, section, is_new in zip(
            picks.paper_ids, picks.reasons, picks.sections, picks.are_new, strict=True
        ):
            paper = paper_of(row_id)
            if paper is None:
                continue
            reason = said(why) or maker.reason(why)
            if summaries:
                summary = summaries.get(row_id, "")
            kind = (section, is_new, reason.size > 0, summary)
            chosen = shelves.get(kind)
            if chosen is None:
                badge = views.badge(section, is_new=is_new)
                options = self._card_options(given, badge, reason.size > 0, summary)
                chosen = shelves[kind] = (options, maker.shelf(options))
            options, shelf = chosen
            signals = signals_of(row_id, _NO_SIGNALS)
            card = shelf.get(row_id)
            # Mostly the very objects of the reader before: then nothing need be compared.
            if card is None or card.paper is not paper or card.signals is not signals:
                card = maker.card(paper, signals, options, shelf)
            cards.append(card)
            reasons.append(reason)
            sections.append(section)
        return shown

    def _card_options(
        self, given: EditionInput, badge: str, has_reason: bool, summary: str
    ) -> CardOptions:
        profile, links = given.profile, given.links
        return CardOptions(
            locale=profile.locale,
            abstract=profile.abstracts,
            badge=badge,
            has_reason=has_reason,
            has_feedback=bool(links.feedback_base),
            images=self._images,
            summary=summary,
            papers_base=links.papers_base,
        )
