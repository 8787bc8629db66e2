"""Put one edition's parts in order within the size limit, and fill the personal places.

The order is fixed: masthead, sections with their cards (or the empty note), what did not fit, all
other titles, foot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from digest.rendering import EditionInput, frames, views, words
from digest.rendering.cards import Card, Part, PartMaker, Said, said_once
from digest.rendering.frames import Frame
from digest.rendering.pieces import REPEATED, SHARED, encode, mark
from digest.rendering.plan import fit, fitting
from digest.rendering.views import AbstractLevel

RESERVE = 1_200
"""Bytes kept free for the lines whose wording depends on what fits."""
SECTION_ROOM = 2 * 80

FEWEST_TITLES = 5
"""Where less than that fits, the number of titles says more than the first few of them."""


class Shown:
    """The picks on their way into a mail, best first: a column for each thing known of them."""

    __slots__ = ("cards", "reasons", "sections")

    def __init__(self) -> None:
        self.cards: list[Card] = []
        self.reasons: list[Said] = []
        self.sections: list[str] = []

    def cut(self, count: int) -> None:
        """Keep the best so many."""
        for column in (self.cards, self.reasons, self.sections):
            del column[count:]

    def in_order(self) -> Iterator[tuple[str, list[int]]]:
        """Yield the sections as they stand in the mail: heading and places of its picks.

        An edition of one section needs no heading.
        """
        if len(set(self.sections)) < 2:
            if self.cards:
                yield "", list(range(len(self.cards)))
            return
        for name, places in views.grouped(self.sections):
            yield views.section_title(name), places


class Assembly:
    """The parts of one message; used once."""

    def __init__(
        self,
        maker: PartMaker,
        given: EditionInput,
        frame: Frame,
        *,
        title: Said,
        subject: str,
        limit: int,
    ) -> None:
        self._maker = maker
        self._given = given
        self._frame = frame
        self._limit = limit
        links = given.links
        personal = {
            "profile_title": title,
            "subject": maker.said(subject),
            "recipient": said_once(given.recipient),
            "view": said_once(links.view),
            "preferences": said_once(links.preferences),
            "unsubscribe": said_once(links.unsubscribe or links.unsubscribe_mailto),
            REPEATED: said_once(links.feedback_base),
        }
        self._personal = personal
        self._html_values = {place: said.html for place, said in personal.items()}
        self._text_values = {place: said.text for place, said in personal.items()}
        self._html: list[bytes] = []
        self._text: list[bytes] = []
        self._more: set[str] = set()
        self.faults: list[str] = list(frame.faults)
        """What the lint has against the parts."""

    @property
    def used(self) -> frozenset[str]:
        """Return the names of the parts that the message is made of (see `Frame.used`)."""
        return self._frame.used | self._more if self._more else self._frame.used

    def bodies(self, shown: Shown) -> tuple[bytes, bytes]:
        """Return the encoded HTML and text bodies of the edition."""
        picked = len(self._given.edition.picks)
        room = self._fitted(shown)
        preheader = views.preheader([card.title for card in shown.cards[:4]], self._frame.view)
        self._html_values["preheader"] = self._maker.said(preheader).html
        html, text = self._frame.html, self._frame.text
        self._html.append(html[0].filled(self._html_values))
        self._text.append(text[0].filled(self._text_values))
        self._add_sections(shown)
        self._add_left_out(picked - len(shown.cards))
        self._add_titles(room)
        self._html.append(html[1].filled(self._html_values))
        self._text.append(text[1].filled(self._text_values))
        repeated = self._personal[REPEATED]
        return (
            b"".join(self._html).replace(SHARED, repeated.html),
            b"".join(self._text).replace(SHARED, repeated.text),
        )

    def _fitted(self, shown: Shown) -> int:
        """Drop abstracts, then papers, until the HTML fits; return the room that is left."""
        around = RESERVE + self._frame_size() + self._sections_size(shown)
        full = self._sizes(shown.cards, shown.reasons)
        if (left := self._limit - around - sum(full)) >= 0:
            return left
        if self._given.profile.abstracts == "full":
            # all of them in a few lines before some of them not at all
            shown.cards = [self._cut_down(card, "short") for card in shown.cards]
            full = self._sizes(shown.cards, shown.reasons)
            if (left := self._limit - around - sum(full)) >= 0:
                return left
        bare_cards = [self._cut_down(card, "none") for card in shown.cards]
        bare = self._sizes(bare_cards, shown.reasons)
        decided = fit(full, bare, around=around, limit=self._limit)
        shown.cards[decided.with_abstract :] = bare_cards[decided.with_abstract :]
        shown.cut(decided.shown)
        return decided.room

    def _sizes(self, cards: list[Card], reasons: list[Said]) -> list[int]:
        asking = self._personal[REPEATED].size
        return [
            card.html.size + card.html.repeated * asking + reason.size
            for card, reason in zip(cards, reasons, strict=True)
        ]

    def _cut_down(self, card: Card, level: AbstractLevel) -> Card:
        options = replace(card.options, abstract=level)
        shelf = self._maker.shelf(options)
        return self._maker.card(card.paper, card.signals, options, shelf)

    def _frame_size(self) -> int:
        personal = self._personal
        return self._frame.size + sum([personal[place].size for place in self._frame.places])

    def _sections_size(self, shown: Shown) -> int:
        return (self._frame.section.html.size + SECTION_ROOM) * len(set(shown.sections))

    def _add_sections(self, shown: Shown) -> None:
        if not shown.cards:
            self._add(self._frame.empty)
        position = 0
        cards, reasons, html, text = shown.cards, shown.reasons, self._html, self._text
        for title, places in shown.in_order():
            if title:
                self._add(self._frame.section, section_title=self._maker.said(title))
            for place in places:
                card, reason = cards[place], reasons[place]
                position += 1
                number = _number(position)
                if card.literals:
                    before, after, first, second, third = card.literals
                    html += (before, reason.html, after)
                    text += (first, number, second, reason.text, third)
                else:
                    html.append(card.html.filled({"reason": reason.html, "number": number}))
                    text.append(card.text.filled({"reason": reason.text, "number": number}))
                if card.faults:
                    self.faults += card.faults

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
            if total and not self._frame.view.empty:
                self._add_more(_matched_less(total, locale))
            return
        heading = words.counted(len(parts), "other new title", "other new titles", locale)
        if len(parts) < total:
            heading += f", of {words.number(total, locale)}"
        self.faults += [fault for part in parts for fault in part.faults]
        self._html_values["title_lines"] = b"".join([part.html.form for part in parts])
        self._text_values["title_lines"] = b"".join([part.text.form for part in parts])
        titles = self._maker.part(
            "titles",
            heading,
            lambda: {"titles_heading": heading, "title_lines": mark("title_lines")},
        )
        self._add(titles)
        if len(parts) < total:
            rest = words.counted(total - len(parts), "more title is", "more titles are", locale)
            self._add_more(f"{rest} too many for a mail.")

    def _add_more(self, sentence: str) -> None:
        self._add(frames.more(self._maker, self._frame, sentence))

    def _add(self, part: Part, **said: Said) -> None:
        for place, words_ in said.items():
            self._html_values[place] = words_.html
            self._text_values[place] = words_.text
        self._html.append(part.html.filled(self._html_values))
        self._text.append(part.text.filled(self._text_values))
        self.faults += part.faults
        self._more.add(part.name)


@lru_cache(maxsize=4096)
def _matched_less(count: int, locale: str) -> str:
    counted = words.counted(count, "other new paper", "other new papers", locale)
    return f"{counted} matched your interests less."


@lru_cache(maxsize=512)
def _number(position: int) -> bytes:
    return encode(f"{position:>2}. ".encode())
