"""Decide what of an edition fits into a mail: how many cards, with or without abstracts.

Works on sizes alone; renders nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fit:
    """The decision: which cards keep their abstract, how many cards and titles are shown."""

    with_abstract: int
    """The best so many cards keep their abstract."""
    shown: int
    """The best so many cards are shown at all."""
    room: int
    """Bytes left for titles."""


def fit(full: Sequence[int], bare: Sequence[int], *, around: int, limit: int) -> Fit:
    """Drop abstracts from the least paper up, then papers, until the HTML fits.

    ``full`` and ``bare`` are the cards' sizes with and without abstract, best first; ``around`` is
    the size of all else. At least one card is shown.

    >>> fit([50, 50, 50], [20, 20, 20], around=10, limit=130)
    Fit(with_abstract=2, shown=3, room=0)
    >>> fit([50, 50, 50], [20, 20, 20], around=10, limit=55)
    Fit(with_abstract=0, shown=2, room=5)
    """
    total = around + sum(full)
    rich = len(full)
    while total > limit and rich:
        rich -= 1
        total += bare[rich] - full[rich]
    shown = len(full)
    while total > limit and shown > 1:
        shown -= 1
        total -= bare[shown]
    return Fit(with_abstract=min(rich, shown), shown=shown, room=max(0, limit - total))
