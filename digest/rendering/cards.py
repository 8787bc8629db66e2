"""Render each part of a mail once and keep it encoded: cards by paper, frames by what they say.

The caches are bounded and may be shared by threads: a race makes a part twice, never wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from markupsafe import escape

from digest.model import Paper
from digest.rendering.inert import plain
from digest.rendering.lint import html_part_faults, text_part_faults
from digest.rendering.parts import TEXT_WIDTH, Templates, rendered, wrap
from digest.rendering.pieces import Piece, all_words, cut, encode, mark, words
from digest.rendering.views import CardOptions, SignalValues, paper_view, title_view

CARD_LIMIT = 20_000
PART_LIMIT = 4_000
SAID_LIMIT = 50_000
SIGNALS_LIMIT = 64
"""Mappings of signals that a run needs side by side: one for each instant that editions are of."""
REASON_INDENT = 4


Signals = Mapping[int, SignalValues]


@dataclass(frozen=True, slots=True)
class Part:
    """Both renderings of one part, and what the lint has against them."""

    name: str
    html: Piece
    text: Piece
    faults: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Made:
    """One paper's card as it was made, and what of."""

    paper: Paper
    signals: SignalValues
    options: CardOptions
    html: Piece
    text: Piece
    title: str
    faults: tuple[str, ...]

    @property
    def is_usual(self) -> bool:
        """Tell whether its places are the reason, and in the text the number before it."""
        return (self.html.places, self.text.places) in _USUAL


_USUAL = ((("reason",), ("number", "reason")), ((), ("number",)))


class Card(NamedTuple):
    """A card as mails take it: twenty of them are turned into columns, and those joined.

    Around the reason stand ``before`` and ``after`` in the HTML; in the text come ``first``, the
    number, ``second``, the reason and ``third``.
    """

    before: bytes
    after: bytes
    first: bytes
    second: bytes
    third: bytes
    size: int
    """Of the HTML without the reason and the repeated value, before encoding."""
    repeated: int
    made: Made

    @classmethod
    def of(cls, made: Made) -> Card:
        """Cut a card at the usual places; one with others is `filled` for each mail."""
        size, repeated = made.html.size, made.html.repeated
        if not made.is_usual:
            return cls(b"", b"", b"", b"", b"", size, repeated, made)
        before, after, *_ = *made.html.literals, b""
        first, second, third, *_ = *made.text.literals, b""
        return cls(before, after, first, second, third, size, repeated, made)

    def filled(self, html: bytes, text: bytes, number: bytes) -> Card:
        """Return a card of unusual places with this reason and number in them, as one literal."""
        return self._replace(
            before=self.made.html.filled({"reason": html, "number": number}),
            second=self.made.text.filled({"reason": text, "number": number}),
        )


class Said(NamedTuple):
    """One personal text, encoded in both forms."""

    html: bytes
    text: bytes
    size: int
    """Of the HTML, before encoding."""


class Reasons(NamedTuple):
    """The reasons of a mail's picks, a column for each form; ``sizes`` are as those of `Said`."""

    html: list[bytes]
    text: list[bytes]
    sizes: list[int]

    def at(self, places: Sequence[int]) -> Reasons:
        """Return those of some picks."""
        html, text, sizes = self
        return Reasons(
            [html[place] for place in places],
            [text[place] for place in places],
            [sizes[place] for place in places],
        )


class Ready:
    """Cards that hold for one mapping of papers, and for some of signals, by the ids of those.

    Readers of one run share these mappings, and what they say of a paper stays (`EditionInput`).
    So whether a card still says what is known of its paper is asked once a run, not once a mail.
    """

    __slots__ = ("by_signals", "papers")

    def __init__(self, papers: Mapping[int, Paper]) -> None:
        self.papers = papers
        self.by_signals: dict[int, tuple[Signals, dict[int, Card]]] = {}
        """With each mapping itself: while it is held, no other has its id."""


class Shelf:
    """The cards of one set of options."""

    __slots__ = ("cards", "options", "ready")

    def __init__(self, options: CardOptions) -> None:
        self.options = options
        self.cards: dict[int, Card] = {}
        """By the paper's row id."""
        self.ready = Ready({})

    def ready_for(self, papers: Mapping[int, Paper], signals: Signals) -> dict[int, Card]:
        """Return the cards that need no further look; those of other papers are forgotten."""
        ready = self.ready
        if ready.papers is not papers:
            ready = self.ready = Ready(papers)  # whole: another thread may read the former one
        found = ready.by_signals.get(id(signals))
        if found is None:
            if len(ready.by_signals) >= SIGNALS_LIMIT:
                ready.by_signals.clear()
            found = ready.by_signals[id(signals)] = signals, {}
        return found[1]


class PartMaker:
    """Renders parts with marks in the personal places, and keeps them.

    Each part is linted when it is made (``images`` allows those from elsewhere): the messages
    that hold it need not be.
    """

    def __init__(self, templates: Templates, *, images: bool = False) -> None:
        self._templates = templates
        self._images = images
        self._shelves: dict[CardOptions, Shelf] = {}
        self._kept_cards = 0
        self._titles: dict[int, tuple[Paper, Part]] = {}
        self._parts: dict[Hashable, Part] = {}
        self._alone: dict[str, Piece] = {}
        self._said: dict[str, Said] = {}
        self._reasons: dict[str, Said] = {}
        self.has_odd_cards = False
        """Some card has faults, or places other than the usual: each has to be looked at."""

    def shelf(self, options: CardOptions) -> Shelf:
        """Return the cards of these options, to look them up without comparing options again."""
        return self._shelves.get(options) or self._shelves.setdefault(options, Shelf(options))

    def card(self, paper: Paper, signals: SignalValues, shelf: Shelf) -> Card:
        """Return a paper's card; made again when the paper or its signals have changed."""
        found = shelf.cards.get(paper.row_id)
        if found:
            of, said = found.made.paper, found.made.signals
            if (of is paper or of == paper) and (said is signals or said == signals):
                return found
        options = shelf.options
        view = paper_view(paper, signals, options)
        values = {
            "paper": view,
            "badge": options.badge,
            "reason": mark("reason") if options.has_reason else "",
            "feedback": mark("feedback") if options.has_feedback else "",
            "number": mark("number"),
        }
        html, text, faults = self._both("card", values)
        made = Made(paper, signals, options, html, text, view.title, faults)
        if faults or not made.is_usual:
            self.has_odd_cards = True
        if self._kept_cards >= CARD_LIMIT:
            self._shelves.clear()  # at once: other threads add shelves
            self._kept_cards = 0
        card = shelf.cards[paper.row_id] = Card.of(made)
        self._kept_cards += 1
        return card

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

    def reasons(self, texts: Sequence[str]) -> Reasons:
        """Return the reasons of a mail's picks, wrapped for the text."""
        sizes = list(map(len, texts))
        if texts and max(sizes) + REASON_INDENT <= TEXT_WIDTH and (simple := all_words(texts)):
            return Reasons(simple, simple, sizes)
        said = [self._reasons.get(text) or self._reason(text) for text in texts]
        return Reasons(
            [one.html for one in said], [one.text for one in said], [one.size for one in said]
        )

    def _reason(self, text: str) -> Said:
        clean = plain(text)
        html = str(escape(clean)).encode()
        wrapped = wrap(clean, REASON_INDENT).encode()
        found = Said(encode(html), encode(wrapped), len(html))
        _keep(self._reasons, text, found)
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
        return Said(simple, simple, len(text.encode()))
    html, content = str(escape(text)).encode(), text.encode()
    encoded = encode(html)
    return Said(encoded, encoded if html == content else encode(content), len(html))


def said_each(texts: Sequence[str]) -> list[Said]:
    """Encode the texts of one message, each as `said_once` does."""
    simple = all_words(texts)
    if simple is None:
        return [said_once(text) for text in texts]
    return list(map(Said, simple, simple, map(len, texts)))


def _keep(memo: dict[str, Said], text: str, found: Said) -> None:
    if len(memo) >= SAID_LIMIT:
        memo.clear()
    memo[text] = found
