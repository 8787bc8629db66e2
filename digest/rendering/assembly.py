"""Put one edition's parts in order within the size limit, and fill the personal places.

The order is fixed: masthead, sections with their cards (or the empty note), what did not fit, all
other titles, foot.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from markupsafe import escape

from digest.model import Frequency, Paper, Pick
from digest.rendering import EditionInput, views, words
from digest.rendering.cards import Card, Part, PartMaker, Said
from digest.rendering.inert import plain
from digest.rendering.pieces import mark, value
from digest.rendering.plan import fit, fitting
from digest.rendering.views import AbstractLevel, CardOptions, EditionView, SignalValues

RESERVE = 1_200
"""Bytes kept free for the lines whose wording depends on what fits."""
PREHEADER_ROOM = 200


@dataclass(slots=True)
class Shown:
    """One pick on its way into a mail."""

    pick: Pick
    paper: Paper
    signals: SignalValues
    options: CardOptions
    card: Card
    reason: Said

    @property
    def title(self) -> str:
        """Return the paper's title as the card shows it."""
        return self.card.title


FEWEST_TITLES = 5
"""Where less than that fits, the number of titles says more than the first few of them."""


class Assembly:
    """The parts of one message; used once."""

    def __init__(
        self,
        maker: PartMaker,
        given: EditionInput,
        view: EditionView,
        *,
        subject: str,
        limit: int,
    ) -> None:
        self._maker = maker
        self._given = given
        self._view = view
        self._subject = subject
        self._limit = limit
        links = given.links
        stop = links.unsubscribe or links.unsubscribe_mailto
        title = plain(given.profile.title or given.profile.name)
        asks = bool(links.feedback_base and given.edition.picks)
        self.flags = (bool(title), bool(links.view), bool(links.preferences), bool(stop), asks)
        """What personal places the frame shows."""
        personal = {
            "profile_title": maker.said(title),
            "subject": maker.said(subject),
            "recipient": _once(given.recipient),
            "view": _once(links.view),
            "preferences": _once(links.preferences),
            "unsubscribe": _once(stop),
            "feedback": _once(links.feedback_base),
        }
        self._html_values = {place: said.html.encoded for place, said in personal.items()}
        self._text_values = {place: said.text.encoded for place, said in personal.items()}
        self._sizes = {place: said.html.size for place, said in personal.items()}
        self._html: list[bytes] = []
        self._text: list[bytes] = []
        self.used: set[str] = set()
        """Names of the parts that the message is made of, and ``stop`` where both of its
        renderings show how to unsubscribe."""
        self.faults: list[str] = []
        """What the lint has against the parts."""

    def bodies(self, shown: list[Shown]) -> tuple[list[bytes], list[bytes]]:
        """Return the encoded HTML and text bodies of the edition, in pieces."""
        shown, room = self._fitted(shown)
        order = shown_in_order(shown)
        self._add(self._frame_part("masthead"))
        self._add_sections(order)
        self._add_left_out(len(self._given.edition.picks) - len(shown))
        self._add_titles(room)
        self._add(self._frame_part("footer"))
        return self._framed(shown), self._text

    def _fitted(self, shown: list[Shown]) -> tuple[list[Shown], int]:
        """Drop abstracts, then papers, until the HTML fits; return what is left, and the room."""
        own = [item.reason.html.size for item in shown]
        fed = 3 * self._sizes["feedback"]
        full = [item.card.html.size + size + fed for item, size in zip(shown, own, strict=True)]
        around = RESERVE + self._frame_size() + self._sections_size(shown)
        if around + sum(full) <= self._limit:
            return shown, self._limit - around - sum(full)
        if self._given.profile.abstracts == "full":
            for item in shown:  # all of them in a few lines before some of them not at all
                item.card = self._cut_down(item, "short")
            full = [i.card.html.size + size + fed for i, size in zip(shown, own, strict=True)]
            if around + sum(full) <= self._limit:
                return shown, self._limit - around - sum(full)
        bare_cards = [self._cut_down(item, "none") for item in shown]
        bare = [card.html.size + size + fed for card, size in zip(bare_cards, own, strict=True)]
        decided = fit(full, bare, around=around, limit=self._limit)
        for index in range(decided.with_abstract, decided.shown):
            shown[index].card = bare_cards[index]
        return shown[: decided.shown], decided.room

    def _cut_down(self, item: Shown, level: AbstractLevel) -> Card:
        options = replace(item.options, abstract=level)
        return self._maker.card(item.paper, item.signals, options, self._maker.shelf(options))

    def _frame_size(self) -> int:
        parts = [self._frame_part("masthead").html, self._frame_part("footer").html]
        parts.append(self._maker.html_part("frame"))
        known = self._sizes | {"preheader": PREHEADER_ROOM, "content": 0}
        return sum(part.size_with(known) for part in parts)

    def _sections_size(self, shown: list[Shown]) -> int:
        sections = {item.pick.section for item in shown}
        heading = self._section_part().html.size + 2 * 80
        return heading * len(sections)

    def _frame_part(self, name: str) -> Part:
        has_title, has_view, has_preferences, has_stop, asks = self.flags
        weekly = self._given.edition.frequency is Frequency.WEEKLY
        installation = plain(self._given.sender.name) or self._given.sender.address
        values = {
            "edition": self._view,
            "installation": installation,
            "profile_title": mark("profile_title") if has_title else "",
            "view": mark("view") if has_view else "",
            "preferences": mark("preferences") if has_preferences else "",
            "unsubscribe": mark("unsubscribe") if has_stop else "",
            "feedback": mark("feedback") if asks else "",
            "recipient": mark("recipient"),
            "cadence": "weekly" if weekly else "daily",
        }
        return self._maker.part(name, (self._view, installation, self.flags), values)

    def _section_part(self) -> Part:
        return self._maker.part("section", None, {"section_title": mark("section_title")})

    def _add_sections(self, order: list[tuple[str, Shown]]) -> None:
        if not order:
            self._add(self._maker.part("empty", self._view, {"edition": self._view}))
        heading = ""
        html, text = self._html_values, self._text_values
        for position, (title, item) in enumerate(order, 1):
            if title != heading:
                heading = title
                self._add(self._section_part(), section_title=self._maker.said(title))
            html["reason"] = item.reason.html.encoded
            text["reason"] = item.reason.text.encoded
            text["number"] = _number(position)
            self._html.append(item.card.html.filled(html))
            self._text.append(item.card.text.filled(text))
            self.faults += item.card.faults

    def _add_left_out(self, count: int) -> None:
        """Say how many picks are on the web only."""
        if count > 0:
            noun = "paper" if count == 1 else "papers"
            self._add_more(f"{count} more {noun} picked for you did not fit into this mail.")

    def _add_titles(self, room: int) -> None:
        """Add every other new title that fits, or only their number."""
        edition, locale = self._given.edition, self._given.profile.locale
        total = max(edition.other_count, len(edition.other_ids))
        parts: list[Part] = []
        if self._given.profile.all_titles:
            papers = self._given.papers
            known = [papers[row_id] for row_id in edition.other_ids if row_id in papers]
            parts = [self._maker.title(paper) for paper in known]
            parts = parts[: fitting([part.html.size for part in parts], room)]
        if not parts or len(parts) < min(FEWEST_TITLES, total):
            if total and not self._view.empty:
                self._add_more(
                    f"{words.counted(total, 'other new paper', 'other new papers', locale)} "
                    "matched your interests less."
                )
            return
        heading = words.counted(len(parts), "other new title", "other new titles", locale)
        if len(parts) < total:
            heading += f", of {words.number(total, locale)}"
        values = {"titles_heading": heading, "title_lines": mark("title_lines")}
        self.faults += [fault for part in parts for fault in part.faults]
        self._html_values["title_lines"] = b"".join([part.html.form for part in parts])
        self._text_values["title_lines"] = b"".join([part.text.form for part in parts])
        self._add(self._maker.part("titles", heading, values))
        if len(parts) < total:
            rest = words.counted(total - len(parts), "more title is", "more titles are", locale)
            self._add_more(f"{rest} too many for a mail.")

    def _add_more(self, sentence: str) -> None:
        has_view = self.flags[1]
        values = {"more": sentence, "view": mark("view") if has_view else ""}
        self._add(self._maker.part("more", (sentence, has_view), values))

    def _add(self, part: Part, **said: Said) -> None:
        for place, words_ in said.items():
            self._html_values[place] = words_.html.encoded
            self._text_values[place] = words_.text.encoded
        self._html.append(part.html.filled(self._html_values))
        self._text.append(part.text.filled(self._text_values))
        self.faults += part.faults
        self.used.add(part.name)
        if "unsubscribe" in part.html.places and "unsubscribe" in part.text.places:
            self.used.add("stop")

    def _framed(self, shown: list[Shown]) -> list[bytes]:
        preheader = views.preheader([item.title for item in shown[:4]], self._view)
        values: dict[str, bytes] = {"preheader": self._maker.said(preheader).html.encoded}
        values["preheader"] = self._maker.html_part("preheader").filled(values)
        values["content"] = b"".join(self._html)
        values["subject"] = self._html_values["subject"]
        return [self._maker.html_part("frame").filled(values)]


def shown_in_order(shown: list[Shown]) -> list[tuple[str, Shown]]:
    """Return the picks as they stand in the mail, each with its section's heading.

    An edition of one section needs no heading.
    """
    groups = views.sections(tuple(item.pick for item in shown))
    by_pick = {id(item.pick): item for item in shown}
    titled = len(groups) > 1
    return [
        (section.title if titled else "", by_pick[id(pick)])
        for section in groups
        for pick in section.picks
    ]


def _once(text: str) -> Said:
    """Encode an address of this one message, which no memo would meet again."""
    escaped = str(escape(text))
    html = value(escaped)
    return Said(html, html if escaped == text else value(text))


@lru_cache(maxsize=512)
def _number(position: int) -> bytes:
    return value(f"{position:>2}. ").encoded
