"""A window's papers as dots, interest across and trend up: one SVG that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from digest.rendering.charts import COLOURS, text

WIDTH, HEIGHT = 760, 560
LEFT, RIGHT, TOP, BASE = 56, 16, 52, 506
LABELLED = 12
LONGEST_LABEL = 44
LINE = 13
GREY = "#9aa5ad"


class Dot(Protocol):
    """One paper; scores in [0, 1]."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def interest(self) -> float: ...  # noqa: D102

    @property
    def trend(self) -> float: ...  # noqa: D102

    @property
    def is_picked(self) -> bool: ...  # noqa: D102


def scatter(title: str, dots: Sequence[Dot]) -> str:
    """Return the SVG text; picks stand out, and the first dozen of them are named."""
    behind = "".join(_dot(dot) for dot in dots if not dot.is_picked)
    picked = [dot for dot in dots if dot.is_picked]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="11" fill="#333">'
        f"<title>{text(title)}</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="12" y="28" font-size="17" font-weight="bold">{text(title)}</text>'
        f"{_axes()}{_legend()}"
        f"{behind}{''.join(_dot(dot) for dot in picked)}{_labels(picked)}</svg>\n"
    )


def _place(dot: Dot) -> tuple[float, float]:
    across = LEFT + (WIDTH - LEFT - RIGHT) * min(max(dot.interest, 0), 1)
    return across, BASE - (BASE - TOP) * min(max(dot.trend, 0), 1)


def _dot(dot: Dot) -> str:
    x, y = _place(dot)
    colour, size = (COLOURS[5], 5) if dot.is_picked else (GREY, 2.5)
    said = f"{text(dot.name)}: interest {dot.interest:.2f}, trend {dot.trend:.2f}"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}" fill-opacity="0.8">'
        f"<title>{said}</title></circle>"
    )


def _labels(picked: Sequence[Dot]) -> str:
    """Name picks so that no two names overlap; a line leads to one that had to move."""
    told = []
    named = sorted(picked[:LABELLED], key=lambda dot: (_place(dot)[1], dot.interest))
    for dot, line in zip(named, _lines([_place(dot)[1] + 4 for dot in named]), strict=True):
        x, y = _place(dot)
        name = dot.name if len(dot.name) <= LONGEST_LABEL else f"{dot.name[: LONGEST_LABEL - 1]}…"
        is_right = x > WIDTH * 0.6
        anchor, at = ("end", x - 9) if is_right else ("start", x + 9)
        if abs(line - 4 - y) > LINE:
            told.append(
                f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{at:.1f}" y2="{line - 4:.1f}" '
                'stroke="#b9c0c5"/>'
            )
        told.append(f'<text x="{at:.1f}" y="{line:.1f}" text-anchor="{anchor}">{text(name)}</text>')
    return "".join(told)


def _lines(wanted: Sequence[float]) -> list[float]:
    """Return a line of its own for each name: near the wanted one, none below the axis."""
    found, free = [], 0.0
    for line in wanted:
        free = max(line, free + LINE)
        found.append(free)
    lowest = BASE - 8.0
    for place in range(len(found) - 1, -1, -1):
        found[place] = min(found[place], lowest)
        lowest = found[place] - LINE
    return found


def _legend() -> str:
    y, told = BASE + 32, []
    kinds = ((LEFT, COLOURS[5], 5, "picked"), (LEFT + 80, GREY, 2.5, "left out"))
    for x, colour, size, name in kinds:
        told.append(
            f'<rect x="{x - size}" y="{y - size}" width="{2 * size}" height="{2 * size}" '
            f'rx="{size}" fill="{colour}" fill-opacity="0.8"/>'
            f'<text x="{x + 9}" y="{y + 4}">{name}</text>'
        )
    return "".join(told)


def _axes() -> str:
    rules = []
    for value in (0, 0.25, 0.5, 0.75, 1):
        x = LEFT + (WIDTH - LEFT - RIGHT) * value
        y = BASE - (BASE - TOP) * value
        rules.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e3e3"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#777">{value:g}</text>'
            f'<text x="{x:.1f}" y="{BASE + 16}" text-anchor="middle" fill="#777">{value:g}</text>'
        )
    return (
        "".join(rules)
        + f'<text x="{WIDTH - RIGHT}" y="{BASE + 36}" text-anchor="end">interest</text>'
        + f'<text x="{LEFT - 40}" y="{TOP - 8}">trend</text>'
    )
