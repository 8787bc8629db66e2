"""Make messages of editions: parts made once, encoded once, joined per message.

Per message only bytes are joined and a few short personal texts encoded; templates, CSS inlining
and encoding are paid per paper or per frame (`cards`). The slow, obvious way (render the whole
template, then ``EmailMessage``) lives in the tests, which hold the two equal.
"""

from __future__ import annotations

from digest.errors import RenderError
from digest.model import Edition, Message
from digest.rendering import EditionInput, headers, mime, views
from digest.rendering.assembly import Assembly, Shown
from digest.rendering.bodies import with_bodies
from digest.rendering.cards import PartMaker
from digest.rendering.dkim import Signer
from digest.rendering.fields import edition_fields
from digest.rendering.lint import lint, lint_quickly
from digest.rendering.notices import NoticeInput, compose_notice
from digest.rendering.parts import Templates, load_templates
from digest.rendering.subjects import SubjectMaker
from digest.rendering.views import CardOptions, EditionView

__all__ = ["Composer"]

VIEW_LIMIT = 4_000


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
        self._maker = PartMaker(self.templates)
        self._subjects = SubjectMaker(self.templates, subject)
        self._views: dict[object, EditionView] = {}
        self._doubted = False

    def compose(self, given: EditionInput, *, bodies: bool = False) -> Message:
        """Return the message of an edition. The same input gives the same bytes.

        ``bodies`` also fills ``html`` and ``text``, decoded from the very bytes (for previews).
        Raises RenderError where a template or an address is wrong.
        """
        edition = given.edition
        view = self._view(edition, given.profile.locale)
        shown = self._shown(given)
        best = shown[0].title if shown else ""
        subject = self._subjects.line(best, len(edition.picks), view, given.sender.name)
        assembly = Assembly(self._maker, given, view, subject=subject, limit=self.limit)
        html, text = assembly.bodies(shown)
        content = mime.message(
            edition_fields(given, subject),
            mime.body(text, html),
            at=given.composed_at,
            signer=self.dkim,
        )
        message = Message(
            message_id=headers.identifier(given.message_id),
            sender=given.envelope_sender or given.sender.address,
            recipient=headers.mail_address(given.recipient),
            subject=subject,
            content=content,
        )
        return with_bodies(message) if bodies else message

    def compose_checked(self, given: EditionInput) -> Message:
        """Return the message of an edition that may be sent; raise RenderError where it may not.

        A message that needed a new part is linted whole; one of parts that clean messages held,
        in its head and size only. After a refusal all are linted whole: a bad part may be kept.
        """
        made = self._maker.made
        message = self.compose(given)
        limit = self.limit // 1000
        if self._doubted or made != self._maker.made:
            found = lint(message, body_limit_kb=limit, remote_images=self._images)
        else:
            found = lint_quickly(message, body_limit_kb=limit)
        refused = [str(finding) for finding in found if finding.forbids]
        if refused:
            self._doubted = True
            raise RenderError("; ".join(refused))
        return message

    def compose_notice(self, given: NoticeInput, *, bodies: bool = False) -> Message:
        """Return a transactional mail: confirmation, link, alert. Raises RenderError."""
        message = compose_notice(self.templates, given, self.dkim)
        return with_bodies(message) if bodies else message

    def _view(self, edition: Edition, locale: str) -> EditionView:
        fresh = sum(pick.is_new for pick in edition.picks)
        key = (
            edition.edition_on, edition.frequency, len(edition.picks), fresh,
            edition.other_count, edition.source_lines, locale,
        )  # fmt: skip
        found = self._views.get(key)
        if found is None:
            found = views.edition_view(edition, locale)
            if len(self._views) >= VIEW_LIMIT:
                self._views.clear()
            self._views[key] = found
        return found

    def _shown(self, given: EditionInput) -> list[Shown]:
        """Return the picks whose papers are given, best first, each with its card's options."""
        profile = given.profile
        kinds: dict[tuple[str, bool, str], CardOptions] = {}
        shown: list[Shown] = []
        for pick in given.edition.picks:
            paper = given.papers.get(pick.paper_id)
            if paper is None:
                continue
            summary = given.summaries.get(pick.paper_id, "")
            reason = self._maker.said(pick.reason, wrapped=True)
            kind = (views.badge_of(pick), reason.html.size > 0, summary)
            options = kinds.get(kind)
            if options is None:
                options = kinds[kind] = CardOptions(
                    locale=profile.locale,
                    abstract=profile.abstracts,
                    badge=kind[0],
                    has_reason=kind[1],
                    has_feedback=bool(given.links.feedback_base),
                    images=self._images,
                    summary=summary,
                    papers_base=given.links.papers_base,
                )
            signals = given.deltas.get(pick.paper_id, {})
            card = self._maker.card(paper, signals, options)
            shown.append(
                Shown(
                    pick=pick,
                    paper=paper,
                    signals=signals,
                    options=options,
                    card=card,
                    reason=reason,
                )
            )
        return shown
