"""The slow, obvious way to compose an edition, to which the fast one is held.

Every part is rendered for the one reader it is for, nothing is kept, and the standard library
writes the message. It knows no size limit: compare editions that fit.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import jinja2
from markupsafe import Markup

from digest.model import Frequency
from digest.rendering import EditionInput, views, words
from digest.rendering.inert import plain
from digest.rendering.parts import Templates, wrap
from digest.rendering.views import CardOptions


def bodies(templates: Templates, given: EditionInput, subject: str) -> tuple[str, str]:
    """Return the HTML and the text of an edition."""
    html, text = Body(templates.html), Body(templates.text)
    for body in (html, text):
        _fill(body, given, is_text=body is text)
    titles = [
        views.paper_view(given.papers[pick.paper_id], {}, CardOptions()).title
        for pick in given.edition.picks
    ]
    view = views.edition_view(given.edition, given.profile.locale)
    lead = html.render("preheader", preheader=views.preheader(titles, view))
    frame = html.render("frame", subject=subject, preheader=Markup(lead), content=Markup(html.out))
    return frame, text.out


def message(
    templates: Templates,
    given: EditionInput,
    subject: str,
    inline: Callable[[str], str] = str,
) -> bytes:
    """Return the whole message as the standard library writes it; ``inline`` sees the HTML."""
    html, text = bodies(templates, given, subject)
    html = inline(html)
    made = EmailMessage(policy=SMTP)
    made["From"] = f"{given.sender.name} <{given.sender.address}>"
    made["To"] = given.recipient
    made["Subject"] = subject
    made["Message-ID"] = given.message_id
    made.set_content(text, cte="quoted-printable")
    made.add_alternative(html, subtype="html", cte="quoted-printable")
    return made.as_bytes()


class Body:
    """One body as it grows."""

    def __init__(self, parts: Any) -> None:
        self.parts: dict[str, jinja2.Template] = parts
        self.out = ""

    def render(self, name: str, **values: Any) -> str:
        is_html = "frame" in self.parts
        made = self.parts[name].render(values)
        if name == "titles":  # it ends with lines that end themselves
            return made
        return (made.lstrip("\n") if is_html else made).rstrip("\n") + "\n"

    def add(self, name: str, **values: Any) -> None:
        self.out += self.render(name, **values)


def _fill(body: Body, given: EditionInput, *, is_text: bool) -> None:
    edition, profile, links = given.edition, given.profile, given.links
    view = views.edition_view(edition, profile.locale)
    around = {
        "edition": view,
        "installation": plain(given.sender.name) or given.sender.address,
        "profile_title": plain(profile.title or profile.name),
        "view": links.view,
        "preferences": links.preferences,
        "unsubscribe": links.unsubscribe or links.unsubscribe_mailto,
        "recipient": given.recipient,
        "feedback": links.feedback_base if edition.picks else "",
        "cadence": "weekly" if edition.frequency is Frequency.WEEKLY else "daily",
    }
    body.add("masthead", **around)
    cards = _cards(given, is_text=is_text)
    if not cards:
        body.add("empty", edition=view)
    groups = views.sections(edition.picks)
    number = 0
    for group in groups:
        if len(groups) > 1:
            body.add("section", section_title=group.title)
        for pick in group.picks:
            number += 1
            cards[pick.paper_id]["number"] = f"{number:>2}. "
            body.add("card", **cards[pick.paper_id])
    _others(body, given)
    body.add("footer", **around)


def _cards(given: EditionInput, *, is_text: bool) -> dict[int, dict[str, Any]]:
    cards: dict[int, dict[str, Any]] = {}
    for pick in given.edition.picks:
        badge = views.badge(pick.section, is_new=pick.is_new)
        options = CardOptions(
            locale=given.profile.locale,
            abstract=given.profile.abstracts,
            badge=badge,
            papers_base=given.links.papers_base,
        )
        signals = given.deltas.get(pick.paper_id, {})
        reason = plain(pick.reason)
        cards[pick.paper_id] = {
            "paper": views.paper_view(given.papers[pick.paper_id], signals, options),
            "badge": badge,
            "reason": wrap(reason, 4) if is_text else reason,
            "feedback": given.links.feedback_base,
        }
    return cards


def _others(body: Body, given: EditionInput) -> None:
    edition, locale = given.edition, given.profile.locale
    others = [given.papers[row_id] for row_id in edition.other_ids]
    if given.profile.all_titles and others:
        lines = "".join(body.render("title", paper=views.title_view(paper)) for paper in others)
        heading = words.counted(len(others), "other new title", "other new titles", locale)
        body.add("titles", titles_heading=heading, title_lines=Markup(lines))
    elif edition.other_count and edition.picks:
        counted = words.counted(edition.other_count, "other new paper", "other new papers", locale)
        sentence = f"{counted} matched your interests less."
        body.add("more", more=sentence, view=given.links.view)
