"""An edition as a post for a chat channel: short, Markdown, and nothing personal in it.

It is read by many, so it holds no link that acts for one reader. How a service wants its
Markdown, and how long a post may be, is the transport's to know.
"""

from __future__ import annotations

from digest.model import Message, Pick
from digest.rendering import EditionInput, headers, views, words
from digest.rendering.inert import plain, safe_url
from digest.rendering.views import CardOptions, EditionView, PaperView

BREAK = "\n\n"
"""Stands between blocks: where a long post may be cut."""

_FOR_LINK = str.maketrans("[]<>", "()‹›")
_FOR_URL = str.maketrans({"(": "%28", ")": "%29", "<": "%3C", ">": "%3E"})


def compose_post(given: EditionInput) -> Message:
    """Return the post of an edition: its subject is the title, its content the Markdown.

    The same input gives the same bytes.
    """
    edition, locale = given.edition, given.profile.locale
    view = views.edition_view(edition, locale)
    blocks = [inert(part) for part in (f"{view.selection} {view.sources}".strip(),) if part]
    groups = views.sections(edition.picks)
    for section in groups:
        if len(groups) > 1:
            blocks.append(f"**{inert(section.title)}**")
        blocks += [
            _block(given, pick, locale) for pick in section.picks if pick.paper_id in given.papers
        ]
    if not edition.picks:
        blocks.append(_nothing(view))
    elif edition.other_count:
        counted = words.counted(edition.other_count, "other new paper", "other new papers", locale)
        blocks.append(f"{counted} matched less.")
    text = BREAK.join(blocks) + "\n"
    return Message(
        message_id=headers.identifier(given.message_id),
        sender=given.sender.address,
        recipient=given.recipient,
        subject=_title(given, view),
        content=text.encode(),
        text=text,
    )


def inert(text: str) -> str:
    """Return plain text that makes no link, no tag and calls nobody (``@everyone``) in a chat."""
    return plain(text).translate(_FOR_LINK).replace("@", "@\u2060").replace("`", "'")


def _nothing(view: EditionView) -> str:
    if view.unread:
        return "Not every source could be read."
    return "Nothing new was announced." if view.quiet else "Nothing close enough today."


def _title(given: EditionInput, view: EditionView) -> str:
    name = plain(given.profile.title or given.profile.name) or plain(given.sender.name)
    return f"{name} · {view.edition_on}"


def _block(given: EditionInput, pick: Pick, locale: str) -> str:
    options = CardOptions(
        locale=locale,
        abstract="none",
        summary=given.summaries.get(pick.paper_id, ""),
        papers_base=given.links.papers_base,
    )
    paper = given.papers[pick.paper_id]
    view = views.paper_view(paper, given.deltas.get(pick.paper_id, {}), options)
    title = inert(view.title)
    lines = [f"**[{title}]({_address(view.url)})**" if view.url else f"**{title}**"]
    people = inert(view.authors)
    if view.more_authors:
        people += f" and {view.more_authors} more"
    lines.append(" · ".join(filter(None, (people, inert(view.affiliation), *view.signals))))
    if view.summary:
        lines.append(inert(view.summary))
    lines.append(" · ".join(filter(None, (inert(pick.reason), *_links(view)))))
    return "\n".join(line for line in lines if line)


def _links(view: PaperView) -> list[str]:
    named = (("PDF", view.pdf_url), ("Code", view.code_url), ("Project", view.project_url))
    return [f"[{name}]({_address(url)})" for name, url in named if url]


def _address(url: str) -> str:
    return safe_url(url).translate(_FOR_URL)
