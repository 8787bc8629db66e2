"""Put one edition's parts in order within the size limit, and fill the personal places.

The order is fixed: masthead, sections with their cards (or the empty note), what did not fit, all
other titles, foot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from digest.rendering import EditionInput, frames, views, words
from digest.rendering.cards import Card, Part, PartMaker, Reasons, Said, said_each, said_once
from digest.rendering.frames import Frame
from digest.rendering.pieces import REPEATED, encode, mark
from digest.rendering.plan import fit
from digest.rendering.views import AbstractLevel

RESERVE = 1_200
"""Bytes kept free for the lines whose wording depends on what fits."""
SECTION_ROOM = 2 * 80

_PLACES = ("profile_title", "subject", "recipient", "view", "preferences", "unsubscribe", REPEATED)
"""Where the frame says something personal."""

_SIZE, _REPEATS = attrgetter("size"), attrgetter("repeated")

FEWEST_TITLES = 5
"""Where less than that fits, the number of titles says more than the first few of them."""


class Shown:
    """The picks on their way into a mail, best first: a column for each thing known of them."""

    __slots__ = ("cards", "reasons", "sections")

    def __init__(self, cards: list[Card], reasons: Reasons, sections: Sequence[str]) -> None:
        self.cards = cards
        self.reasons = reasons
        self.sections = sections

    @classmethod
    def of_given(
        cls, cards: Sequence[Card | None], reasons: Reasons, sections: Sequence[str]
    ) -> Shown:
        """Leave out the picks that have no card: their papers are not given."""
        places = [place for place, card in enumerate(cards) if card]
        return cls(
            [card for card in cards if card],
            reasons.at(places),
            [sections[place] for place in places],
        )

    def cut(self, count: int) -> None:
        """Keep the best so many."""
        self.cards, self.sections = self.cards[:count], self.sections[:count]
        self.reasons = self.reasons.at(range(count))

    def in_order(self) -> Iterator[tuple[str, Shown]]:
        """Yield the sections as they stand in the mail: heading and picks.

        An edition of one section needs no heading.
        """
        if len(set(self.sections)) < 2:
            if self.cards:
                yield "", self
            return
        for name, places in views.grouped(self.sections):
            cards = [self.cards[place] for place in places]
            reasons = self.reasons.at(places)
            yield views.section_title(name), Shown(cards, reasons, [name] * len(places))


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
        stop = links.unsubscribe or links.unsubscribe_mailto
        addresses = (given.recipient, links.view, links.preferences, stop, links.feedback_base)
        said = (title, maker.said(subject), *said_each(addresses))
        html, text, sizes = zip(*said, strict=True)
        self._html_values: dict[str, bytes] = dict(zip(_PLACES, html, strict=True))
        self._text_values: dict[str, bytes] = dict(zip(_PLACES, text, strict=True))
        self._sizes_of: dict[str, int] = dict(zip(_PLACES, sizes, strict=True))
        self._html: list[bytes] = []
        self._text: list[bytes] = []
        self._more: set[str] = set()
        self.faults: list[str] = list(frame.faults)
        """What the lint has against the parts."""

    @property
    def used(self) -> frozenset[str]:
        """Return the names of the parts that the message is made of (see `Frame.used`)."""
        return self._frame.used | self._more if self._more else self._frame.used

    @property
    def repeated(self) -> tuple[bytes, bytes]:
        """Return what stands for `SHARED` in the HTML and in the text."""
        return self._html_values[REPEATED], self._text_values[REPEATED]

    def bodies(self, shown: Shown) -> tuple[list[bytes], list[bytes]]:
        """Return the encoded HTML and text of the edition in parts, with `SHARED` in them."""
        picked = len(self._given.edition.picks)
        room = self._fitted(shown)
        titles = [card.made.title for card in shown.cards[:4]]
        preheader = views.preheader(titles, self._frame.view)
        # Titles stand in an order that hardly two readers have: no memo would meet it again.
        lead = said_once(preheader) if len(titles) > 1 else self._maker.said(preheader)
        self._html_values["preheader"] = lead.html
        html, text = self._frame.html, self._frame.text
        self._html.append(html[0].filled(self._html_values))
        self._text.append(text[0].filled(self._text_values))
        self._add_sections(shown)
        self._add_left_out(picked - len(shown.cards))
        self._add_titles(room)
        self._html.append(html[1].filled(self._html_values))
        self._text.append(text[1].filled(self._text_values))
        return self._html, self._text

    def _fitted(self, shown: Shown) -> int:
        """Drop abstracts, then papers, until the HTML fits; return the room that is left."""
        around = RESERVE + self._frame_size() + self._sections_size(shown)
        asking = self._sizes_of[REPEATED] * sum(map(_REPEATS, shown.cards))
        cards: int = sum(map(_SIZE, shown.cards)) + sum(shown.reasons.sizes) + asking
        if (left := self._limit - around - cards) >= 0:
            return left
        full = self._sizes(shown.cards, shown.reasons)
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
        if decided.shown < len(shown.cards):
            shown.cut(decided.shown)
        return decided.room

    def _sizes(self, cards: list[Card], reasons: Reasons) -> list[int]:
        asking = self._sizes_of[REPEATED]
        return [
            card.size + card.repeated * asking + size
            for card, size in zip(cards, reasons.sizes, strict=True)
        ]

    def _cut_down(self, card: Card, level: AbstractLevel) -> Card:
        made = card.made
        shelf = self._maker.shelf(made.options._replace(abstract=level))
        return self._maker.card(made.paper, made.signals, shelf)

    def _frame_size(self) -> int:
        return self._frame.size + sum(map(self._sizes_of.__getitem__, self._frame.places))

    def _sections_size(self, shown: Shown) -> int:
        return (self._frame.section.html.size + SECTION_ROOM) * len(set(shown.sections))

    def _add_sections(self, shown: Shown) -> None:
        if not shown.cards:
            self._add(self._frame.empty)
        position = 0
        for title, picks in shown.in_order():
            if title:
                self._add(self._frame.section, section_title=self._maker.said(title))
            count = len(picks.cards)
            self._add_cards(picks, _numbers(position, position + count))
            position += count

    def _add_cards(self, shown: Shown, numbers: tuple[bytes, ...]) -> None:
        cards, (html, text, _) = shown.cards, shown.reasons
        if self._maker.has_odd_cards:
            cards, html, text, numbers = self._looked_at(cards, html, text, numbers)
        # Twenty cards of a mail as columns, each set in one step: card by card takes twice as long.
        before, after, first, second, third, *_ = zip(*cards, strict=True)
        in_html = [b""] * (3 * len(cards))
        in_html[0::3], in_html[1::3], in_html[2::3] = before, html, after
        in_text = [b""] * (5 * len(cards))
        in_text[0::5], in_text[1::5], in_text[2::5] = first, numbers, second
        in_text[3::5], in_text[4::5] = text, third
        self._html += in_html
        self._text += in_text

    def _looked_at(
        self, cards: list[Card], html: list[bytes], text: list[bytes], numbers: tuple[bytes, ...]
    ) -> tuple[list[Card], list[bytes], list[bytes], tuple[bytes, ...]]:
        """Keep the faults of cards; fill those whose places are not the usual ones."""
        columns: list[tuple[Card, bytes, bytes, bytes]] = []
        for card, in_html, in_text, number in zip(cards, html, text, numbers, strict=True):
            self.faults += card.made.faults
            if card.made.is_usual:
                columns.append((card, in_html, in_text, number))
            else:
                columns.append((card.filled(in_html, in_text, number), b"", b"", b""))
        looked_at, html_, text_, numbers_ = zip(*columns, strict=True)
        return list(looked_at), list(html_), list(text_), numbers_

    def _add_left_out(self, count: int) -> None:
        """Say how many picks are on the web only."""
        if count > 0:
            noun = "paper" if count == 1 else "papers"
            self._add_more(f"{count} more {noun} picked for you did not fit into this mail.")

    def _add_titles(self, room: int) -> None:
        """Add every other new title that fits, or only their number."""
        edition, locale = self._given.edition, self._given.profile.locale
        total = max(edition.other_count, len(edition.other_ids))
        parts = self._titles(room) if self._given.profile.all_titles else []
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

    def _titles(self, room: int) -> list[Part]:
        """Return the other titles that fit, best first; hundreds that do not are not looked at."""
        parts: list[Part] = []
        paper_of, title_of = self._given.papers.get, self._maker.title
        for row_id in self._given.edition.other_ids:
            if (paper := paper_of(row_id)) is not None:
                part = title_of(paper)
                room -= part.html.size
                if room < 0:
                    break
                parts.append(part)
        return parts

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


@lru_cache(maxsize=1024)
def _numbers(start: int, end: int) -> tuple[bytes, ...]:
    return tuple([encode(f"{n + 1:>2}. ".encode()) for n in range(start, end)])
