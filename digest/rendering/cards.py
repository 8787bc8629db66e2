"""Render each part of a mail once and keep it encoded: cards by paper, frames by what they say.

The caches are bounded and may be shared by threads: a race makes a part twice, never wrongly.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import escape

from digest.model import Paper
from digest.rendering.inert import plain
from digest.rendering.lint import html_part_faults, text_part_faults
from digest.rendering.parts import Templates, rendered, wrap
from digest.rendering.pieces import Piece, Value, cut, mark, value
from digest.rendering.views import CardOptions, SignalValues, paper_view, title_view

CARD_LIMIT = 20_000
PART_LIMIT = 4_000
SAID_LIMIT = 50_000
REASON_INDENT = 4


@dataclass(frozen=True, slots=True)
class Part:
    """Both renderings of one part, and what the lint has against them."""

    name: str
    html: Piece
    text: Piece
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """One paper's card."""

    html: Piece
    text: Piece
    title: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One personal text in both forms."""

    html: Value
    text: Value


Shelf = dict[int, tuple[Paper, SignalValues, Card]]
"""The cards of one set of options, by the paper's row id, with what they were made of."""


class PartMaker:
    """Renders parts with marks in the personal places, and keeps them.

    Each part is linted when it is made (``images`` allows those from elsewhere): the messages
    that hold it need not be.
    """

    def __init__(self, templates: Templates, *, images: bool = False) -> None:
        self._templates = templates
        self._images = images
        self._cards: dict[CardOptions, Shelf] = {}
        self._kept_cards = 0
        self._titles: dict[int, tuple[Paper, Part]] = {}
        self._parts: dict[Hashable, Part] = {}
        self._alone: dict[str, Piece] = {}
        self._said: dict[str, Said] = {}
        self.reasons: dict[str, Said] = {}
        """Reasons by their text; look here before asking for one."""

    def shelf(self, options: CardOptions) -> Shelf:
        """Return the cards of these options, to look them up without comparing options again."""
        return self._cards.setdefault(options, {})

    def card(self, paper: Paper, signals: SignalValues, options: CardOptions, shelf: Shelf) -> Card:
        """Return a paper's card; made again when the paper or its signals have changed."""
        found = shelf.get(paper.row_id)
        if found and (found[0] is paper or found[0] == paper) and found[1] == signals:
            shelf[paper.row_id] = (paper, signals, found[2])
            return found[2]
        view = paper_view(paper, signals, options)
        values = {
            "paper": view,
            "badge": options.badge,
            "reason": mark("reason") if options.has_reason else "",
            "feedback": mark("feedback") if options.has_feedback else "",
            "number": mark("number"),
        }
        html, text, faults = self._both("card", values)
        made = Card(html=html, text=text, title=view.title, faults=faults)
        if self._kept_cards >= CARD_LIMIT:
            for other in self._cards.values():
                other.clear()
            self._kept_cards = 0
        shelf[paper.row_id] = (paper, signals, made)
        self._kept_cards += 1
        return made

    def title(self, paper: Paper) -> Part:
        """Return a paper's line in the list of all other titles."""
        found = self._titles.get(paper.row_id)
        if found and (found[0] is paper or found[0] == paper):
            return found[1]
        made = Part("title", *self._both("title", {"paper": title_view(paper)}))
        if len(self._titles) >= CARD_LIMIT:
            self._titles.clear()
        self._titles[paper.row_id] = (paper, made)
        return made

    def part(self, name: str, key: Hashable, values: Mapping[str, Any]) -> Part:
        """Return a part that says the same for equal ``key``."""
        found = self._parts.get((name, key))
        if found is None:
            found = Part(name, *self._both(name, values))
            if len(self._parts) >= PART_LIMIT:
                self._parts.clear()
            self._parts[name, key] = found
        return found

    def html_part(self, name: str) -> Piece:
        """Return a part that stands in the HTML alone, all of whose values are personal."""
        found = self._alone.get(name)
        if found is None:
            marks = {place: mark(place) for place in ("subject", "preheader", "content")}
            found = self._alone[name] = self._html(name, marks)[0]
        return found

    def said(self, text: str) -> Said:
        """Return a personal text, escaped for HTML."""
        found = self._said.get(text)
        if found is None:
            clean = plain(text)
            found = Said(html=value(str(escape(clean))), text=value(clean))
            _keep(self._said, text, found)
        return found

    def reason(self, text: str) -> Said:
        """Return a pick's reason, wrapped for the text."""
        clean = plain(text)
        found = Said(html=value(str(escape(clean))), text=value(wrap(clean, REASON_INDENT)))
        _keep(self.reasons, text, found)
        return found

    def _both(self, name: str, values: Mapping[str, Any]) -> tuple[Piece, Piece, tuple[str, ...]]:
        html, html_faults = self._html(name, values)
        text, text_faults = self._text(name, values)
        return html, text, html_faults + text_faults

    def _html(self, name: str, values: Mapping[str, Any]) -> tuple[Piece, tuple[str, ...]]:
        made = rendered(self._templates.html[name], values).lstrip("\n")
        piece = cut(made)
        return piece, html_part_faults(made, piece.literals, remote_images=self._images)

    def _text(self, name: str, values: Mapping[str, Any]) -> tuple[Piece, tuple[str, ...]]:
        made = rendered(self._templates.text[name], values)
        piece = cut(made)
        return piece, text_part_faults(made, piece.literals)


def _keep(memo: dict[str, Said], text: str, found: Said) -> None:
    if len(memo) >= SAID_LIMIT:
        memo.clear()
    memo[text] = found
