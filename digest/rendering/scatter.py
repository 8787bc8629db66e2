"""A window's papers as dots, interest across and trend up: one SVG that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from digest.rendering.charts import COLOURS, text

WIDTH, HEIGHT = 760, 560
LEFT, RIGHT, TOP, BASE = 56, 16, 52, 506
LABELLED = 12
LONGEST_LABEL = 44


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
        f"{_axes()}{behind}{''.join(_dot(dot) for dot in picked)}{_labels(picked)}</svg>\n"
    )


def _place(dot: Dot) -> tuple[float, float]:
    across = LEFT + (WIDTH - LEFT - RIGHT) * min(max(dot.interest, 0), 1)
    return across, BASE - (BASE - TOP) * min(max(dot.trend, 0), 1)


def _dot(dot: Dot) -> str:
    x, y = _place(dot)
    colour, size = (COLOURS[5], 5) if dot.is_picked else ("#9aa5ad", 2.5)
    said = f"{text(dot.name)}: interest {dot.interest:.2f}, trend {dot.trend:.2f}"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}" fill-opacity="0.8">'
        f"<title>{said}</title></circle>"
    )


def _labels(picked: Sequence[Dot]) -> str:
    """Name picks from the top down, each below the last so that no two overlap."""
    told, free = [], 0.0
    for dot in sorted(picked[:LABELLED], key=lambda d: _place(d)[1]):
        x, y = _place(dot)
        free = max(y + 4, free + 13)
        name = dot.name if len(dot.name) <= LONGEST_LABEL else f"{dot.name[: LONGEST_LABEL - 1]}…"
        is_right = x > WIDTH * 0.6
        anchor, at = ("end", x - 9) if is_right else ("start", x + 9)
        told.append(f'<text x="{at:.1f}" y="{free:.1f}" text-anchor="{anchor}">{text(name)}</text>')
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
