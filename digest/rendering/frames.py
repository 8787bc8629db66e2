"""Make what stands around the cards, once for all editions that say the same of their day.

An edition's own texts (whose it is, its addresses, its subject) stay places in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from digest.rendering.cards import Part, PartMaker
from digest.rendering.pieces import REPEATED, Piece, mark
from digest.rendering.views import EditionView

PREHEADER_ROOM = 200


class Shows(NamedTuple):
    """Which personal places a frame has."""

    title: bool
    view: bool
    preferences: bool
    stop: bool
    asks: bool


@dataclass(slots=True, eq=False)
class Frame:
    """The beginning and the end of both bodies, and the parts that may stand between."""

    view: EditionView
    shows: Shows
    html: tuple[Piece, Piece]
    text: tuple[Piece, Piece]
    empty: Part
    section: Part
    used: frozenset[str]
    """Names of its parts, and ``stop`` where both renderings show how to unsubscribe."""
    faults: tuple[str, ...]
    size: int
    """Of the HTML without its personal places, but with room for the preheader."""
    places: tuple[str, ...]
    """The personal places of the HTML, each as often as it stands there."""
    mores: dict[str, Part] = field(default_factory=dict)
    """Sentences on what is not in the mail, as parts."""


def make_frame(
    maker: PartMaker, view: EditionView, shows: Shows, installation: str, *, weekly: bool
) -> Frame:
    """Render a frame with marks in its personal places. Raises RenderError."""

    def values() -> Mapping[str, Any]:
        return {
            "edition": view,
            "installation": installation,
            "profile_title": mark("profile_title") if shows.title else "",
            "view": mark("view") if shows.view else "",
            "preferences": mark("preferences") if shows.preferences else "",
            "unsubscribe": mark("unsubscribe") if shows.stop else "",
            "feedback": mark("feedback") if shows.asks else "",
            "recipient": mark("recipient"),
            "cadence": "weekly" if weekly else "daily",
        }

    key = (view, installation, shows, weekly)
    masthead = maker.part("masthead", key, values)
    footer = maker.part("footer", key, values)
    section = maker.part("section", None, lambda: {"section_title": mark("section_title")})
    before, after = maker.html_part("frame").parted("content")
    if "preheader" in before.places:
        first, rest = before.parted("preheader")
        before = first + maker.html_part("preheader") + rest
    stops = "unsubscribe" in footer.html.places and "unsubscribe" in footer.text.places
    opening, closing = before + masthead.html, footer.html + after
    whole = opening + closing
    return Frame(
        view=view,
        shows=shows,
        html=(opening, closing),
        text=(masthead.text, footer.text),
        empty=maker.part("empty", view, lambda: {"edition": view}),
        section=section,
        used=frozenset({"masthead", "footer", "stop"} if stops else {"masthead", "footer"}),
        faults=masthead.faults + footer.faults,
        size=whole.size + PREHEADER_ROOM * whole.places.count("preheader"),
        places=tuple(place for place in whole.places if place != "preheader")
        + (REPEATED,) * whole.repeated,
    )


def more(maker: PartMaker, frame: Frame, sentence: str) -> Part:
    """Return a sentence on what is not in the mail."""
    found = frame.mores.get(sentence)
    if found is None:
        has_view = frame.shows.view
        found = frame.mores[sentence] = maker.part(
            "more",
            (sentence, has_view),
            lambda: {"more": sentence, "view": mark("view") if has_view else ""},
        )
    return found
