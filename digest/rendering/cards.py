"""Render each part of a mail once and keep it encoded: cards by paper, frames by what they say.

The caches are bounded and may be shared by threads: a race makes a part twice, never wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import escape

from digest.model import Paper
from digest.rendering.inert import plain
from digest.rendering.lint import html_part_faults, text_part_faults
from digest.rendering.parts import TEXT_WIDTH, Templates, rendered, wrap
from digest.rendering.pieces import Piece, cut, encode, mark, words
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


@dataclass(slots=True)
class Card:
    """One paper's card, and what it was made of."""

    paper: Paper
    signals: SignalValues
    options: CardOptions
    html: Piece
    text: Piece
    title: str
    faults: tuple[str, ...]
    literals: tuple[bytes, ...] = field(init=False)
    """Of the HTML, then of the text, where the only places are the reason, and in the text the
    number before it; else empty."""

    def __post_init__(self) -> None:
        """See whether its places are the usual ones."""
        usual = self.html.places == ("reason",) and self.text.places == ("number", "reason")
        self.literals = self.html.literals + self.text.literals if usual else ()


@dataclass(slots=True)
class Said:
    """One personal text, encoded in both forms."""

    html: bytes
    text: bytes
    size: int
    """Of the HTML, before encoding."""


Shelf = dict[int, Card]
"""The cards of one set of options, by the paper's row id."""


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
        if found and found.paper == paper and found.signals == signals:
            found.paper, found.signals = paper, signals  # the next look compares no values
            return found
        view = paper_view(paper, signals, options)
        values = {
            "paper": view,
            "badge": options.badge,
            "reason": mark("reason") if options.has_reason else "",
            "feedback": mark("feedback") if options.has_feedback else "",
            "number": mark("number"),
        }
        html, text, faults = self._both("card", values)
        made = Card(paper, signals, options, html, text, view.title, faults)
        if self._kept_cards >= CARD_LIMIT:
            self._cards.clear()  # at once: other threads add shelves
            self._kept_cards = 0
        shelf[paper.row_id] = made
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

    def part(self, name: str, key: Hashable, values: Callable[[], Mapping[str, Any]]) -> Part:
        """Return a part that says the same for equal ``key``; what it says is asked for once."""
        found = self._parts.get((name, key))
        if found is None:
            found = Part(name, *self._both(name, values()))
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
            found = said_once(text if words(text) else plain(text))
            _keep(self._said, text, found)
        return found

    def reason(self, text: str) -> Said:
        """Return a pick's reason, wrapped for the text."""
        found = None
        if len(text) + REASON_INDENT <= TEXT_WIDTH and (simple := words(text)) is not None:
            found = Said(simple, simple, len(text))
        if found is None:
            clean = plain(text)
            html = str(escape(clean)).encode()
            wrapped = wrap(clean, REASON_INDENT).encode()
            found = Said(encode(html), encode(wrapped), len(html))
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


def said_once(text: str) -> Said:
    """Encode a text of one message, which no memo would meet again; it has to be `plain`."""
    simple = words(text)
    if simple is not None:
        return Said(simple, simple, len(text))
    html = str(escape(text)).encode()
    return Said(encode(html), encode(text.encode()), len(html))


def _keep(memo: dict[str, Said], text: str, found: Said) -> None:
    if len(memo) >= SAID_LIMIT:
        memo.clear()
    memo[text] = found
