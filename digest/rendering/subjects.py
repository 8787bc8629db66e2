"""Make the subject: the best paper's title, how many more, the date; or the owner's own."""

from __future__ import annotations

import jinja2

from digest.errors import RenderError
from digest.rendering import views
from digest.rendering.inert import plain, shorten
from digest.rendering.parts import OWNERS_MISTAKES, Templates
from digest.rendering.views import EditionView

LIMIT = 200


class SubjectMaker:
    """Makes subjects.

    The owner's template (``mail.subject``) is Jinja2 and sees ``title`` (of the best paper, maybe
    empty), ``count``, ``more`` (count less one), ``date`` (short), ``long_date`` and ``name``.
    """

    def __init__(self, templates: Templates, template: str) -> None:
        try:
            self._template = templates.environment.from_string(template) if template else None
        except jinja2.TemplateError as exc:
            raise RenderError(f"mail.subject: {exc}") from exc

    def line(self, title: str, count: int, view: EditionView, name: str) -> str:
        """Return the subject on one line. Raises RenderError where the template is wrong."""
        if self._template is None:
            # Locales put thin spaces into dates; the subject is what the header will say.
            return plain(views.subject(title, count, view, name))
        try:
            made = self._template.render(
                title=title,
                count=count,
                more=max(0, count - 1),
                date=view.short_on,
                long_date=view.edition_on,
                name=name,
            )
        except OWNERS_MISTAKES as exc:
            raise RenderError(f"mail.subject: {exc}") from exc
        return shorten(plain(made), LIMIT)

    def check(self, name: str) -> None:
        """Make subjects of many papers, of one and of none. Raises RenderError."""
        for count in (3, 1, 0):
            self.line("A paper" if count else "", count, _sample(count), name)


def _sample(count: int) -> EditionView:
    return EditionView(
        edition_on="Tuesday, 14 April 2026",
        short_on="14 Apr",
        weekly=False,
        selection="",
        sources="",
        source_details=(),
        empty=not count,
        quiet=not count,
        unread=False,
    )
